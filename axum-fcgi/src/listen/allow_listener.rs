//! A listener that refuses peers which are not in a list.

use std::fmt;
use std::io;
use std::sync::Arc;

use axum::serve::Listener;
use tower_fcgi::LogThrottle;
use tower_fcgi::stats::Refusal;

use super::allowed_peer::{AllowedPeer, PeerIp};
use super::local_addresses::{self, LocalAddress};
use crate::accept::{accept, count_refused};
use crate::allow_list::AllowList;

/// A listener that accepts only peers in an [`AllowList`].
///
/// A connection from any other peer is closed at once, unread. The first is logged at `warn`, and then one every 10 s, with
/// their number.
///
/// The list does not apply to unix sockets: the mode of the socket's file decides who may connect. So one list can be put
/// around [`Listeners`](crate::Listeners) of both kinds.
///
/// # Examples
/// The list in FCGI_WEB_SERVER_ADDRS, which the web server that started the process may set, or else this machine only:
/// ```no_run
/// use axum_fcgi::{AllowList, AllowListener, FcgiListener};
/// # async fn run(router: axum::Router, address: axum_fcgi::Address) -> std::io::Result<()> {
/// let list = AllowList::from_env().unwrap_or_else(AllowList::loopback);
/// let listener = AllowListener::new(FcgiListener::bind(&address)?, list);
/// axum_fcgi::serve(listener, router).await
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AllowListener<L> {
    listener: L,
    list: AllowList,
    /// Shared by the clones.
    refused: Arc<LogThrottle>,
}

impl<L> AllowListener<L> {
    /// Wraps `listener`, which then accepts only peers in `list`.
    pub fn new(listener: L, list: AllowList) -> Self {
        Self { listener, list, refused: Arc::default() }
    }
}

impl<L> Listener for AllowListener<L>
where
    L: Listener,
    L::Addr: PeerIp + fmt::Debug,
{
    type Io = L::Io;
    type Addr = AllowedPeer<L::Addr>;

    /// # Cancel safety
    /// As cancel safe as the wrapped listener's `accept`.
    async fn accept(&mut self) -> (L::Io, AllowedPeer<L::Addr>) {
        loop {
            let (io, peer) = accept(&mut self.listener).await;
            if peer.ip().is_none_or(|ip| self.list.allows(ip)) {
                return (io, AllowedPeer(peer));
            }
            count_refused(Refusal::AllowList);
            if let Some(count) = self.refused.check() {
                tracing::warn!(
                    ?peer,
                    count,
                    "connection refused: add the peer to the allow-list if it is a web server"
                );
            }
        }
    }

    fn local_addr(&self) -> io::Result<AllowedPeer<L::Addr>> {
        local_addresses::report(|| {
            let addresses = local_addresses::local_addresses(&self.listener);
            addresses.into_iter().map(|address| LocalAddress { open_tcp: None, ..address }).collect()
        });
        local_addresses::unreported(|| self.listener.local_addr()).map(AllowedPeer)
    }
}
