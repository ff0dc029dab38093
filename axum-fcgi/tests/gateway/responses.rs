//! Odd responses of an application, as an HTTP client receives them.

use std::io;

use axum::Router;
use axum::body::Body;
use axum_fcgi::FastCgiGateway;
use axum_fcgi::tower_fcgi::client::Pool;
use fcgi_core::{EndRequest, ProtocolStatus, RecordDecoder, RecordEncoder, RecordType, RequestId};
use libtest_mimic::Trial;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::runner::block_on;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("odd_responses_as_behind_nginx", odd_responses),
        trial("a_response_without_content", without_content),
    ]
}

fn trial<F: Future<Output = ()> + 'static>(name: &str, test: fn() -> F) -> Trial {
    Trial::test(format!("http/{name}"), move || block_on(test()))
}

/// Reads a request without a body, and sends `stdout`.
async fn respond(mut stream: UnixStream, stdout: &str) -> io::Result<()> {
    let (mut decoder, mut buffer) = (RecordDecoder::new(), [0; 4096]);
    let mut ended = false;
    while !ended {
        let read = stream.read(&mut buffer).await?;
        let mut input = &buffer[..read];
        while let Some(fragment) = decoder.next(&mut input).map_err(io::Error::other)? {
            ended = fragment.header.kind == RecordType::STDIN;
        }
    }
    let mut out = RecordEncoder::new();
    out.write_stream(RecordType::STDOUT, RequestId(1), stdout.as_bytes());
    let end = EndRequest { app_status: 0, protocol_status: ProtocolStatus::REQUEST_COMPLETE };
    out.write_record(RecordType::END_REQUEST, RequestId(1), &end.encode());
    for slice in out.slices() {
        stream.write_all(slice).await?;
    }
    Ok(())
}

/// The bytes that an HTTP/1.1 client receives if the application sends `stdout`.
async fn answer(method: &str, stdout: &'static str) -> String {
    let directory = TempDir::new().unwrap();
    let socket = directory.path().join("socket");
    let application = UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move { respond(application.accept().await.unwrap().0, stdout).await });
    let pool: Pool<_, Body> = Pool::builder(move || UnixStream::connect(socket.clone())).build();
    let router = Router::new().nest_service("/app", FastCgiGateway::new(pool));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let mut client = TcpStream::connect(address).await.unwrap();
    let request = format!("{method} /app/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    server.abort();
    answer
}

/// nginx 1.22 answers as here, unless a comment says otherwise.
async fn odd_responses() {
    for (stdout, status_line, end) in [
        ("Status: 404 Gone Fishing\r\n\r\nx", "HTTP/1.1 404 Gone Fishing\r\n", "\r\n\r\n1\r\nx\r\n0\r\n\r\n"),
        ("Status: 299 Odd\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 299 Odd\r\n", "\r\n\r\nx"),
        ("Content-Length: 4\r\n\r\n01234567", "HTTP/1.1 200 OK\r\n", "\r\n\r\n0123"),
        ("Content-Length: 0\r\n\r\n01234567", "HTTP/1.1 200 OK\r\n", "\r\n\r\n"),
        ("Status: 42\r\n\r\nx", "HTTP/1.1 502 Bad Gateway\r\n", "\r\n\r\n"),
        ("Status: abc\r\n\r\nx", "HTTP/1.1 502 Bad Gateway\r\n", "\r\n\r\n"),
        // nginx repeats the empty reason.
        ("Status: 404\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 404 Not Found\r\n", "\r\n\r\nx"),
        // nginx passes on the control character.
        ("X: a\u{1}\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 200 OK\r\n", "\r\n\r\nx"),
        // A 502 in nginx.
        ("X y: z\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 200 OK\r\n", "\r\n\r\nx"),
    ] {
        let answer = answer("GET", stdout).await;
        assert!(answer.starts_with(status_line) && answer.ends_with(end), "{stdout:?}: {answer:?}");
        assert!(!answer.contains("\r\nx: ") && !answer.contains("x y"), "{answer:?}");
    }
}

async fn without_content() {
    for status in ["204 No Content", "304 Not Modified"] {
        for stdout in ["Content-Length: 4\r\n\r\nbody", "Content-Length: 4\r\n\r\n", "\r\nbody", "\r\n"] {
            let stdout: &str = format!("Status: {status}\r\nX-A: b\r\n{stdout}").leak();
            let answer = answer("GET", stdout).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{stdout:?}: {answer:?}");
            assert!(
                answer.contains("\r\nx-a: b\r\n") && answer.ends_with("\r\n\r\n"),
                "{stdout:?}: {answer:?}"
            );
            // RFC 9110 §8.6: not in a 204; in a 304 it would be that of a 200.
            assert!(!answer.contains("content-length"), "{stdout:?}: {answer:?}");
        }
    }
    for (stdout, length) in [("Content-Length: 4\r\n\r\nbody", Some("4")), ("X-A: b\r\n\r\nbody", None)] {
        let answer = answer("HEAD", stdout).await;
        assert!(answer.ends_with("\r\n\r\n"), "{answer:?}");
        let found = answer.lines().find_map(|line| line.strip_prefix("content-length: "));
        assert_eq!(found, length, "{stdout:?}: {answer:?}");
    }
}
