//! Upgrades of CGI programs, as lighttpd carries them with `cgi.upgrade`.

use std::convert::Infallible;
use std::io::ErrorKind;

use http::{Request, Response};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tower_fcgi::{CgiStdio, Config, Error, OnUpgrade, Params, RequestBody, Upgraded, serve_cgi};

use crate::program::{environment, run};

const HEAD: &str = "Status: 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";

fn asks() -> Params {
    let asks = [("HTTP_CONNECTION", "upgrade"), ("HTTP_UPGRADE", "echo"), ("CONTENT_LENGTH", "0")];
    environment("GET", &asks)
}

fn switching() -> Response<String> {
    let response = Response::builder().status(101).header("connection", "upgrade").header("upgrade", "echo");
    response.body(String::new()).unwrap()
}

/// A program that hands its stream to the test.
struct Program {
    stdin: DuplexStream,
    stdout: DuplexStream,
    stream: Upgraded,
    served: JoinHandle<Result<(), Error>>,
}

async fn start() -> Program {
    let (stdin, from_stdin) = duplex(64 * 1024);
    let (to_stdout, mut stdout) = duplex(64 * 1024);
    let (sender, mut streams) = mpsc::unbounded_channel();
    let service = tower::service_fn(move |mut request: Request<RequestBody>| {
        let upgrade = request.extensions_mut().remove::<OnUpgrade>().unwrap();
        let sender = sender.clone();
        tokio::spawn(async move { sender.send(upgrade.await.unwrap()).ok() });
        async { Ok::<_, Infallible>(switching()) }
    });
    let io = CgiStdio { stdin: from_stdin, stdout: to_stdout, stderr: tokio::io::sink() };
    let served = tokio::spawn(serve_cgi(asks(), io, Config::default(), service));
    let mut head = [0; HEAD.len()];
    stdout.read_exact(&mut head).await.unwrap();
    assert_eq!(head, HEAD.as_bytes());
    Program { stdin, stdout, stream: streams.recv().await.unwrap(), served }
}

#[tokio::test]
async fn stdin_and_stdout_of_a_program_become_a_stream() {
    let Program { mut stdin, mut stdout, mut stream, served } = start().await;
    let mut received = [0; 4];
    stdin.write_all(b"ping").await.unwrap();
    stream.read_exact(&mut received).await.unwrap();
    assert_eq!(&received, b"ping");
    stream.write_all(b"pong").await.unwrap();
    stdout.read_exact(&mut received).await.unwrap();
    assert_eq!(&received, b"pong");
    // The end of stdin ends the client's direction only.
    drop(stdin);
    assert_eq!(stream.read(&mut received).await.unwrap(), 0);
    stream.write_all(b"last").await.unwrap();
    drop(stream);
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "last");
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_program_carries_large_messages_both_ways() {
    const LEN: usize = 3_000_000;
    let Program { mut stdin, mut stdout, stream, served } = start().await;
    let (mut input, mut output) = tokio::io::split(stream);
    let copied = tokio::spawn(async move {
        tokio::io::copy(&mut input, &mut output).await.unwrap();
        output.shutdown().await.unwrap();
    });
    let sent: Vec<u8> = (0..LEN).map(|byte| byte as u8).collect();
    let expected = sent.clone();
    tokio::spawn(async move { stdin.write_all(&sent).await.unwrap() });
    let mut received = Vec::new();
    stdout.read_to_end(&mut received).await.unwrap();
    assert!(received == expected);
    copied.await.unwrap();
    served.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_program_whose_stdin_has_ended_is_not_upgraded() {
    let service = tower::service_fn(async |mut request: Request<RequestBody>| {
        let upgrade = request.extensions_mut().remove::<OnUpgrade>().unwrap();
        tokio::spawn(async move { upgrade.await.unwrap_err() });
        Ok::<_, Infallible>(switching())
    });
    let run = run(asks(), tokio::io::empty(), service).await;
    run.result.unwrap();
    assert!(run.stdout.starts_with("Status: 426 Upgrade Required\r\n"), "{}", run.stdout);
}

#[tokio::test]
async fn a_program_ignores_the_stdin_of_a_plain_answer() {
    let service = tower::service_fn(async |request: Request<RequestBody>| {
        assert!(request.extensions().get::<OnUpgrade>().is_some());
        Ok::<_, Infallible>(Response::new("plain".to_owned()))
    });
    let (_open, stdin) = duplex(64);
    let run = run(asks(), stdin, service).await;
    run.result.unwrap();
    assert!(run.stdout.ends_with("\r\n\r\nplain"), "{}", run.stdout);
}

#[tokio::test]
async fn a_closed_stdout_ends_the_stream_of_a_program() {
    let Program { stdin: _stdin, stdout, mut stream, served } = start().await;
    drop(stdout);
    stream.write_all(b"lost").await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(stream.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    assert!(served.await.unwrap().is_err());
}
