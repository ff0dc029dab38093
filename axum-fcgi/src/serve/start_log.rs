//! What a server logs when it starts.

use std::fmt;

use axum::serve::Listener;

use super::config::Config;

/// Logs where and how the server runs, and warns if the network can connect.
pub(super) fn log_start<L>(listener: &L, http: Option<&L>, config: &Config, max: usize, started_by: &str)
where
    L: Listener<Addr: fmt::Debug>,
{
    let addresses = names(listener);
    let http_addresses = http.map(names);
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        ?addresses,
        http_addresses = http_addresses.map(tracing::field::debug),
        started_by,
        max_connections = max,
        max_concurrent_requests = config.connection.limits().max_concurrent_requests,
        request_timeout = ?config.connection.request_timeout(),
        shutdown_timeout = ?config.shutdown_timeout,
        "serving FastCGI"
    );
    [Some(listener), http].into_iter().flatten().for_each(|listener| {
        crate::listen::warn_if_exposed(&crate::listen::local_addresses(listener));
    });
}

fn names<L: Listener<Addr: fmt::Debug>>(listener: &L) -> Vec<String> {
    crate::listen::local_addresses(listener).into_iter().map(|address| address.name).collect()
}
