//! The allow-list of peers.

use std::net::SocketAddr;

use axum::Router;
use axum::routing::get;
use axum::serve::Listener;
use axum_fcgi::{AllowList, AllowListener, FcgiListener, Listeners, UnixSocket};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream, UnixStream};

use crate::{child, log::Log, wire};

fn serve<L>(listener: L)
where
    L: Listener,
    L::Addr: std::fmt::Debug,
{
    let router = Router::new().route("/", get(async || "served"));
    tokio::spawn(axum_fcgi::serve(listener, router).into_future());
}

async fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

async fn is_served(addr: SocketAddr) -> bool {
    let mut io = TcpStream::connect(addr).await.unwrap();
    wire::ask(&mut io, &wire::get("/", true)).await.is_ok_and(|response| response.ends_with("served"))
}

#[tokio::test]
async fn a_listed_peer_is_served() {
    let (listener, addr) = bind().await;
    serve(AllowListener::new(listener, "192.0.2.1, 127.0.0.0/8".parse().unwrap()));
    assert!(is_served(addr).await);
}

#[tokio::test]
async fn disallowed_peers_are_closed_with_one_warning() {
    let (log, _guard) = Log::start();
    let (listener, addr) = bind().await;
    serve(AllowListener::new(listener, "127.0.0.2, 2001:db8::/32".parse().unwrap()));
    let mut peers = Vec::new();
    for _ in 0..100 {
        let mut io = TcpStream::connect(addr).await.unwrap();
        peers.push(io.local_addr().unwrap().to_string());
        assert_eq!(io.read(&mut [0; 1]).await.unwrap(), 0, "the connection must be closed without a byte");
    }
    let warnings = log.warnings();
    // A second one if this took more than 10 s.
    assert!((1..10).contains(&warnings.len()), "{warnings:?}");
    let first = format!("peer={} count=1 ", peers[0]);
    assert!(
        warnings[0].contains("connection refused: add the peer") && warnings[0].contains(&first),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn a_v4_peer_of_a_v6_socket_matches_as_v4() {
    // Some machines have no IPv6.
    let Ok(listener) = TcpListener::bind("[::]:0").await else { return };
    let port = listener.local_addr().unwrap().port();
    serve(AllowListener::new(listener, "127.0.0.1".parse().unwrap()));
    assert!(is_served(([127, 0, 0, 1], port).into()).await);
}

#[tokio::test]
async fn unix_peers_are_not_subject_to_the_list() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let (tcp, addr) = bind().await;
    let both = Listeners::new(FcgiListener::from(tcp)).and(UnixSocket::new(&path).bind().unwrap());
    serve(AllowListener::new(both, AllowList::empty()));
    let mut io = UnixStream::connect(&path).await.unwrap();
    assert!(wire::ask(&mut io, &wire::get("/", true)).await.unwrap().ends_with("served"));
    assert!(!is_served(addr).await);
}

#[tokio::test]
async fn fcgi_web_server_addrs_decides_who_may_connect() {
    const NAME: &str = "allow_listener::fcgi_web_server_addrs_decides_who_may_connect";
    if let Some(expected) = child::expectation() {
        let Some(list) = AllowList::from_env() else { return assert_eq!(expected, "unset") };
        let (listener, addr) = bind().await;
        serve(AllowListener::new(listener, list));
        return assert_eq!(is_served(addr).await.to_string(), expected);
    }
    for (value, expected) in [
        (Some("127.0.0.1"), "true"),
        (Some("192.0.2.1,127.0.0.1"), "true"),
        (Some("::ffff:127.0.0.1"), "true"),
        (Some("192.0.2.1"), "false"),
        (Some("::1"), "false"),
        (Some(""), "false"),
        (Some("127.0.0.1,localhost"), "false"),
        (None, "unset"),
    ] {
        let mut command = child::again(NAME, "exec", "", expected);
        match value {
            Some(value) => command.env("FCGI_WEB_SERVER_ADDRS", value),
            None => command.env_remove("FCGI_WEB_SERVER_ADDRS"),
        };
        child::passed(child::start(command));
    }
}
