//! The events and spans of a connection.

use std::fmt;
use std::sync::{Arc, LazyLock, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, Interest};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

use crate::handlers::{Gate, boxed, echo, full, handler};
use crate::records::{CLOSE, KEEP, abort, end_stdin, get, get_values, post, post_whole, stdin};
use crate::scripted::{Scripted, Step, data, quietly};
use crate::web_server::{WebServer, serve};
use crate::wire::Failure;

/// Collects the library's events and span names.
#[derive(Clone, Default)]
pub(crate) struct Log {
    events: Arc<Mutex<Vec<(Level, String)>>>,
    spans: Arc<Mutex<Vec<(Level, &'static str)>>>,
}

impl Log {
    /// Logs for this thread, which runs the whole test.
    pub(crate) fn start() -> (Self, DefaultGuard) {
        // With one subscriber, `tracing` caches per call site what the first thread there answers, and other tests' threads
        // would answer that nothing is enabled. With several, it asks all of them.
        static OTHERS: LazyLock<[Dispatch; 2]> =
            LazyLock::new(|| [(); 2].map(|()| Dispatch::new(Log::default())));
        LazyLock::force(&OTHERS);
        let log = Self::default();
        let guard = tracing::subscriber::set_default(log.clone());
        (log, guard)
    }

    /// As [`at`](Self::at), and forgets all events.
    pub(crate) fn take(&self, level: Level) -> Vec<String> {
        let events = self.at(level);
        self.events.lock().unwrap().clear();
        events
    }

    /// Events at this level or a more severe one.
    pub(crate) fn at(&self, level: Level) -> Vec<String> {
        let events = self.events.lock().unwrap();
        events.iter().filter(|(of, _)| *of <= level).map(|(_, text)| text.clone()).collect()
    }
}

impl Subscriber for Log {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // Other tests run concurrently, without a subscriber.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tower_fcgi")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut spans = self.spans.lock().unwrap();
        spans.push((*attributes.metadata().level(), attributes.metadata().name()));
        Id::from_u64(spans.len() as u64)
    }

    fn event(&self, event: &Event<'_>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        self.events.lock().unwrap().push((*event.metadata().level(), text.0));
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 += &format!("{field}={value:?} ");
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.0 += &format!("{field}={value} ");
    }
}

fn served() -> WebServer {
    serve(handler(|request| async {
        match request.uri().path() {
            "/wait" => std::future::pending().await,
            "/early" => full("early"),
            "/panic" => panic!("it has a bug"),
            "/cut" => {
                let gate = Gate::new();
                let body = Scripted::new([data("some"), Step::Wait(gate.clone()), Step::Error]);
                tokio::spawn(async move { gate.open(1) });
                http::Response::new(boxed(body))
            }
            _ => echo(request).await,
        }
    }))
}

#[tokio::test(start_paused = true)]
async fn healthy_requests_log_nothing_at_debug_or_above() {
    let (log, _guard) = Log::start();
    let mut web_server = served();
    web_server.say(post_whole(1, KEEP, "/", b"abc")).await;
    web_server.say([get(2, KEEP, "/"), get(3, KEEP, "/wait"), get_values(&[])].concat()).await;
    web_server.say(abort(3)).await;
    web_server.say([post(1, KEEP, "/early", 3), stdin(1, b"a")].concat()).await;
    web_server.say([stdin(1, b"bc"), end_stdin(1), get(1, CLOSE, "/")].concat()).await;
    web_server.end();
    assert!(web_server.ended().await.is_ok());
    assert_eq!(log.at(Level::DEBUG), [""; 0]);

    let mut web_server = served();
    web_server.end();
    assert!(web_server.ended().await.is_ok());
    assert_eq!(log.at(Level::DEBUG), [""; 0], "EOF between requests is not logged");
}

#[tokio::test(start_paused = true)]
async fn connection_and_requests_have_spans() {
    let (log, _guard) = Log::start();
    let web_server = served();
    web_server.say([get(1, KEEP, "/"), get(2, KEEP, "/")].concat()).await;
    let spans = log.spans.lock().unwrap().clone();
    let names: Vec<_> = spans.iter().map(|(_, name)| *name).collect();
    assert_eq!(names, ["fastcgi_connection", "request", "request"]);
}

