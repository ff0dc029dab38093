//! The events at `warn` and `error` say which request they are about.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use fcgi_core::RecordType;
use http::Request;
use http_body::{Body as HttpBody, Frame};
use http_body_util::BodyExt as _;
use tower::{Service as _, ServiceExt as _};
use tower_fcgi::client::{Config, ExtraParams};
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

use crate::loopback::*;
use crate::scripted::{self, complete_response, end, record, stdout};

/// The lines at `warn` and above.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn start() -> (Self, DefaultGuard) {
        // With a single subscriber, `tracing` caches the interest of the first thread.
        static OTHERS: LazyLock<[Dispatch; 2]> =
            LazyLock::new(|| [(); 2].map(|()| Log::default().dispatch()));
        LazyLock::force(&OTHERS);
        let log = Self::default();
        let guard = tracing::dispatcher::set_default(&log.dispatch());
        (log, guard)
    }

    fn dispatch(&self) -> Dispatch {
        let fmt = tracing_subscriber::fmt().with_max_level(tracing::Level::WARN).without_time();
        fmt.with_ansi(false).with_writer(self.clone()).into()
    }

    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A request as that of a gateway.
fn named(mut request: Request<Body>) -> Request<Body> {
    let variables = [("REQUEST_URI", "/mount/below?a=\nb"), ("REMOTE_ADDR", "192.0.2.7")];
    request.extensions_mut().insert(ExtraParams::from_iter(variables));
    request.headers_mut().insert("x-request-id", "r-1".parse().unwrap());
    request
}

/// The lines that a response causes.
async fn logged(config: Config, response: Vec<u8>) -> Vec<String> {
    logged_for(named(get("/below")), config, response).await
}

async fn logged_for(request: Request<Body>, config: Config, response: Vec<u8>) -> Vec<String> {
    let (log, _guard) = Log::start();
    let (mut sender, _web_server, mut app) = scripted::connect(config);
    let request = async {
        let response = sender.ready().await.unwrap().call(request).await.unwrap();
        text(response.into_body()).await.unwrap();
    };
    let application = async {
        app.request().await;
        app.send(response).await;
    };
    tokio::join!(request, application);
    log.lines()
}

fn assert_one(lines: &[String], level: &str, parts: &[&str]) {
    let [line] = lines else { panic!("{lines:#?}") };
    let fields = r#"method="GET" uri="/mount/below?a=\\nb" peer="192.0.2.7" request_id="r-1""#;
    assert!(line.trim_start().starts_with(level) && line.contains(fields), "{line}");
    assert!(parts.iter().all(|part| line.contains(part)), "{line}");
}

#[tokio::test(start_paused = true)]
async fn text_on_stderr_is_one_warning() {
    let response = [record(RecordType::STDERR, b"PHP Warning: a\n"), complete_response("")].concat();
    let lines = logged(kept(), response).await;
    assert_one(&lines, "WARN", &["the application wrote to STDERR", r#"text="PHP Warning: a""#]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_the_stderr_handler_is_an_error() {
    let config = kept().with_on_stderr(|_| panic!("the log has a bug"));
    let response = [record(RecordType::STDERR, b"text"), complete_response("")].concat();
    let parts = ["the application's STDERR is lost", "panic=\"the log has a bug\""];
    assert_one(&logged(config, response).await, "ERROR", &parts);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_header_is_named() {
    let response = [stdout("Content-Length: 0\r\nX y: z\r\na b: c\r\n\r\n"), end()].concat();
    let lines = logged(kept(), response).await;
    assert_one(
        &lines,
        "WARN",
        &["dropped a response header that HTTP cannot carry", "header=X y ", "count=2"],
    );
}

#[tokio::test(start_paused = true)]
async fn a_response_beyond_its_length_is_one_warning() {
    let response = [stdout("Content-Length: 1\r\n\r\nabc"), stdout("def"), end()].concat();
    let lines = logged(kept(), response).await;
    assert_one(&lines, "WARN", &["the application's response is longer than its Content-Length"]);
}

#[tokio::test(start_paused = true)]
async fn a_request_without_variables_is_named_by_its_head() {
    let (log, _guard) = Log::start();
    let (mut sender, _web_server, mut app) = scripted::connect(kept());
    let request = async {
        let response = sender.ready().await.unwrap().call(get("/plain?q")).await.unwrap();
        text(response.into_body()).await.unwrap();
    };
    let application = async {
        app.request().await;
        app.send([record(RecordType::STDERR, b"x"), complete_response("")].concat()).await;
    };
    tokio::join!(request, application);
    let lines = log.lines();
    assert!(lines.len() == 1 && lines[0].contains("uri=\"/plain?q\""), "{lines:?}");
    assert!(!lines[0].contains("peer=") && !lines[0].contains("request_id="), "{lines:?}");
}

/// A body, or an extension, whose drop has a bug.
#[derive(Clone)]
struct DropsBadly {
    frame: Poll<()>,
}

impl HttpBody for DropsBadly {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.frame.map(|()| None)
    }
}

impl Drop for DropsBadly {
    fn drop(&mut self) {
        panic!("the drop has a bug");
    }
}

fn drops_badly(frame: Poll<()>) -> Request<Body> {
    let body = DropsBadly { frame }.map_err(|never| match never {}).boxed_unsync();
    named(get("/below").map(|_| body))
}

const DROPPED: [&str; 2] = ["the drop of a request or of its body panicked", "panic=\"the drop has a bug\""];

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_bodys_drop_names_its_request() {
    let lines = logged_for(drops_badly(Poll::Ready(())), kept(), complete_response("")).await;
    assert_one(&lines, "ERROR", &DROPPED);

    let (log, _guard) = Log::start();
    let (mut sender, _web_server, mut app) = scripted::connect(kept());
    let response = tokio::spawn(sender.ready().await.unwrap().call(drops_badly(Poll::Pending)));
    app.read_to(RecordType::PARAMS).await;
    response.abort();
    app.read_to(RecordType::ABORT_REQUEST).await;
    assert_one(&log.lines(), "ERROR", &DROPPED);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_returned_requests_drop_names_it() {
    let (log, _guard) = Log::start();
    let (mut sender, web_server, app) = scripted::connect(kept());
    web_server.abort();
    drop(sender.ready().await.unwrap().call(drops_badly(Poll::Pending)));
    assert!(web_server.await.unwrap_err().is_cancelled());
    drop(app);
    assert_one(&log.lines(), "ERROR", &DROPPED);
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_an_extensions_drop_names_its_request() {
    let mut request = get("/plain?q");
    request.extensions_mut().insert(DropsBadly { frame: Poll::Pending });
    let lines = logged_for(request, kept(), complete_response("")).await;
    let [line] = &*lines else { panic!("{lines:#?}") };
    assert!(line.contains("method=\"GET\" uri=\"/plain?q\" "), "{line}");
    assert!(DROPPED.iter().all(|part| line.contains(part)), "{line}");
}
