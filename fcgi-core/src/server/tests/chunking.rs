//! A conversation is the same however its bytes are split.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::conversation::{Command, Step, WebServer, config, steps};
use super::wire::{parse_some, unwritten};
use crate::server::{CloseAction, Config, Connection, EndOfInput, Event};
use crate::{ProtocolError, RequestKey, StreamState};

/// How the transport splits the bytes of the web server.
#[derive(Debug, Clone)]
struct Transport {
    /// Sizes of the reads, repeated.
    reads: Vec<usize>,
    /// Uses `receive_shared`.
    shared: bool,
    /// Polls events and reads bodies after every read.
    eager: bool,
}

impl Transport {
    fn reads_of(size: usize) -> Self {
        Self { reads: vec![size], shared: false, eager: false }
    }
}

/// What must not depend on the transport.
#[derive(Debug, Default, PartialEq)]
struct Transcript {
    events: Vec<Event>,
    /// STDIN and DATA that were read of each request.
    bodies: BTreeMap<RequestKey, [Stream; 2]>,
    /// The states between commands.
    states: Vec<State>,
    error: Option<ProtocolError>,
    output: Vec<u8>,
}

/// The bytes of a stream and its last state.
type Stream = (Vec<u8>, Option<StreamState>);

#[derive(Debug, PartialEq)]
struct State {
    /// Requests with an [`Event::BodyReadable`]. The number of events depends on the reads.
    readable: BTreeSet<RequestKey>,
    unread: usize,
    active: usize,
    wants_read: bool,
    close_action: Option<CloseAction>,
    /// Undefined after a protocol error.
    position: Option<(bool, EndOfInput)>,
    largest_unread: Option<RequestKey>,
    oldest_incomplete_head: Option<RequestKey>,
}

struct Run<'a> {
    server: Connection,
    transport: &'a Transport,
    web_server: WebServer,
    /// Output records that the web server has received.
    seen: usize,
    keys: Vec<RequestKey>,
    readable: BTreeSet<RequestKey>,
    transcript: Transcript,
}

impl Run<'_> {
    /// Sends `bytes`. Returns `false` after a protocol error.
    fn deliver(&mut self, bytes: &[u8]) -> bool {
        let all = Bytes::copy_from_slice(bytes);
        let mut sizes = self.transport.reads.iter().cycle();
        let mut at = 0;
        while at < all.len() && self.transcript.error.is_none() {
            let end = all.len().min(at + *sizes.next().unwrap());
            let read = all.slice(at..end);
            let received = if self.transport.shared {
                self.server.receive_shared(&read)
            } else {
                self.server.receive(&read)
            };
            self.transcript.error = received.err();
            if self.transport.eager {
                self.take_events();
            }
            at = end;
        }
        self.take_events();
        for key in self.keys.clone() {
            self.read(key);
        }
        let server = &self.server;
        self.transcript.states.push(State {
            readable: core::mem::take(&mut self.readable),
            unread: server.unread_bytes(),
            active: server.active_requests(),
            wants_read: server.wants_read(),
            close_action: server.close_action(),
            position: self.transcript.error.is_none().then(|| (server.is_idle(), server.end_of_input())),
            largest_unread: server.largest_unread(),
            oldest_incomplete_head: server.incomplete_heads().min(),
        });
        let output = unwritten(self.server.output());
        let (records, _) = parse_some(&output);
        for record in &records[self.seen..] {
            // The model checks whether it was expected: here many begin and end in one piece.
            self.web_server.record_received(record);
        }
        self.seen = records.len();
        self.transcript.error.is_none()
    }

    fn take_events(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::BodyReadable(key) => {
                    self.readable.insert(key);
                    self.read(key);
                    continue;
                }
                Event::Request(ref request) => self.keys.push(request.key),
                Event::Rejected(key, _) => self.keys.push(key),
                Event::Aborted(_) => (),
            }
            self.transcript.events.push(event);
        }
    }

    fn read(&mut self, key: RequestKey) {
        let [stdin, data] = self.transcript.bodies.entry(key).or_default();
        let mut chunks = VecDeque::new();
        if let Ok(state) = self.server.read_body(key, &mut chunks) {
            stdin.0.extend(chunks.drain(..).flatten());
            stdin.1 = Some(state);
        }
        if let Ok(state) = self.server.read_data(key, &mut chunks) {
            data.0.extend(chunks.drain(..).flatten());
            data.1 = Some(state);
        }
    }

    fn command(&mut self, which: usize, command: Command) {
        match command {
            Command::StopAccepting => return self.server.stop_accepting(),
            Command::Reject => {
                if let Some(key) = self.server.incomplete_heads().min() {
                    self.server.reject(key).unwrap();
                    self.keys.push(key);
                }
                return;
            }
            _ => (),
        }
        if self.keys.is_empty() {
            return;
        }
        let key = self.keys[which % self.keys.len()];
        // The model checks the result; here it must only be the same in every run.
        let _ = match command {
            Command::Stdout(len) | Command::StdoutShared(len) | Command::StdoutInPlace(len) => {
                self.server.stdout(key, &vec![b'o'; len % 100])
            }
            // The result depends on how much was written before.
            Command::Replace(_) => Ok(()),
            Command::Stderr(len) => self.server.stderr(key, &vec![b'e'; len]),
            Command::DiscardBody => self.server.discard_body(key),
            Command::Upgrade => self.server.upgrade(key),
            Command::EndRequest => self.server.end_request(key, 0),
            Command::AbortResponse => self.server.abort_response(key),
            Command::AbandonResponse => self.server.abandon_response(key),
            Command::ReleaseCapacity(len) => {
                self.server.release_capacity(key, len);
                Ok(())
            }
            Command::ReadBody | Command::Reject | Command::StopAccepting => Ok(()),
        };
    }
}

