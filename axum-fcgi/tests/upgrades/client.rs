//! A WebSocket client over HTTP/1.1 (RFC 6455) and HTTP/2 (RFC 8441).

use std::result;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use test_support::Result;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// RFC 6455 §1.3 for this key.
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// The handshake's head fields.
pub(crate) fn handshake() -> String {
    format!(
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
    )
}

/// Connects over HTTP/1.1.
pub(crate) async fn http1(port: u16) -> Result<WebSocketStream<TcpStream>> {
    let mut io = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET /ws HTTP/1.1\r\nHost: localhost\r\n{}\r\n", handshake());
    io.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(io.read_u8().await?);
    }
    let head = String::from_utf8(head)?.to_lowercase();
    let accept = format!("sec-websocket-accept: {}\r\n", ACCEPT.to_lowercase());
    for part in ["http/1.1 101 ", &accept, "upgrade: websocket\r\n", "connection: upgrade\r\n"] {
        if !head.contains(part) {
            return Err(format!("no {part:?} in {head}").into());
        }
    }
    Ok(WebSocketStream::from_raw_socket(io, Role::Client, None).await)
}

/// What an extended CONNECT says about a body. It has none, and browsers do not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentLength {
    Zero,
    Absent,
}

/// Connects over HTTP/2, by an extended CONNECT. `Err` of the inner result: the status of a rejection.
pub(crate) async fn http2(
    port: u16,
    content_length: ContentLength,
) -> Result<result::Result<WebSocketStream<impl AsyncRead + AsyncWrite + Unpin>, StatusCode>> {
    let io = TokioIo::new(TcpStream::connect(("127.0.0.1", port)).await?);
    let (mut sender, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io).await?;
    tokio::spawn(connection);
    // The SETTINGS of the web server allow an extended CONNECT. They have arrived with a response.
    let plain = Request::get(format!("http://localhost:{port}/")).body(Body::empty())?;
    assert_eq!(sender.send_request(plain).await?.status(), 200);
    let mut request = Request::builder()
        .method(Method::CONNECT)
        .uri(format!("http://localhost:{port}/ws"))
        .extension(Protocol::from_static("websocket"))
        .header("sec-websocket-version", "13");
    if content_length == ContentLength::Zero {
        request = request.header("content-length", "0");
    }
    let response = sender.send_request(request.body(Body::empty())?).await?;
    if response.status() != 200 {
        return Ok(Err(response.status()));
    }
    let io = TokioIo::new(hyper::upgrade::on(response).await?);
    Ok(Ok(WebSocketStream::from_raw_socket(io, Role::Client, None).await))
}

/// One message.
pub(crate) async fn echo<IO>(socket: &mut WebSocketStream<IO>) -> Result
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    socket.send(Message::text("Hello")).await?;
    assert_eq!(socket.next().await.ok_or("no echo")??, Message::text("Hello"));
    Ok(())
}

/// Messages of several kinds and sizes, a ping, the closing handshake, and the end.
pub(crate) async fn converse<IO>(mut socket: WebSocketStream<IO>) -> Result
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    talk(&mut socket).await?;
    match socket.next().await {
        None => Ok(()),
        Some(other) => Err(format!("no clean end: {other:?}").into()),
    }
}

/// [`converse`] without the end of the stream.
pub(crate) async fn talk<IO>(socket: &mut WebSocketStream<IO>) -> Result
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let large = Message::binary((0..3_000_000_u32).map(|byte| byte as u8).collect::<Vec<_>>());
    let messages = [Message::text("Hello"), Message::binary(vec![0, 255]), Message::text(""), large];
    for message in messages.into_iter().chain((0..1000).map(|number| Message::text(number.to_string()))) {
        socket.send(message.clone()).await?;
        assert!(socket.next().await.ok_or("no echo")?? == message, "another message");
    }
    socket.send(Message::Ping("ping".into())).await?;
    assert_eq!(socket.next().await.ok_or("no pong")??, Message::Pong("ping".into()));
    let close = CloseFrame { code: 1000.into(), reason: "bye".into() };
    socket.close(Some(close.clone())).await?;
    assert_eq!(socket.next().await.ok_or("no close")??, Message::Close(Some(close)));
    Ok(())
}

/// Sends a request with these head fields, and returns the whole response.
pub(crate) async fn ask(port: u16, path: &str, fields: &str) -> Result<String> {
    let mut io = TcpStream::connect(("127.0.0.1", port)).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
    io.write_all(request.as_bytes()).await?;
    let mut response = Vec::new();
    let mut byte = [0; 1];
    while !response.ends_with(b"\r\n\r\n") && io.read(&mut byte).await? > 0 {
        response.push(byte[0]);
    }
    let head = String::from_utf8(response)?;
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    io.read_exact(&mut body).await?;
    Ok(head + &String::from_utf8(body)?)
}

/// A plain request.
pub(crate) async fn is_served(port: u16) -> Result {
    let response = ask(port, "/", "").await?;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    Ok(())
}

/// A request that offers HTTP/2 is served over HTTP/1.1 (RFC 9113 Appendix B).
pub(crate) async fn h2c_is_served(port: u16) -> Result {
    let offer = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    let response = ask(port, "/", offer).await?;
    // The web server may switch to HTTP/2 itself.
    assert!(["HTTP/1.1 200 ", "HTTP/1.1 101 "].iter().any(|line| response.starts_with(line)), "{response}");
    Ok(())
}

/// A handshake that the handler rejects.
pub(crate) async fn handshake_without_key(port: u16) -> Result<String> {
    let fields = handshake();
    let fields: Vec<_> = fields.split_inclusive("\r\n").filter(|field| !field.contains("Key")).collect();
    ask(port, "/ws", &fields.concat()).await
}
