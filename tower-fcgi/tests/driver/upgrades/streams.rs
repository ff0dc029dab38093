//! The stream after the 101.

use std::io::ErrorKind;
use std::time::Duration;

use http::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tower_fcgi::{BodyError, BodyErrorKind, Config, OnUpgrade, Params, RequestBody};

use super::{ASKS, one_stream, sending_back, switching, upgrade, with_streams};
use crate::handlers::{Count, handler};
use crate::records::{CLOSE, KEEP, abort, end_stdin, get, head, stdin};
use crate::web_server::{WebServer, serve};

#[tokio::test(start_paused = true)]
async fn stdin_and_stdout_become_a_stream() {
    let web_server = sending_back();
    web_server.say(upgrade(1)).await;
    let head = "Status: 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n";
    assert_eq!(web_server.answers().of(1).stdout, head.as_bytes());
    for sent in ["ping", "pong", "x"] {
        web_server.forget();
        web_server.say(stdin(1, sent.as_bytes())).await;
        assert_eq!(web_server.answers().of(1).stdout, sent.as_bytes());
    }
    web_server.forget();
    web_server.say([stdin(1, b"last"), end_stdin(1)].concat()).await;
    let answer = web_server.answer(1);
    assert_eq!(answer.stdout, b"last");
    // The connection is kept.
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "no upgrade");
}

#[tokio::test(start_paused = true)]
async fn large_messages_pass_in_both_directions() {
    let message: Vec<u8> = (0..3_000_000_u32).map(|byte| byte as u8).collect();
    let web_server = sending_back();
    web_server.say(upgrade(1)).await;
    let head = web_server.answers().of(1).stdout.len();
    web_server.send_in_packets([stdin(1, &message), end_stdin(1)].concat(), 10_000);
    web_server.quiet().await;
    assert!(web_server.answer(1).stdout[head..] == message);
}

#[tokio::test(start_paused = true)]
async fn writes_wait_while_the_web_server_does_not_read() {
    let (web_server, mut stream) = one_stream().await;
    web_server.wire.make_room(1000);
    let config = Config::default();
    let chunk = vec![b'x'; 8192];
    let mut written = 0;
    while tokio::time::timeout(Duration::from_secs(1), stream.write_all(&chunk)).await.is_ok() {
        written += chunk.len();
        assert!(written < 2 * config.max_write_buffer(), "unbounded");
    }
    // The transport's room, the connection's output, and the stream's buffer.
    let most = 1000 + config.max_write_buffer() + 2 * 64 * 1024 + chunk.len();
    assert!(written <= most, "{written} of {most}");
    web_server.wire.make_room(usize::MAX);
    stream.write_all(b"end").await.unwrap();
    drop(stream);
    web_server.quiet().await;
    assert!(web_server.answer(1).stdout.ends_with(b"xend"));
}

#[tokio::test(start_paused = true)]
async fn input_pauses_while_the_stream_is_not_read() {
    let (web_server, mut stream) = one_stream().await;
    let window = Config::default().limits().request_window;
    let before = web_server.taken();
    web_server.send_in_packets(stdin(1, &vec![b'x'; 4 * window]), 16 * 1024);
    // Longer than the timeouts of bodies.
    sleep(Duration::from_secs(3600)).await;
    assert!(web_server.taken() - before <= window + 128 * 1024, "{}", web_server.taken());
    let mut received = vec![0; 4 * window];
    stream.read_exact(&mut received).await.unwrap();
    web_server.say(end_stdin(1)).await;
    assert_eq!(stream.read(&mut received).await.unwrap(), 0);
    // The other direction is still open.
    stream.write_all(b"bye").await.unwrap();
    drop(stream);
    web_server.quiet().await;
    assert!(web_server.answer(1).stdout.ends_with(b"bye"));
}

