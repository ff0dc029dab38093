//! Lengths of responses and of requests without a body: over FastCGI as over HTTP, with the same service.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::Path;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use axum::routing::any;
use axum::{Router, ServiceExt as _};
use bytes::Bytes;
use fcgi_core::{RecordDecoder, RecordEncoder, RecordType};
use futures_util::stream;
use http_body::Body as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tower::service_fn;

use crate::wire;

/// A body, as applications make it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `Body::empty()`.
    Empty,
    /// Of five bytes, which its size hint says.
    Full,
    /// Of five bytes without a size hint, in two frames.
    Stream,
    /// A stream without any frame.
    EmptyStream,
}

const KINDS: [Kind; 4] = [Kind::Empty, Kind::Full, Kind::Stream, Kind::EmptyStream];

impl Kind {
    fn body(self) -> Body {
        let frames = |frames: &[&'static str]| {
            let frames: Vec<_> = frames
                .iter()
                .map(|frame| Ok::<_, Infallible>(Bytes::from_static(frame.as_bytes())))
                .collect();
            Body::from_stream(stream::iter(frames))
        };
        match self {
            Self::Empty => Body::empty(),
            Self::Full => Body::from("12345"),
            Self::Stream => frames(&["12", "345"]),
            Self::EmptyStream => frames(&[]),
        }
    }
}

/// The response of one row.
#[derive(Clone, Copy, Debug)]
struct Row {
    status: StatusCode,
    kind: Kind,
    declared: Option<&'static str>,
}

/// Answers with row `/{number}` of all rows.
fn respond(request: &Request) -> Response {
    let number: usize = request.uri().path().trim_start_matches('/').parse().unwrap();
    let row = rows()[number];
    let mut response = Response::new(row.kind.body());
    *response.status_mut() = row.status;
    if let Some(declared) = row.declared {
        response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static(declared));
    }
    response
}

fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for status in [200, 404, 204, 304] {
        for kind in KINDS {
            for declared in [None, Some("0"), Some("5"), Some("3"), Some("7")] {
                // For these hyper panics in a debug build: a body's size hint is not its Content-Length.
                if kind == Kind::Full && !matches!(declared, None | Some("5")) {
                    continue;
                }
                rows.push(Row { status: StatusCode::from_u16(status).unwrap(), kind, declared });
            }
        }
    }
    rows
}

/// What the client, or the web server, gets.
#[derive(Debug, PartialEq, Eq)]
enum Got {
    /// No complete response. Before its first byte, hyper closes the connection, and tower-fcgi responds with a 500.
    Failure,
    Response {
        status: String,
        length: Option<String>,
        body: String,
    },
}

impl Got {
    fn parse(text: &str) -> Self {
        let Some((head, body)) = text.split_once("\r\n\r\n") else { return Self::Failure };
        let line = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        let body = match line("transfer-encoding: ") {
            Some(_) if !text.ends_with("0\r\n\r\n") => return Self::Failure,
            Some(_) => body.split("\r\n").skip(1).step_by(2).collect(),
            None => body.to_owned(),
        };
        let status = line("Status: ").or_else(|| line("HTTP/1.1 ")).expect("a status");
        Self::Response { status, length: line("content-length: "), body }
    }
}

async fn over_http(address: SocketAddr, method: &str, target: &str) -> Got {
    let mut io = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    io.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    io.read_to_string(&mut response).await.unwrap();
    match Got::parse(&response) {
        Got::Response { length: Some(length), body, .. }
            if !body.is_empty() && length.parse() != Ok(body.len()) =>
        {
            Got::Failure
        }
        got => got,
    }
}

async fn over_fastcgi(socket: &Path, method: &str, target: &str) -> Got {
    let mut io = UnixStream::connect(socket).await.unwrap();
    let params = [("REQUEST_METHOD", method), ("REQUEST_URI", target), ("SERVER_PROTOCOL", "HTTP/1.1")];
    let mut request = wire::head(&params, false);
    request.write_stream_end(RecordType::STDIN, wire::ID);
    io.write_all(&wire::bytes(&request)).await.unwrap();
    match stdout(&mut io).await {
        (stdout, true) if !stdout.starts_with("Status: 500 ") => Got::parse(&stdout),
        _ => Got::Failure,
    }
}