#[tokio::test(start_paused = true)]
async fn a_failed_connection_is_one_debug_event() {
    quietly();
    for (request, by, reason) in [
        (get(1, KEEP, "/wait"), WebServer::end as fn(&WebServer), "before its request was answered"),
        (get(1, KEEP, "/wait"), WebServer::reset, "failed"),
        (get(1, KEEP, "/")[..9].to_vec(), WebServer::end, "inside a record"),
        (b"\x02\0\0\0\0\0\0\0".to_vec(), |_| {}, "broke the protocol"),
        (get(1, KEEP, "/wait"), goes_away_while_it_is_written_to, "failed"),
    ] {
        let (log, _guard) = Log::start();
        let mut web_server = served();
        web_server.say(request).await;
        by(&web_server);
        assert!(web_server.ended().await.is_err());
        let debug = log.at(Level::DEBUG);
        assert!(debug.len() == 1 && debug[0].contains(reason), "{debug:?}");
        assert!(
            debug[0].contains("connection failed") && debug[0].contains("peer=\"192.0.2.9:4711\" "),
            "{debug:?}"
        );
        assert_eq!(log.at(Level::INFO), [""; 0]);
    }
}

/// Three more responses are written, and the write of the first fails.
fn goes_away_while_it_is_written_to(web_server: &WebServer) {
    web_server.wire.lock().failure = Some(Failure::BrokenPipe);
    web_server.send([get(2, KEEP, "/"), get(3, KEEP, "/"), get(4, KEEP, "/")].concat());
}

#[tokio::test(start_paused = true)]
async fn a_failed_request_is_one_error_event() {
    quietly();
    let (log, _guard) = Log::start();
    let web_server = served();
    web_server.say(get(1, KEEP, "/panic")).await;
    let errors = log.at(Level::DEBUG);
    assert!(errors.len() == 1 && errors[0].contains("it has a bug"), "{errors:?}");
    assert_eq!(log.at(Level::ERROR), errors);

    let (log, _guard) = Log::start();
    let mut web_server = served();
    web_server.send(get(1, KEEP, "/cut"));
    assert!(web_server.ended().await.is_err());
    assert_eq!((log.at(Level::ERROR).len(), log.at(Level::DEBUG).len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn what_the_target_hides_is_one_warning_each() {
    let (log, _guard) = Log::start();
    let web_server = served();
    for (pairs, warnings) in [
        (&[("SCRIPT_NAME", "/")][..], 0),
        (&[("SCRIPT_NAME", "")], 1),
        (&[("SCRIPT_NAME", "/app.fcgi")], 2),
        (&[("SCRIPT_NAME", "")], 2),
        (&[("SCRIPT_NAME", "/other.fcgi")], 2),
    ] {
        web_server.ask(1, [crate::records::head(1, KEEP, "GET", "/", pairs), end_stdin(1)].concat()).await;
        let logged = log.at(Level::WARN);
        assert_eq!(logged.len(), warnings, "{logged:?}");
    }
    let logged = log.at(Level::WARN);
    assert!(logged[0].contains("the web server sends no SCRIPT_NAME"), "{logged:?}");
    assert!(
        logged[1].contains("script=/app.fcgi")
            && logged[1].contains("a path that looks like a front controller"),
        "{logged:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_error_is_a_debug_event_and_no_stderr() {
    let (log, _guard) = Log::start();
    let web_server = served();
    let long = format!("/?{}", "x".repeat(70_000));
    for (method, target, status) in
        [("NO METHOD", "/", 400), ("GET", "/a/../b", 400), ("GET", long.as_str(), 414)]
    {
        let bad = crate::records::head(1, KEEP, method, target, &[]);
        let answer = web_server.ask(1, [bad, end_stdin(1)].concat()).await;
        assert_eq!((answer.status(), answer.errors().as_str()), (status, ""));
    }
    let events = log.at(Level::DEBUG);
    assert!(events.iter().all(|event| event.contains("request rejected")), "{events:?}");
    assert_eq!((events.len(), log.at(Level::INFO).len()), (3, 0));
}
