//! Make-services: `into_make_service()`, connect info of each request's client and of a connection, and others.

use std::convert::Infallible;
use std::future::{pending, ready};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request};
use axum::handler::{Handler as _, HandlerWithoutStateExt as _};
use axum::response::Response;
use axum::routing::get;
use axum::serve::{Listener, ListenerExt as _};
use axum::{Router, ServiceExt};
use axum_fcgi::{Authorized, Config, FcgiListener, IncomingStream, MakeFcgiService};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::oneshot;
use tower::make::Shared;
use tower::{Layer as _, service_fn};
use tower_http::normalize_path::NormalizePathLayer;

use crate::{in_memory, wire};

/// The records of a request on a kept connection from this client.
fn from(client: &str) -> Vec<u8> {
    let params =
        [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/"), ("REMOTE_ADDR", client), ("REMOTE_PORT", "1")];
    let mut out = wire::head(&params, true);
    out.write_stream_end(fcgi_core::RecordType::STDIN, wire::ID);
    wire::bytes(&out)
}

/// The bodies of the responses to two clients whose requests share a connection.
async fn two_clients<M, K: 'static>(service: M) -> Vec<String>
where
    M: MakeFcgiService<in_memory::InMemory, K>,
{
    let (entrance, listener) = in_memory::listener();
    tokio::spawn(axum_fcgi::serve(listener, service).into_future());
    let mut io = entrance.connect();
    let mut bodies = Vec::new();
    for client in ["192.0.2.1", "2001:db8::2", "192.0.2.1"] {
        let response = wire::ask(&mut io, &from(client)).await.unwrap();
        bodies.push(response.split_once("\r\n\r\n").unwrap().1.to_owned());
    }
    bodies
}

async fn client(ConnectInfo(client): ConnectInfo<SocketAddr>) -> String {
    client.to_string()
}

#[tokio::test]
async fn connect_info_is_per_request_in_every_form() {
    let router = || Router::new().route("/", get(client));
    let layered = || NormalizePathLayer::trim_trailing_slash().layer(router());
    for bodies in [
        two_clients(router()).await,
        two_clients(router().into_make_service()).await,
        two_clients(router().into_make_service_with_connect_info::<SocketAddr>()).await,
        two_clients(get(client)).await,
        two_clients(get(client).into_make_service()).await,
        two_clients(get(client).into_make_service_with_connect_info::<SocketAddr>()).await,
        two_clients(client.into_service()).await,
        two_clients(client.into_make_service()).await,
        two_clients(client.into_make_service_with_connect_info::<SocketAddr>()).await,
        two_clients(client.with_state(())).await,
        two_clients(client.with_state(()).into_make_service_with_connect_info::<SocketAddr>()).await,
        two_clients(layered()).await,
        two_clients(ServiceExt::<Request>::into_make_service(layered())).await,
        two_clients(ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(layered()))
            .await,
        two_clients(Shared::new(router())).await,
    ] {
        assert_eq!(bodies, ["192.0.2.1:1", "[2001:db8::2]:1", "192.0.2.1:1"]);
    }
}

/// The mode of the application's own peer: what only the connection can tell.
#[derive(Debug, Clone, PartialEq)]
struct WebServer {
    uid: u32,
}

impl Connected<IncomingStream<'_, UnixListener>> for WebServer {
    fn connect_info(stream: IncomingStream<'_, UnixListener>) -> Self {
        assert!(stream.remote_addr().is_unnamed());
        Self { uid: stream.io().peer_cred().unwrap().uid() }
    }
}

#[tokio::test]
async fn own_connect_info_is_made_from_the_connection() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sock");
    let handler = async |ConnectInfo(server): ConnectInfo<WebServer>,
                         ConnectInfo(client): ConnectInfo<SocketAddr>| {
        format!("{} {client}", server.uid)
    };
    let app = Router::new().route("/", get(handler)).into_make_service_with_connect_info::<WebServer>();
    tokio::spawn(axum_fcgi::serve(UnixListener::bind(&path).unwrap(), app).into_future());
    let mut io = UnixStream::connect(&path).await.unwrap();
    let response = wire::ask(&mut io, &from("192.0.2.1")).await.unwrap();
    let uid = rustix::process::getuid().as_raw();
    assert!(response.ends_with(&format!("\r\n\r\n{uid} 192.0.2.1:1")), "{response}");
}

/// A make-service that counts its calls, and tells each service its number.
fn counting()
-> (Arc<AtomicUsize>, impl MakeFcgiService<in_memory::InMemory, axum_fcgi::make_service::PerConnection>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let make = service_fn(move |_: IncomingStream<'_, in_memory::InMemory>| {
        let number = counted.fetch_add(1, Ordering::Relaxed);
        ready(Ok::<_, Infallible>(get(async move || number.to_string())))
    });
    (calls, make)
}