/// The STDOUT of the only response on a connection, and whether END_REQUEST follows it.
async fn stdout(io: &mut UnixStream) -> (String, bool) {
    let mut records = Vec::new();
    // A response that is cut off may end in a reset.
    _ = io.read_to_end(&mut records).await;
    let mut decoder = RecordDecoder::new();
    let (mut bytes, mut stdout, mut is_complete) = (&records[..], Vec::new(), false);
    while let Some(fragment) = decoder.next(&mut bytes).expect("records of version 1") {
        match fragment.header.kind {
            RecordType::STDOUT => stdout.extend_from_slice(fragment.content),
            RecordType::END_REQUEST => is_complete = true,
            _ => {}
        }
    }
    (String::from_utf8(stdout).expect("UTF-8"), is_complete)
}

/// A service without a Router around it, as in `nest_service` and `ServeDir`: hyper and tower-fcgi see its bodies.
#[tokio::test]
async fn responses_have_the_lengths_of_hyper() {
    let http = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = http.local_addr().unwrap();
    // Over TCP a response that is cut off ends in a reset, which may take its last bytes with it.
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("app.sock");
    let fastcgi = UnixListener::bind(&socket).unwrap();
    let service = || service_fn(async |request: Request| Ok::<_, Infallible>(respond(&request)));
    tokio::spawn(axum::serve(http, service().into_make_service()).into_future());
    tokio::spawn(axum_fcgi::serve(fastcgi, service()).into_future());
    for (number, row) in rows().into_iter().enumerate() {
        for method in ["GET", "HEAD"] {
            let target = format!("/{number}");
            let mut expected = over_http(address, method, &target).await;
            // RFC 9110 §8.6: a 204 must not have it, and that of a 304 is not 0 because there is no body.
            let is_wrong = match row.status {
                StatusCode::NO_CONTENT => true,
                StatusCode::NOT_MODIFIED => row.kind == Kind::Empty && row.declared == Some("0"),
                _ => false,
            };
            if let Got::Response { length, .. } = &mut expected
                && is_wrong
            {
                *length = None;
            }
            let got = over_fastcgi(&socket, method, &target).await;
            assert_eq!(got, expected, "{method} {row:?}");
        }
    }
}

/// What a handler that forwards its request reads from the body.
#[tokio::test]
async fn a_request_without_a_body_has_the_size_0() {
    let size = any(async |request: Request| {
        format!("{:?} {}", request.body().size_hint().exact(), request.body().is_end_stream())
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum_fcgi::serve(listener, Router::new().fallback(size)).into_future());
    for method in ["GET", "DELETE", "POST"] {
        let mut io = TcpStream::connect(address).await.unwrap();
        let params = [("REQUEST_METHOD", method), ("REQUEST_URI", "/"), ("SERVER_PROTOCOL", "HTTP/1.1")];
        // Apache sends the end of STDIN after the PARAMS. The handler does not wait for it.
        io.write_all(&wire::bytes(&wire::head(&params, true))).await.unwrap();
        let response = wire::read_response(&mut io).await.unwrap();
        assert!(response.ends_with("\r\n\r\nSome(0) true"), "{response}");
    }
}

/// A body that no header has announced still reaches a handler that reads it.
#[tokio::test]
async fn an_unannounced_body_reaches_the_handler() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(
        axum_fcgi::serve(listener, Router::new().fallback(any(async |body: Bytes| body))).into_future(),
    );
    let mut io = TcpStream::connect(address).await.unwrap();
    let params = [("REQUEST_METHOD", "POST"), ("REQUEST_URI", "/"), ("SERVER_PROTOCOL", "HTTP/1.1")];
    io.write_all(&wire::bytes(&wire::head(&params, false))).await.unwrap();
    let mut rest = RecordEncoder::new();
    rest.write_stream(RecordType::STDIN, wire::ID, b"unannounced");
    rest.write_stream_end(RecordType::STDIN, wire::ID);
    io.write_all(&wire::bytes(&rest)).await.unwrap();
    let response = wire::read_response(&mut io).await.unwrap();
    assert!(response.ends_with("\r\n\r\nunannounced"), "{response}");
}
