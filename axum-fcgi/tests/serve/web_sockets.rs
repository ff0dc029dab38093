//! axum's `WebSocketUpgrade`, unchanged, over FastCGI in memory.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::extract::ws::{Message as Received, WebSocket, WebSocketUpgrade};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use fcgi_core::{RecordHeader, RecordType};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};

use crate::in_memory::{Entrance, listener};
use crate::wire::{self, ID};

/// What lighttpd sends for the handshake of RFC 6455 §1.2.
const HANDSHAKE: &[(&str, &str)] = &[
    ("REQUEST_METHOD", "GET"),
    ("REQUEST_URI", "/ws"),
    ("SERVER_PROTOCOL", "HTTP/1.1"),
    ("SERVER_SOFTWARE", "lighttpd/1.4.79"),
    ("CONTENT_LENGTH", "0"),
    ("HTTP_CONNECTION", "Upgrade"),
    ("HTTP_UPGRADE", "websocket"),
    ("HTTP_SEC_WEBSOCKET_VERSION", "13"),
    ("HTTP_SEC_WEBSOCKET_KEY", "dGhlIHNhbXBsZSBub25jZQ=="),
];
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(async |mut socket: WebSocket| {
        while let Some(Ok(message)) = socket.recv().await {
            if matches!(message, Received::Text(_) | Received::Binary(_)) {
                socket.send(message).await.unwrap();
            }
        }
    })
}

fn serve(router: Router) -> Entrance {
    let (entrance, listener) = listener();
    tokio::spawn(axum_fcgi::serve(listener, router).into_future());
    entrance
}

/// Sends a handshake; returns the response's head, and the stream behind it.
async fn upgrade(entrance: &Entrance, params: &[(&str, &str)]) -> (String, DuplexStream) {
    let mut io = entrance.connect();
    io.write_all(&wire::bytes(&wire::head(params, true))).await.unwrap();
    let (from_application, to_application) = tokio::io::split(io);
    let (client, web_server) = duplex(64 * 1024);
    let (from_client, to_client) = tokio::io::split(web_server);
    tokio::spawn(forward_stdin(from_client, to_application));
    tokio::spawn(forward_stdout(from_application, to_client));
    let mut client = client;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    (String::from_utf8(head).unwrap(), client)
}

async fn forward_stdin(mut client: impl AsyncRead + Unpin, mut application: impl AsyncWrite + Unpin) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(len @ 1..) = client.read(&mut buffer).await {
        let header = RecordHeader::new(RecordType::STDIN, ID, len.try_into().unwrap());
        if application.write_all(&[&header.encode(), &buffer[..len]].concat()).await.is_err() {
            return;
        }
    }
}

/// Until END_REQUEST, which ends the client's connection.
async fn forward_stdout(mut application: impl AsyncRead + Unpin, mut client: impl AsyncWrite + Unpin) {
    let mut header = [0; RecordHeader::LEN];
    while application.read_exact(&mut header).await.is_ok() {
        let header = RecordHeader::decode(header).unwrap();
        let mut content = vec![0; usize::from(header.content_len) + usize::from(header.padding_len)];
        application.read_exact(&mut content).await.unwrap();
        content.truncate(header.content_len.into());
        match header.kind {
            RecordType::STDOUT => client.write_all(&content).await.unwrap(),
            RecordType::END_REQUEST => break,
            _ => {}
        }
    }
    client.shutdown().await.unwrap();
}

async fn web_socket(entrance: &Entrance) -> WebSocketStream<DuplexStream> {
    let (head, stream) = upgrade(entrance, HANDSHAKE).await;
    assert!(head.starts_with("Status: 101 Switching Protocols\r\n"), "{head}");
    assert!(head.contains(&format!("sec-websocket-accept: {ACCEPT}\r\n")), "{head}");
    assert!(!head.contains("content-length"), "{head}");
    WebSocketStream::from_raw_socket(stream, Role::Client, None).await
}

#[tokio::test]
async fn axums_web_socket_upgrade_works_unchanged() {
    let entrance = serve(Router::new().route("/ws", get(echo)));
    let mut socket = web_socket(&entrance).await;
    for message in [Message::text("Hello"), Message::binary(vec![0, 255]), Message::text("")] {
        socket.send(message.clone()).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), message);
    }
    socket.send(Message::Ping("are you there?".into())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Pong("are you there?".into()));
    let close = CloseFrame { code: 1000.into(), reason: "bye".into() };
    socket.close(Some(close.clone())).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Close(Some(close)));
    assert!(socket.next().await.is_none());
}

#[tokio::test]
async fn a_web_socket_echoes_three_megabytes() {
    let entrance = serve(Router::new().route("/ws", get(echo)));
    let mut socket = web_socket(&entrance).await;
    let message = Message::binary(vec![7; 3_000_000]);
    socket.send(message.clone()).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap() == message);
}

#[tokio::test]
async fn each_web_socket_has_a_connection_of_its_own() {
    let entrance = serve(Router::new().route("/ws", get(echo)));
    let mut sockets = Vec::new();
    for number in 0..50 {
        sockets.push((number, web_socket(&entrance).await));
    }
    for (number, socket) in &mut sockets {
        socket.send(Message::text(number.to_string())).await.unwrap();
    }
    for (number, socket) in &mut sockets {
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text(number.to_string()));
    }
}