#[tokio::test]
async fn a_make_service_is_called_for_each_connection() {
    let (calls, make) = counting();
    let (entrance, listener) = in_memory::listener();
    tokio::spawn(axum_fcgi::serve(listener, make).into_future());
    for number in ["0", "1"] {
        let mut io = entrance.connect();
        for _ in 0..2 {
            let response = wire::ask(&mut io, &from("192.0.2.1")).await.unwrap();
            assert!(response.ends_with(&format!("\r\n\r\n{number}")), "{response}");
        }
    }
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn shutdown_does_not_wait_for_a_make_service() {
    let (called, mut calls) = tokio::sync::mpsc::unbounded_channel();
    let make = service_fn(move |_: IncomingStream<'_, in_memory::InMemory>| {
        called.send(()).unwrap();
        pending::<Result<Router, Infallible>>()
    });
    let (entrance, listener) = in_memory::listener();
    let (stop, stopped) = oneshot::channel::<()>();
    let serve = axum_fcgi::serve(listener, make)
        .with_config(Config::default().with_shutdown_timeout(None))
        .with_graceful_shutdown(async { _ = stopped.await });
    let served = tokio::spawn(serve.into_future());
    // The first one waits for its service when the signal arrives, the second one in the listener's queue.
    let mut connections = [entrance.connect(), entrance.connect()];
    calls.recv().await.unwrap();
    stop.send(()).unwrap();
    served.await.unwrap().unwrap();
    for io in &mut connections {
        assert_eq!(io.read(&mut [0]).await.unwrap(), 0, "closed");
    }
}

#[tokio::test]
async fn an_authorizer_stands_beside_a_make_service() {
    let app = Router::new().route("/", get(client)).into_make_service_with_connect_info::<SocketAddr>();
    let authorize = async |ConnectInfo(client): ConnectInfo<SocketAddr>| {
        Authorized::new().variable("CLIENT", client.to_string())
    };
    let (entrance, listener) = in_memory::listener();
    tokio::spawn(axum_fcgi::serve(listener, app).with_authorizer(authorize.into_service()).into_future());
    let mut io = entrance.connect();
    for peer in ["192.0.2.1", "192.0.2.2"] {
        let response = wire::ask(&mut io, &from(peer)).await.unwrap();
        assert!(response.ends_with(&format!("\r\n\r\n{peer}:1")), "{response}");
        let mut request = from(peer);
        // The role in BEGIN_REQUEST (FastCGI §5.1).
        request[9] = 2;
        let response = wire::ask(&mut io, &request).await.unwrap();
        assert!(response.contains(&format!("Variable-CLIENT: {peer}:1\r\n")), "{response}");
    }
}

/// A connection that is not `Sync`, as axum accepts them.
struct NotSync(TcpListener);

struct NotSyncIo(TcpStream, std::cell::Cell<()>);

mod not_sync {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

    use super::NotSyncIo;

    impl AsyncRead for NotSyncIo {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(cx, buf)
        }
    }

    impl AsyncWrite for NotSyncIo {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            Pin::new(&mut self.0).poll_write(cx, buf)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(cx)
        }
    }
}

impl Listener for NotSync {
    type Io = NotSyncIo;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (NotSyncIo, SocketAddr) {
        let (io, peer) = Listener::accept(&mut self.0).await;
        (NotSyncIo(io, std::cell::Cell::new(())), peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

#[tokio::test]
async fn a_connection_need_not_be_sync() {
    let serve = axum_fcgi::serve(
        NotSync(TcpListener::bind("127.0.0.1:0").await.unwrap()),
        Router::new().route("/", get(client)).into_make_service(),
    );
    let addr = serve.local_addr().unwrap();
    tokio::spawn(serve.into_future());
    let mut io = TcpStream::connect(addr).await.unwrap();
    assert!(wire::ask(&mut io, &from("192.0.2.1")).await.unwrap().ends_with("192.0.2.1:1"));
}

#[tokio::test]
async fn local_addr_is_known_before_serving() {
    let router = Router::new().route("/", get(client));
    let bind = || TcpListener::bind("127.0.0.1:0");
    let plain = axum_fcgi::serve(bind().await.unwrap(), router.clone());
    let stopping = axum_fcgi::serve(bind().await.unwrap(), router.clone()).with_graceful_shutdown(pending());
    let tapped = axum_fcgi::serve(FcgiListener::from(bind().await.unwrap()).tap_io(|_| {}), router);
    let axum_fcgi::FcgiAddr::Tcp(tapped_addr) = tapped.local_addr().unwrap() else { panic!("a TCP address") };
    let addresses = [plain.local_addr().unwrap(), stopping.local_addr().unwrap(), tapped_addr];
    assert!(format!("{plain:?} {stopping:?}").contains("Serve"));
    tokio::spawn(plain.into_future());
    tokio::spawn(stopping.into_future());
    tokio::spawn(tapped.into_future());
    for addr in addresses {
        let mut io = TcpStream::connect(addr).await.unwrap();
        io.write_all(&from("192.0.2.1")).await.unwrap();
        assert!(wire::read_response(&mut io).await.unwrap().ends_with("192.0.2.1:1"));
    }
}

#[tokio::test]
async fn tap_io_gets_each_connection_before_it_is_served() {
    let tapped = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&tapped);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap().tap_io(move |io| {
        io.set_nodelay(true).unwrap();
        count.fetch_add(1, Ordering::Relaxed);
    });
    let app = Router::new().route("/", get(client)).into_make_service_with_connect_info::<SocketAddr>();
    let serve = axum_fcgi::serve(listener, app);
    let addr = serve.local_addr().unwrap();
    tokio::spawn(serve.into_future());
    for connections in 1..3 {
        let mut io = TcpStream::connect(addr).await.unwrap();
        assert!(wire::ask(&mut io, &from("192.0.2.1")).await.unwrap().ends_with("192.0.2.1:1"));
        assert_eq!(tapped.load(Ordering::Relaxed), connections);
    }
}

#[test]
fn serve_can_be_called_outside_a_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    let service = service_fn(|_: Request| ready(Ok::<_, Infallible>(Response::default())));
    _ = axum_fcgi::serve(listener, service).into_future();
}