fn transcript(config: &Config, steps: &[Step], transport: &Transport) -> Transcript {
    let mut run = Run {
        server: Connection::new(Arc::new(config.clone())),
        transport,
        web_server: WebServer::default(),
        seen: 0,
        keys: Vec::new(),
        readable: BTreeSet::new(),
        transcript: Transcript::default(),
    };
    // The transport splits everything that is sent between two commands.
    let mut bytes = Vec::new();
    for step in steps {
        match step {
            Step::Legal { id, choice } => {
                let sent = run.web_server.legal(*id, *choice);
                run.web_server.record_sent(&sent);
                bytes.extend(sent.wire());
            }
            Step::Record(sent) => {
                run.web_server.record_sent(sent);
                bytes.extend(sent.wire());
            }
            Step::Noise(noise) => bytes.extend(noise),
            // The complete output is compared at the end.
            Step::Write(_) => (),
            Step::Command(which, command) => {
                if !run.deliver(&core::mem::take(&mut bytes)) {
                    break;
                }
                run.command(*which, *command);
            }
        }
    }
    run.deliver(&bytes);
    run.transcript.output = unwritten(run.server.output());
    run.transcript
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn events_and_output_are_the_same_in_any_chunking(
        config in config(),
        steps in steps(100, true),
        sizes in prop::collection::vec(prop_oneof![1..20_usize, 1..5000_usize], 1..20),
    ) {
        let whole = transcript(&config, &steps, &Transport::reads_of(usize::MAX / 2));
        for reads in [vec![usize::MAX / 2], vec![1], vec![9], sizes] {
            for (shared, eager) in [(false, false), (false, true), (true, false), (true, true)] {
                let transport = Transport { reads: reads.clone(), shared, eager };
                prop_assert_eq!(&transcript(&config, &steps, &transport), &whole, "{:?}", transport);
            }
        }
    }

    #[test]
    fn garbage_never_panics_nor_depends_on_chunking(
        bytes in prop::collection::vec(prop_oneof![3 => 0..12_u8, 1 => any::<u8>()], 0..200),
    ) {
        // The first byte is the version.
        let noise = [Step::Noise(vec![1]), Step::Noise(bytes)];
        let whole = transcript(&Config::default(), &noise, &Transport::reads_of(1000));
        prop_assert_eq!(&transcript(&Config::default(), &noise, &Transport::reads_of(1)), &whole);
    }
}

#[test]
fn the_compared_conversations_are_long_enough() {
    // The property is worthless if most conversations fail early.
    let mut runner = TestRunner::deterministic();
    let (mut requests, mut ends, mut errors, mut bodies) = (0, 0, 0, 0);
    for _ in 0..100 {
        let steps = steps(100, true).new_tree(&mut runner).unwrap().current();
        let config = config().new_tree(&mut runner).unwrap().current();
        let transcript = transcript(&config, &steps, &Transport::reads_of(64));
        requests += transcript.events.iter().filter(|event| matches!(event, Event::Request(_))).count();
        let (records, _) = parse_some(&transcript.output);
        ends += records.iter().filter(|record| record.kind == crate::RecordType::END_REQUEST).count();
        errors += usize::from(transcript.error.is_some());
        bodies += transcript.bodies.values().filter(|[stdin, _]| !stdin.0.is_empty()).count();
    }
    let seen = alloc::format!("{requests} requests, {ends} ends, {errors} errors, {bodies} bodies");
    assert!(requests > 100 && ends > 150 && bodies > 50, "{seen}");
    assert!((5..60).contains(&errors), "{seen}");
}
