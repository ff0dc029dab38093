//! The web server's side of a connection with random input. The first byte is the chunk size, the second a set of flags
//! for the web server.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use fcgi_core::client::{Config, Connection, EndOfInput, Event};
use fcgi_core::{EndRequest, ProtocolError, RequestKey, Role, StreamState, Variable};

pub(crate) fn run(data: &[u8]) {
    let Some(([size, flags], input)) = data.split_first_chunk() else { return };
    let whole = observe([input], *flags);
    assert_eq!(observe(input.chunks(1), *flags), whole);
    assert_eq!(observe(input.chunks(usize::from(*size) + 1), *flags), whole);
}

/// What must not depend on the transport.
#[derive(Debug, Default, PartialEq)]
struct Observation {
    stdout: BTreeMap<RequestKey, Vec<u8>>,
    stderr: BTreeMap<RequestKey, Vec<u8>>,
    ended: Vec<(RequestKey, EndRequest)>,
    values: Vec<Event>,
    error: Option<ProtocolError>,
    /// Undefined after a protocol error.
    end_of_input: Option<EndOfInput>,
    output: Vec<u8>,
}

fn observe<'a>(chunks: impl IntoIterator<Item = &'a [u8]>, flags: u8) -> Observation {
    let mut config = Config::default();
    (config.max_concurrent_requests, config.max_management_bytes) = (4, 100);
    let mut client = Connection::new(config);
    let roles = [Role::RESPONDER, Role::AUTHORIZER, Role::FILTER, Role::RESPONDER];
    let keys = roles.map(|role| client.begin(role, true).unwrap());
    client.get_values(&Variable::ALL).unwrap();
    // Some requests are complete, some have sent nothing, and one may be aborted.
    client.end_params(keys[0]).unwrap();
    client.end_stdin(keys[0]).unwrap();
    client.end_params(keys[2]).unwrap();
    if flags & 1 != 0 {
        client.abort(keys[3]).unwrap();
    }
    let mut observation = Observation::default();
    for chunk in chunks {
        let received = if flags & 2 != 0 {
            client.receive_shared(&Bytes::copy_from_slice(chunk))
        } else {
            client.receive(chunk)
        };
        if let Err(current) = received {
            assert!(observation.error.is_none_or(|first| first == current), "the error persists");
            observation.error = Some(current);
        }
        while let Some(event) = client.poll_event() {
            take(&mut client, event, &mut observation);
        }
    }
    assert_eq!(client.unread_bytes(), 0, "everything was read");
    assert_eq!(client.active_requests() + observation.ended.len(), keys.len());
    observation.end_of_input = observation.error.is_none().then(|| client.end_of_input());
    observation.output = client.output().slices().flatten().copied().collect();
    observation
}

fn take(client: &mut Connection, event: Event, observation: &mut Observation) {
    let mut bytes = VecDeque::new();
    let (key, stream) = match event {
        Event::StdoutReadable(key) => {
            if client.read_stdout(key, &mut bytes) == Ok(StreamState::Open) {
                assert!(!bytes.is_empty(), "an event without content");
            }
            (key, &mut observation.stdout)
        }
        Event::StderrReadable(key) => {
            let _ = client.read_stderr(key, &mut bytes);
            (key, &mut observation.stderr)
        }
        Event::RequestEnded(key, end) => return observation.ended.push((key, end)),
        values => return observation.values.push(values),
    };
    let bytes = Vec::from(bytes).concat();
    client.release_capacity(key, bytes.len());
    stream.entry(key).or_default().extend(bytes);
}
