//! The application's side of a connection, by bytes. The first byte says how these come, the second what the
//! application does with its requests.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use fcgi_core::server::{Config, Connection, Event};
use fcgi_core::{Limits, ProtocolError, RecordDecoder, RecordType, RequestKey, Roles};

pub(crate) fn run(data: &[u8]) {
    let Some(([size, habits], input)) = data.split_first_chunk() else { return };
    let whole = listen([input]);
    assert_eq!(listen(input.chunks(1)), whole);
    assert_eq!(listen(input.chunks(usize::from(*size) + 1)), whole);
    answer(input.chunks(usize::from(*size) + 1), *habits);
}

fn connection() -> Connection {
    let mut limits = Limits::default();
    (
        limits.max_concurrent_requests,
        limits.max_half_closed_requests,
        limits.max_params_bytes,
        limits.max_params,
    ) = (3, 2, 200, 8);
    (limits.request_window, limits.connection_window, limits.max_control_bytes) = (64, 100, 200);
    Connection::new(Arc::new(Config { limits, roles: Roles::ALL, ..Config::default() }))
}

/// What there is to be known of a connection.
#[derive(Debug, PartialEq, Eq)]
struct Known {
    events: Vec<Event>,
    violation: Option<ProtocolError>,
    output: Vec<u8>,
    bodies: Vec<Vec<u8>>,
    unread: usize,
    live: usize,
}

/// An application that only listens.
fn listen<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Known {
    let mut app = connection();
    let mut violation = None;
    for piece in pieces {
        if let Err(broken) = app.receive(piece) {
            assert!(violation.is_none_or(|first| first == broken), "a violation stays");
            violation = Some(broken);
        }
    }
    let events: Vec<_> = std::iter::from_fn(|| app.poll_event()).collect();
    let mut bodies = Vec::new();
    for event in &events {
        if let Event::Request(request) = event {
            let mut chunks = VecDeque::new();
            let _ = app.read_body(request.key, &mut chunks);
            let _ = app.read_data(request.key, &mut chunks);
            bodies.push(chunks.iter().flatten().copied().collect());
        }
    }
    let (unread, live) = (app.unread_bytes(), app.active_requests());
    let output = app.output().slices().flatten().copied().collect();
    Known { events, violation, output, bodies, unread, live }
}

/// An application that answers everything sooner or later, and a web server that gets it.
fn answer<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, habits: u8) {
    let mut app = connection();
    let mut open: Vec<RequestKey> = Vec::new();
    let mut web_server = WebServer::default();
    for piece in pieces {
        if !app.wants_read() {
            open.drain(..).for_each(|key| end(&mut app, key, habits));
        }
        let received = app.receive(piece);
        while let Some(event) = app.poll_event() {
            act(&mut app, event, &mut open, habits);
        }
        web_server.receive(&mut app);
        if received.is_err() {
            break;
        }
    }
    open.into_iter().for_each(|key| end(&mut app, key, habits));
    while let Some(key) = app.incomplete_heads().min() {
        app.reject(key).unwrap();
        end(&mut app, key, habits);
    }
    web_server.receive(&mut app);
    assert_eq!((app.active_requests(), app.unread_bytes(), app.largest_unread()), (0, 0, None));
    assert!(app.output().is_empty() && web_server.deframer.is_between_records());
}

fn act(app: &mut Connection, event: Event, open: &mut Vec<RequestKey>, habits: u8) {
    match event {
        Event::Request(request) => {
            assert!(app.is_writable(request.key));
            if habits & 1 != 0 {
                end(app, request.key, habits);
            } else {
                open.push(request.key);
            }
        }
        Event::Rejected(key, _) | Event::Aborted(key) => end(app, key, habits),
        Event::BodyReadable(key) => {
            let mut chunks = VecDeque::new();
            if app.read_body(key, &mut chunks).is_ok() && habits & 2 != 0 {
                app.release_capacity(key, chunks.iter().map(bytes::Bytes::len).sum());
            }
            if habits & 4 != 0 {
                let _ = app.discard_body(key);
            }
        }
        other => panic!("{other:?} is new"),
    }
}

/// It may have ended before.
fn end(app: &mut Connection, key: RequestKey, habits: u8) {
    let is_open = app.is_writable(key);
    assert_eq!(app.stdout(key, b"answer").is_ok(), is_open);
    assert_eq!(app.stderr(key, b"error").is_ok(), is_open);
    let ended = if habits & 8 != 0 { app.abort_response(key) } else { app.end_request(key, 0) };
    assert_eq!(ended.is_ok(), is_open);
    assert!(!app.is_writable(key) && app.end_request(key, 0).is_err());
}

#[derive(Default)]
struct WebServer {
    deframer: RecordDecoder,
    /// Whether STDOUT of an id has ended, but the request has not.
    stdout_ended: BTreeMap<u16, bool>,
}

impl WebServer {
    fn receive(&mut self, app: &mut Connection) {
        let wire: Vec<u8> = app.output().slices().flatten().copied().collect();
        app.output().advance(wire.len());
        let mut input = &wire[..];
        while let Some(fragment) = self.deframer.next(&mut input).unwrap() {
            let (kind, id) = (fragment.header.kind, fragment.header.id.0);
            let ended = self.stdout_ended.entry(id).or_default();
            match kind {
                RecordType::STDOUT => {
                    assert!(!*ended, "STDOUT of {id} after its end");
                    *ended = fragment.header.content_len == 0;
                }
                // A request that no application had has no STDOUT.
                RecordType::END_REQUEST => *ended = false,
                RecordType::STDERR => assert!(!*ended, "STDERR of {id} after the end of STDOUT"),
                RecordType::GET_VALUES_RESULT | RecordType::UNKNOWN_TYPE => assert_eq!(id, 0),
                _ => panic!("an application does not send {kind:?}"),
            }
        }
    }
}