#[tokio::test(start_paused = true)]
async fn an_abort_or_a_lost_connection_ends_the_stream() {
    let aborts: fn(&WebServer) = |web_server| web_server.send(abort(1));
    for (kind, cause) in [
        (BodyErrorKind::Aborted, aborts),
        (BodyErrorKind::Disconnected, WebServer::end),
        (BodyErrorKind::Disconnected, WebServer::reset),
    ] {
        let (web_server, mut stream) = one_stream().await;
        web_server.say(stdin(1, b"before")).await;
        cause(&web_server);
        web_server.quiet().await;
        let mut received = [0; 6];
        stream.read_exact(&mut received).await.unwrap();
        assert_eq!(&received, b"before");
        let error = stream.read(&mut received).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        let reason = error.get_ref().and_then(|error| error.downcast_ref::<BodyError>()).unwrap();
        assert_eq!(reason.kind(), kind);
        assert_eq!(stream.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_of_the_stream_ends_both_directions() {
    let (web_server, mut stream) = one_stream().await;
    web_server.say(stdin(1, b"unread")).await;
    stream.write_all(b"last").await.unwrap();
    stream.shutdown().await.unwrap();
    web_server.quiet().await;
    assert!(web_server.answer(1).stdout.ends_with(b"last"));
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "unread");
    assert_eq!(stream.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

#[tokio::test(start_paused = true)]
async fn a_graceful_shutdown_ends_the_clients_direction() {
    let (mut web_server, mut stream) = one_stream().await;
    web_server.handle.graceful_shutdown();
    web_server.quiet().await;
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    // Bytes that still arrive are dropped; the application can say goodbye.
    web_server.say(stdin(1, b"late")).await;
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    sleep(Duration::from_secs(3600)).await;
    assert!(!web_server.sees_end());
    stream.write_all(b"bye").await.unwrap();
    drop(stream);
    web_server.quiet().await;
    assert!(web_server.answer(1).stdout.ends_with(b"bye"));
    web_server.end();
    web_server.ended().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_upgraded_request_owns_its_connection() {
    let (web_server, mut stream) = one_stream().await;
    web_server.forget();
    web_server.say(get(2, KEEP, "/")).await;
    assert_eq!(web_server.answer(2).status(), 503);
    stream.write_all(b"still here").await.unwrap();
    drop(stream);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).stdout, b"still here");
}

#[tokio::test(start_paused = true)]
async fn timeouts_of_requests_do_not_apply() {
    let hour = Duration::from_secs(3600);
    let config = Config::default()
        .with_request_timeout(Duration::from_secs(5))
        .with_body_read_timeout(Duration::from_secs(5))
        .with_keep_alive_timeout(Duration::from_secs(5));
    let (web_server, mut streams) = with_streams(config);
    web_server.say(upgrade(1)).await;
    let mut stream = streams.recv().await.unwrap();
    sleep(hour).await;
    web_server.say(stdin(1, b"ping")).await;
    stream.read_exact(&mut [0; 4]).await.unwrap();
    stream.write_all(b"pong").await.unwrap();
    web_server.quiet().await;
    assert!(web_server.answers().of(1).stdout.ends_with(b"pong"));
}

#[tokio::test(start_paused = true)]
async fn an_idle_upgrade_times_out_if_configured() {
    let limit = Duration::from_secs(30);
    let (mut web_server, mut streams) = with_streams(Config::default().with_upgrade_idle_timeout(limit));
    web_server.say(upgrade(1)).await;
    let mut stream = streams.recv().await.unwrap();
    for _ in 0..3 {
        sleep(limit / 2).await;
        web_server.say(stdin(1, b"ping")).await;
        stream.read_exact(&mut [0; 4]).await.unwrap();
        sleep(limit / 2).await;
        stream.write_all(b"pong").await.unwrap();
    }
    let (result, took) = web_server.ended_after().await;
    assert!(result.unwrap_err().is_timeout());
    assert_eq!(took.as_secs(), 30);
    assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test(start_paused = true)]
async fn an_upgrade_without_keep_conn_closes_at_its_end() {
    let mut web_server = sending_back();
    web_server.say(head(1, CLOSE, "GET", "/", &ASKS)).await;
    web_server.say([stdin(1, b"x"), end_stdin(1)].concat()).await;
    assert!(web_server.answer(1).stdout.ends_with(b"x"));
    web_server.ended().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_streams_task_ends_the_stream() {
    let web_server = serve(handler(async |mut request: Request<RequestBody>| {
        let upgrade = request.extensions_mut().remove::<OnUpgrade>().unwrap();
        tokio::spawn(async move {
            let mut stream = upgrade.await.unwrap();
            let _ = stream.read(&mut [0; 8]).await;
            panic!("the task has a bug");
        });
        switching()
    }));
    web_server.say(upgrade(1)).await;
    web_server.say(stdin(1, b"x")).await;
    assert_eq!(web_server.answer(1).status(), 101);
}

#[tokio::test(start_paused = true)]
async fn a_half_closed_connection_ends_only_the_clients_direction() {
    let (web_server, mut streams) = with_streams(Config::default().with_half_close(true));
    web_server.say(upgrade(1)).await;
    let mut stream = streams.recv().await.unwrap();
    web_server.end();
    let error = stream.read(&mut [0; 8]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    stream.write_all(b"bye").await.unwrap();
    drop(stream);
    web_server.quiet().await;
    assert!(web_server.answer(1).stdout.ends_with(b"bye"));
}

#[tokio::test(start_paused = true)]
async fn lines_for_stderr_pass_beside_the_stream() {
    let (sender, mut handles) = mpsc::unbounded_channel();
    let web_server = serve(handler(move |mut request: Request<RequestBody>| {
        let upgrade = request.extensions_mut().remove::<OnUpgrade>().unwrap();
        let stderr = request.extensions().get::<Params>().unwrap().stderr().unwrap();
        let sender = sender.clone();
        tokio::spawn(async move { sender.send((upgrade.await.unwrap(), stderr)).ok() });
        async { switching() }
    }));
    web_server.say(upgrade(1)).await;
    let (mut stream, stderr) = handles.recv().await.unwrap();
    stream.write_all(b"bytes").await.unwrap();
    stderr.write("a line").await.unwrap();
    web_server.quiet().await;
    let answers = web_server.answers();
    assert!(answers.of(1).errors().contains("a line"));
    assert!(answers.of(1).stdout.ends_with(b"\r\n\r\nbytes"));
    drop(stream);
    web_server.quiet().await;
    assert!(stderr.write("late").await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_dropped_connection_drops_nothing_of_the_stream() {
    let (mut web_server, mut stream) = one_stream().await;
    web_server.say(stdin(1, b"before")).await;
    web_server.drop_connection().await;
    stream.read_exact(&mut [0; 6]).await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    assert_eq!(stream.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
}

/// Reads and writes in two tasks on several threads, with both directions full.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn both_directions_run_in_parallel() {
    const SENT: usize = 4_000_000;
    let (web_server, mut streams) = with_streams(Config::default());
    let received = Count::default();
    web_server.send(upgrade(1));
    let (mut input, mut output) = tokio::io::split(streams.recv().await.unwrap());
    let counted = received.clone();
    let reads = tokio::spawn(async move {
        let mut buffer = vec![0; 10_000];
        let mut total = 0;
        loop {
            match input.read(&mut buffer).await.unwrap() {
                0 => break total,
                len => total += len,
            }
            counted.add();
        }
    });
    let writes = tokio::spawn(async move {
        for chunk in vec![b'x'; SENT].chunks(7000) {
            output.write_all(chunk).await.unwrap();
        }
        output
    });
    web_server.send_in_packets([stdin(1, &vec![b'y'; SENT]), end_stdin(1)].concat(), 5000);
    assert_eq!(reads.await.unwrap(), SENT);
    drop(writes.await.unwrap());
    while web_server.answers().of(1).is_cut_off() {
        tokio::task::yield_now().await;
    }
    let answer = web_server.answer(1);
    assert_eq!(answer.stdout.len(), answer.head().len() + SENT);
    assert!(received.now() > 0);
}
