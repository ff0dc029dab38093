//! The application, which responds with the facts that it was sent.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread::{self, JoinHandle};

use axum::routing::{get, post};
use axum::{Json, Router};
use axum_fcgi::{RequestScheme, TlsInfo};
use test_support::Result;
use tokio::net::UnixListener;
use tokio::sync::oneshot;

use crate::parameters;

pub(crate) struct Application {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// Serves at `app.sock` in the directory.
pub(crate) fn serve(directory: &Path) -> Result<Application> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let path = directory.join("app.sock");
    let listener = {
        let _entered = runtime.enter();
        UnixListener::bind(&path)?
    };
    // Apache's workers run as another user.
    fs::set_permissions(&path, Permissions::from_mode(0o666))?;
    let (stop, stopped) = oneshot::channel();
    let thread = thread::spawn(move || {
        let stopped = async move { drop(stopped.await) };
        let served = axum_fcgi::serve(listener, router());
        runtime.block_on(served.with_graceful_shutdown(stopped).into_future()).unwrap();
    });
    Ok(Application { stop, thread })
}

fn router() -> Router {
    Router::new().route("/", get(facts)).route("/{*path}", post(parameters::facts))
}

impl Application {
    pub(crate) fn stop(self) {
        drop(self.stop);
        self.thread.join().unwrap();
    }
}

async fn facts(
    RequestScheme(scheme): RequestScheme,
    tls: Option<TlsInfo>,
) -> Json<BTreeMap<&'static str, String>> {
    let tls = tls.unwrap_or_default();
    let verified = tls.verified_subject().map(str::to_owned);
    let all = [
        ("protocol", tls.protocol),
        ("cipher", tls.cipher),
        ("server_name", tls.server_name),
        ("verify", tls.client_verify.map(|verify| format!("{verify:?}"))),
        ("subject", tls.client_subject),
        ("issuer", tls.client_issuer),
        ("serial", tls.client_serial),
        ("cert", tls.client_cert),
        ("verified", verified),
        ("scheme", Some(scheme.to_string())),
    ];
    Json(all.into_iter().filter_map(|(name, fact)| Some((name, fact?))).collect())
}
