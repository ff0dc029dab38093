//! The web server's side of a connection, by bytes. The first byte says how these come, the second what the web
//! server does with its requests.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use fcgi_core::client::{AnswerState, Config, Connection, EndOfInput, Event};
use fcgi_core::{EndRequest, ProtocolError, RequestKey, Role, Variable};

pub(crate) fn run(data: &[u8]) {
    let Some(([size, habits], input)) = data.split_first_chunk() else { return };
    let whole = listen([input], *habits);
    assert_eq!(listen(input.chunks(1), *habits), whole);
    assert_eq!(listen(input.chunks(usize::from(*size) + 1), *habits), whole);
}

/// What of an application's answers must not hang on the transport.
#[derive(Debug, Default, PartialEq)]
struct Known {
    stdout: BTreeMap<RequestKey, Vec<u8>>,
    stderr: BTreeMap<RequestKey, Vec<u8>>,
    ends: Vec<(RequestKey, EndRequest)>,
    values: Vec<Event>,
    violation: Option<ProtocolError>,
    /// After a violation it means nothing.
    end_of_input: Option<EndOfInput>,
    output: Vec<u8>,
}

fn listen<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, habits: u8) -> Known {
    let mut config = Config::default();
    (config.max_concurrent_requests, config.max_management_bytes) = (4, 100);
    let mut server = Connection::new(config);
    let roles = [Role::RESPONDER, Role::AUTHORIZER, Role::FILTER, Role::RESPONDER];
    let keys = roles.map(|role| server.begin(role, true).unwrap());
    server.get_values(&Variable::ALL).unwrap();
    // Some have sent everything, some nothing, and one may have been given up.
    server.end_params(keys[0]).unwrap();
    server.end_stdin(keys[0]).unwrap();
    server.end_params(keys[2]).unwrap();
    if habits & 1 != 0 {
        server.abort(keys[3]).unwrap();
    }
    let mut known = Known::default();
    for piece in pieces {
        let received = if habits & 2 != 0 {
            server.receive_shared(&Bytes::copy_from_slice(piece))
        } else {
            server.receive(piece)
        };
        if let Err(broken) = received {
            assert!(known.violation.is_none_or(|first| first == broken), "a violation stays");
            known.violation = Some(broken);
        }
        while let Some(event) = server.poll_event() {
            take(&mut server, event, &mut known);
        }
    }
    assert_eq!(server.unread_bytes(), 0, "all that came was read");
    assert_eq!(server.active_requests() + known.ends.len(), keys.len());
    known.end_of_input = known.violation.is_none().then(|| server.end_of_input());
    known.output = server.output().slices().flatten().copied().collect();
    known
}

fn take(server: &mut Connection, event: Event, known: &mut Known) {
    let mut chunks = VecDeque::new();
    let (key, text) = match event {
        Event::StdoutReadable(key) => {
            if server.read_stdout(key, &mut chunks) == Ok(AnswerState::Open) {
                assert!(!chunks.is_empty(), "an event without anything to read");
            }
            (key, &mut known.stdout)
        }
        Event::StderrReadable(key) => {
            let _ = server.read_stderr(key, &mut chunks);
            (key, &mut known.stderr)
        }
        Event::RequestEnded(key, end) => return known.ends.push((key, end)),
        values => return known.values.push(values),
    };
    let bytes = Vec::from(chunks).concat();
    server.release_capacity(key, bytes.len());
    text.entry(key).or_default().extend(bytes);
}
