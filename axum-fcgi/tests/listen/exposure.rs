//! Listening to the network without an allow-list.

use axum::Router;
use axum::serve::{Listener, ListenerExt as _};
use axum_fcgi::{Address, AllowList, AllowListener, FcgiListener, Listeners, UnixSocket};
use tokio::net::TcpListener;

use crate::log::Log;

/// The warnings of `serve` up to its wait for the first connection.
async fn warnings<L>(listener: L) -> Vec<String>
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    let (log, _guard) = Log::start();
    axum_fcgi::serve(listener, Router::new()).with_graceful_shutdown(async {}).await.unwrap();
    log.warnings()
}

fn allowed(address: &str) -> AllowListener<FcgiListener> {
    AllowListener::new(bind(address), AllowList::loopback())
}

fn nothing(_: &mut axum_fcgi::FcgiStream) {}

fn bind(address: &str) -> FcgiListener {
    FcgiListener::bind(address).unwrap()
}

#[tokio::test]
async fn a_public_tcp_address_is_warned_about_once() {
    let all = "0.0.0.0:0";
    let tokio = TcpListener::bind(all).await.unwrap();
    let tapped = TcpListener::bind(all).await.unwrap().tap_io(|_| {});
    let addresses = ["127.0.0.1:0", all].map(|address| address.parse::<Address>().unwrap());
    let several = || Listeners::bind(&addresses).unwrap();
    for warnings in [
        warnings(tokio).await,
        warnings(tapped).await,
        warnings(bind(all)).await,
        warnings(several()).await,
        warnings(several().tap_io(|_| {})).await,
        warnings(Listeners::new(bind(":0").tap_io(nothing)).and(bind(all).tap_io(nothing))).await,
    ] {
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(
            warnings[0].contains("0.0.0.0:")
                && warnings[0].contains("anyone who can connect can claim to be any client"),
            "{warnings:?}"
        );
    }
}

#[tokio::test]
async fn loopback_unix_or_listed_addresses_do_not_warn() {
    let dir = tempfile::tempdir().unwrap();
    let unix = UnixSocket::new(dir.path().join("sock")).bind().unwrap();
    let tokio = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let listed = AllowListener::new(bind("0.0.0.0:0"), AllowList::loopback());
    for warnings in [
        warnings(tokio).await,
        warnings(bind("127.0.0.2:0")).await,
        warnings(unix).await,
        warnings(Listeners::new(bind(":0")).and(bind("localhost:0"))).await,
        warnings(listed).await,
        warnings(AllowListener::new(
            Listeners::new(bind(":0")).and(bind("0.0.0.0:0")),
            AllowList::loopback(),
        ))
        .await,
        warnings(Listeners::new(allowed(":0")).and(allowed("0.0.0.0:0")).tap_io(|_| {})).await,
    ] {
        assert_eq!(warnings, [""; 0]);
    }
}

#[tokio::test]
async fn a_public_http_address_is_warned_about() {
    let (log, _guard) = Log::start();
    let serve = axum_fcgi::serve(bind(":0"), Router::new()).with_upgrades_over_http(bind("0.0.0.0:0"));
    serve.with_graceful_shutdown(async {}).await.unwrap();
    let warnings = log.warnings();
    assert!(warnings.len() == 1 && warnings[0].contains("0.0.0.0:"), "{warnings:?}");
}
