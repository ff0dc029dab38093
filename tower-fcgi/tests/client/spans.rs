//! Log events of a request are in its caller's span, and no span outlives its request.

use std::fmt;
use std::io;
use std::sync::{Arc, LazyLock, Mutex};

use fcgi_core::RecordType;
use tokio::io::DuplexStream;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tower::{Service as _, ServiceExt as _};
use tower_fcgi::client::{Config, Pool};
use tracing::field::{Field, Visit};
use tracing::span::Id;
use tracing::subscriber::{DefaultGuard, Interest};
use tracing::{Dispatch, Event, Instrument as _, Metadata, Subscriber, info_span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

use crate::loopback::*;
use crate::scripted::{self, Application, complete_response, end, record, stdout, values, with_id};

/// Events with their spans, and closed spans.
#[derive(Clone, Default)]
struct Log {
    events: Arc<Mutex<Vec<(&'static str, String)>>>,
    closed: Arc<Mutex<Vec<&'static str>>>,
}

impl Log {
    /// For this thread, which runs the test.
    fn start() -> (Self, DefaultGuard) {
        // With a single subscriber, `tracing` caches the interest of the first thread.
        static OTHERS: LazyLock<[Dispatch; 2]> =
            LazyLock::new(|| [(); 2].map(|()| Dispatch::new(Registry::default().with(Log::default()))));
        LazyLock::force(&OTHERS);
        let log = Self::default();
        let guard = tracing::subscriber::set_default(Registry::default().with(log.clone()));
        (log, guard)
    }

    fn stderr(&self) -> Vec<(&'static str, String)> {
        let events = self.events.lock().unwrap();
        events.iter().filter(|(_, text)| !text.is_empty()).cloned().collect()
    }

    fn closed(&self) -> Vec<&'static str> {
        self.closed.lock().unwrap().clone()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::sometimes()
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let span = context.event_span(event).map_or("none", |span| span.name());
        self.events.lock().unwrap().push((span, text.0));
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        self.closed.lock().unwrap().extend(context.span(&id).map(|span| span.name()));
    }
}

/// The `text` of an event: what was written to STDERR.
struct Text(String);

impl Visit for Text {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "text" {
            value.clone_into(&mut self.0);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

fn stderr(text: &str) -> Vec<u8> {
    record(RecordType::STDERR, text.as_bytes())
}

fn pool(
    config: Config,
) -> (Pool<impl Fn() -> Connecting + Send + Sync + 'static, Body>, UnboundedReceiver<DuplexStream>) {
    let (connected, connections) = mpsc::unbounded_channel::<DuplexStream>();
    let pool = Pool::builder(move || {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let sent = connected.send(theirs);
        std::future::ready(sent.map(|()| ours).map_err(|_| io::ErrorKind::ConnectionRefused.into()))
    });
    (pool.max_size(2).config(config).build(), connections)
}

type Connecting = std::future::Ready<io::Result<DuplexStream>>;

#[tokio::test(start_paused = true)]
async fn a_kept_connection_is_in_no_requests_span() {
    let (log, _guard) = Log::start();
    let (pool, mut connections) = pool(kept());
    let first = tokio::spawn(pool.clone().oneshot(get("/1")).instrument(info_span!("first")));
    let mut app = Application::new(connections.recv().await.unwrap());
    app.request().await;
    app.send([stderr("of the first"), complete_response("1")].concat()).await;
    text(first.await.unwrap().unwrap().into_body()).await.unwrap();
    assert_eq!(log.closed(), ["first"], "while its connection is kept");
    let second = tokio::spawn(pool.clone().oneshot(get("/2")).instrument(info_span!("second")));
    app.request().await;
    app.send([stderr("of the second"), complete_response("2")].concat()).await;
    text(second.await.unwrap().unwrap().into_body()).await.unwrap();
    let expected = [("first", "of the first".to_owned()), ("second", "of the second".to_owned())];
    assert_eq!(log.stderr(), expected);
    assert_eq!(log.closed(), ["first", "second"]);
}

#[tokio::test(start_paused = true)]
async fn requests_that_share_a_connection_have_their_spans() {
    let (log, _guard) = Log::start();
    let (mut sender, web_server, mut app) = scripted::connect(kept().with_max_concurrent_requests(8));
    let first = info_span!("first").in_scope(|| sender.call(get("/1")));
    assert_eq!(app.record().await.unwrap().0, RecordType::GET_VALUES);
    app.request().await;
    app.send(values(&[("FCGI_MPXS_CONNS", "1")])).await;
    sender.ready().await.unwrap();
    let second = info_span!("second").in_scope(|| sender.call(get("/2")));
    app.request().await;
    app.send([with_id(2, stderr("of the second")), stderr("of the first")].concat()).await;
    app.send([with_id(2, stdout("\r\n")), with_id(2, end()), stdout("\r\n"), end()].concat()).await;
    for response in [first, second] {
        text(response.await.unwrap().into_body()).await.unwrap();
    }
    let expected = [("second", "of the second".to_owned()), ("first", "of the first".to_owned())];
    assert_eq!(log.stderr(), expected);
    assert_eq!(log.closed(), ["second", "first"]);
    assert!(!web_server.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_probed_connection_is_in_no_span() {
    let (log, _guard) = Log::start();
    let (pool, mut connections) = pool(kept().with_max_concurrent_requests(8));
    let first = tokio::spawn(pool.clone().oneshot(get("/1")).instrument(info_span!("first")));
    let mut app = Application::new(connections.recv().await.unwrap());
    app.request().await;
    let mut probed = Application::new(connections.recv().await.unwrap());
    assert_eq!(probed.record().await.unwrap().0, RecordType::GET_VALUES);
    app.send(complete_response("1")).await;
    text(first.await.unwrap().unwrap().into_body()).await.unwrap();
    assert_eq!(log.closed(), ["first"], "while the probe is outstanding");
}

#[tokio::test(start_paused = true)]
async fn a_cut_response_is_one_warning() {
    let (log, _guard) = Log::start();
    let (mut sender, _web_server, mut app) = scripted::connect(Config::default());
    let request = async {
        let response = sender.ready().await.unwrap().call(get("/")).await.unwrap();
        assert_eq!(text(response.into_body()).await.unwrap(), "ok");
    };
    let application = async {
        app.request().await;
        app.send(stdout("Content-Length: 2\r\nX y: z\r\na b: c\r\n\r\no")).await;
        app.send([stdout("k!"), stdout("more"), stdout("and more"), end()].concat()).await;
    };
    tokio::join!(request.instrument(info_span!("one")), application);
    let events = log.events.lock().unwrap().clone();
    assert_eq!(
        events.iter().filter(|(span, _)| *span == "one").count(),
        2,
        "the headers and the body: {events:?}"
    );
}