#[tokio::test]
async fn a_web_server_without_upgrades_gets_a_426() {
    let entrance = serve(Router::new().route("/ws", get(echo)));
    let mut io = entrance.connect();
    let mut request = wire::head(HANDSHAKE, true);
    request.write_stream_end(RecordType::STDIN, ID);
    let response = wire::ask(&mut io, &wire::bytes(&request)).await.unwrap();
    assert!(response.starts_with("Status: 426 Upgrade Required\r\n"), "{response}");
    // The connection serves other requests.
    let response = wire::ask(&mut io, &wire::get("/ws", true)).await.unwrap();
    assert!(response.starts_with("Status: 4"), "{response}");
}

#[tokio::test]
async fn an_end_of_stdin_after_the_handler_fails_the_upgrade() {
    let (failed, mut failures) = mpsc::unbounded_channel();
    let (start, mut started) = mpsc::unbounded_channel();
    let (release, released) = oneshot::channel();
    let released = std::sync::Arc::new(tokio::sync::Mutex::new(Some(released)));
    let handler = async move |upgrade: WebSocketUpgrade| {
        start.send(()).unwrap();
        let released = released.lock().await.take().unwrap();
        let upgrade =
            upgrade.on_failed_upgrade(move |error: axum::Error| failed.send(error.to_string()).unwrap());
        released.await.unwrap();
        upgrade.on_upgrade(async |_| unreachable!("the web server has ended STDIN"))
    };
    let entrance = serve(Router::new().route("/ws", get(handler)));
    let mut io = entrance.connect();
    io.write_all(&wire::bytes(&wire::head(HANDSHAKE, true))).await.unwrap();
    started.recv().await.unwrap();
    let end = RecordHeader::new(RecordType::STDIN, ID, 0).encode();
    // The response to the query shows that the records before it were read.
    let query = RecordHeader::new(RecordType::GET_VALUES, fcgi_core::RequestId::NULL, 0).encode();
    io.write_all(&[end, query].concat()).await.unwrap();
    io.read_exact(&mut [0; RecordHeader::LEN]).await.unwrap();
    release.send(()).unwrap();
    let response = wire::read_response(&mut io).await.unwrap();
    assert!(response.starts_with("Status: 426 Upgrade Required\r\n"), "{response}");
    failures.recv().await.unwrap();
}

/// As a proxy does.
#[tokio::test]
async fn a_handler_can_use_hypers_upgrade() {
    let handler = async |mut request: Request| {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let (mut input, mut output) = tokio::io::split(TokioIo::new(upgrade.await.unwrap()));
            tokio::io::copy(&mut input, &mut output).await.unwrap();
            output.shutdown().await.unwrap();
        });
        let headers = [("connection", "upgrade"), ("upgrade", "echo")];
        (StatusCode::SWITCHING_PROTOCOLS, headers, Body::empty()).into_response()
    };
    let entrance = serve(Router::new().route("/ws", get(handler)));
    let (head, mut stream) = upgrade(&entrance, HANDSHAKE).await;
    assert_eq!(head, "Status: 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n");
    // The end of hyper's own head is in it.
    let bytes = b"\r\n\r\nHTTP/1.1 101\r\n\r\n".repeat(1000);
    stream.write_all(&bytes).await.unwrap();
    let mut received = vec![0; bytes.len()];
    stream.read_exact(&mut received).await.unwrap();
    assert!(received == bytes);
}

#[tokio::test]
async fn an_offer_of_h2c_does_not_hang() {
    let handler = async |body: Bytes| format!("{} bytes", body.len());
    let entrance = serve(Router::new().route("/ws", get(handler)));
    let mut params = HANDSHAKE.to_vec();
    params.retain(|(name, _)| !matches!(*name, "HTTP_UPGRADE" | "HTTP_CONNECTION"));
    params.extend([("HTTP_UPGRADE", "h2c"), ("HTTP_CONNECTION", "Upgrade, HTTP2-Settings")]);
    let mut io = entrance.connect();
    let response = wire::ask(&mut io, &wire::bytes(&wire::head(&params, true))).await.unwrap();
    assert!(response.ends_with("\r\n\r\n0 bytes"), "{response}");
}

#[tokio::test]
async fn a_graceful_shutdown_waits_for_a_web_socket() {
    let (entrance, listener) = listener();
    let (stop, stopped) = oneshot::channel::<()>();
    let (ended, mut ends) = mpsc::unbounded_channel();
    let handler = async move |upgrade: WebSocketUpgrade| {
        upgrade.on_upgrade(async move |mut socket: WebSocket| {
            // The shutdown ends the client's direction.
            while let Some(Ok(_)) = socket.recv().await {}
            ended.send(()).unwrap();
        })
    };
    let serve = axum_fcgi::serve(listener, Router::new().route("/ws", get(handler)));
    let serve = serve.with_graceful_shutdown(async { stopped.await.unwrap() });
    let served = tokio::spawn(serve.into_future());
    let mut socket = web_socket(&entrance).await;
    stop.send(()).unwrap();
    ends.recv().await.unwrap();
    assert!(socket.next().await.unwrap().is_err(), "the end of the stream, without a closing handshake");
    drop(socket);
    drop(entrance);
    served.await.unwrap().unwrap();
}
