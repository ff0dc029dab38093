//! The application's side of a connection with random input. The first byte is the chunk size, the second a set of
//! flags for the application.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use fcgi_core::server::{Config, Connection, Event};
use fcgi_core::{Limits, ProtocolError, RecordDecoder, RecordType, RequestKey, Roles};

pub(crate) fn run(data: &[u8]) {
    let Some(([size, flags], input)) = data.split_first_chunk() else { return };
    let whole = observe([input]);
    assert_eq!(observe(input.chunks(1)), whole);
    assert_eq!(observe(input.chunks(usize::from(*size) + 1)), whole);
    respond(input.chunks(usize::from(*size) + 1), *flags);
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
    let mut config = Config::default();
    (config.limits, config.roles) = (limits, Roles::ALL);
    Connection::new(Arc::new(config))
}

/// What must not depend on the transport.
#[derive(Debug, PartialEq, Eq)]
struct Observation {
    events: Vec<Event>,
    error: Option<ProtocolError>,
    output: Vec<u8>,
    bodies: Vec<Vec<u8>>,
    unread_bytes: usize,
    active_requests: usize,
}

/// Receives without a response.
fn observe<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Observation {
    let mut server = connection();
    let mut error = None;
    for chunk in chunks {
        if let Err(current) = server.receive(chunk) {
            assert!(error.is_none_or(|first| first == current), "the error persists");
            error = Some(current);
        }
    }
    let events: Vec<_> = std::iter::from_fn(|| server.poll_event()).collect();
    let mut bodies = Vec::new();
    for event in &events {
        if let Event::Request(request) = event {
            let mut bytes = VecDeque::new();
            let _ = server.read_body(request.key, &mut bytes);
            let _ = server.read_data(request.key, &mut bytes);
            bodies.push(bytes.iter().flatten().copied().collect());
        }
    }
    let (unread_bytes, active_requests) = (server.unread_bytes(), server.active_requests());
    let output = server.output().slices().flatten().copied().collect();
    Observation { events, error, output, bodies, unread_bytes, active_requests }
}

/// Receives and responds to every request, and checks the responses.
fn respond<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, flags: u8) {
    let mut server = connection();
    let mut open: Vec<RequestKey> = Vec::new();
    let mut web_server = WebServer::default();
    for chunk in chunks {
        if !server.wants_read() {
            open.drain(..).for_each(|key| end(&mut server, key, flags));
        }
        let received = server.receive(chunk);
        while let Some(event) = server.poll_event() {
            act(&mut server, event, &mut open, flags);
        }
        web_server.receive(&mut server);
        if received.is_err() {
            break;
        }
    }
    open.into_iter().for_each(|key| end(&mut server, key, flags));
    while let Some(key) = server.incomplete_heads().min() {
        server.reject(key).unwrap();
        end(&mut server, key, flags);
    }
    web_server.receive(&mut server);
    assert_eq!((server.active_requests(), server.unread_bytes(), server.largest_unread()), (0, 0, None));
    assert!(server.output().is_empty() && web_server.decoder.is_between_records());
}

fn act(server: &mut Connection, event: Event, open: &mut Vec<RequestKey>, flags: u8) {
    match event {
        Event::Request(request) => {
            assert!(server.is_writable(request.key));
            if flags & 1 != 0 {
                end(server, request.key, flags);
            } else {
                open.push(request.key);
            }
        }
        Event::Rejected(key, _) | Event::Aborted(key) => end(server, key, flags),
        Event::BodyReadable(key) => {
            let mut bytes = VecDeque::new();
            if server.read_body(key, &mut bytes).is_ok() && flags & 2 != 0 {
                server.release_capacity(key, bytes.iter().map(bytes::Bytes::len).sum());
            }
            if flags & 4 != 0 {
                let _ = server.discard_body(key);
            }
        }
        other => panic!("{other:?} is new"),
    }
}

/// Ends the request, which may have ended before.
fn end(server: &mut Connection, key: RequestKey, flags: u8) {
    let is_open = server.is_writable(key);
    assert_eq!(server.stdout(key, b"answer").is_ok(), is_open);
    assert_eq!(server.stderr(key, b"error").is_ok(), is_open);
    let ended = if flags & 8 != 0 { server.abort_response(key) } else { server.end_request(key, 0) };
    assert_eq!(ended.is_ok(), is_open);
    assert!(!server.is_writable(key) && server.end_request(key, 0).is_err());
}

#[derive(Default)]
struct WebServer {
    decoder: RecordDecoder,
    /// Whether STDOUT of an active id has ended.
    stdout_ended: BTreeMap<u16, bool>,
}

impl WebServer {
    fn receive(&mut self, server: &mut Connection) {
        let wire: Vec<u8> = server.output().slices().flatten().copied().collect();
        server.output().advance(wire.len());
        let mut input = &wire[..];
        while let Some(fragment) = self.decoder.next(&mut input).unwrap() {
            let (kind, id) = (fragment.header.kind, fragment.header.id.0);
            let ended = self.stdout_ended.entry(id).or_default();
            match kind {
                RecordType::STDOUT => {
                    assert!(!*ended, "STDOUT of {id} after its end");
                    *ended = fragment.header.content_len == 0;
                }
                // A request that was not reported has no STDOUT.
                RecordType::END_REQUEST => *ended = false,
                RecordType::STDERR => assert!(!*ended, "STDERR of {id} after the end of STDOUT"),
                RecordType::GET_VALUES_RESULT | RecordType::UNKNOWN_TYPE => assert_eq!(id, 0),
                _ => panic!("an application does not send {kind:?}"),
            }
        }
    }
}
