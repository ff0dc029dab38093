//! Bytes, and lines of STDERR.

use std::io::Write as _;

use tower_fcgi::{Builder, Config, ErrorLog, Params, Stats};

use super::counted;
use crate::handlers::{echo, full, handler};
use crate::records::{CLOSE, KEEP, get, post_whole};
use crate::web_server::serve_with;

#[tokio::test(start_paused = true)]
async fn all_bytes_of_the_transport_are_counted() {
    let stats = Stats::new();
    let builder = Builder::new().with_stats(stats.clone());
    let (mut received, mut sent) = (0, 0);
    for (keep, uri) in [(KEEP, "/"), (CLOSE, "/longer")] {
        let web_server = serve_with(builder.clone(), handler(echo));
        let request = post_whole(1, keep, uri, &vec![b'x'; 100_000]);
        received += request.len() as u64;
        web_server.send_in_packets(request, 1000);
        web_server.quiet().await;
        sent += web_server.wire.lock().output.len() as u64;
    }
    let bytes = stats.snapshot().bytes;
    assert_eq!((bytes.received, bytes.sent), (received, sent));
}

#[tokio::test(start_paused = true)]
async fn lines_of_stderr_are_counted() {
    let (web_server, stats) = counted(
        Config::default(),
        handler(|request: http::Request<tower_fcgi::RequestBody>| async move {
            let stderr = request.extensions().get::<Params>().and_then(Params::stderr).unwrap();
            stderr.write("one").await.unwrap();
            stderr.write("two\nthree").await.unwrap();
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                // The request may have ended in the same turn.
                let _ = stderr.write("late").await;
            });
            full("")
        }),
    );
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.errors(), "one\ntwo\nthree\n");
    assert_eq!((stats.snapshot().stderr.lines, stats.snapshot().stderr.dropped), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn lines_over_the_limit_of_the_log_are_dropped() {
    let (web_server, stats) = counted(
        Config::default(),
        handler(async |_| {
            // 65 535 bytes with its line break; then two lines without room.
            ErrorLog::new().write_all(&[b'x'; 65_534]).unwrap();
            ErrorLog::new().write_all(b"over\nthe limit\n").unwrap();
            full("")
        }),
    );
    web_server.say(get(1, KEEP, "/")).await;
    assert!(web_server.answer(1).errors().ends_with("2 more lines were dropped here\n"));
    assert_eq!((stats.snapshot().stderr.lines, stats.snapshot().stderr.dropped), (2, 2));
}
