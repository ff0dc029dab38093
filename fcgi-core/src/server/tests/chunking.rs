//! However its bytes are cut on their way, a conversation is the same.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use super::conversation::{Command, Step, WebServer, config, steps};
use super::wire::{parse_some, waiting};
use crate::server::{CloseAction, Config, Connection, EndOfInput, Event};
use crate::{ProtocolError, RequestKey, StreamState};

/// How bytes get from the web server to the connection.
#[derive(Debug, Clone)]
struct Transport {
    /// Sizes of the reads, again and again.
    reads: Vec<usize>,
    /// Through `receive_shared`.
    shared: bool,
    /// Events are taken and bodies read after every read.
    eager: bool,
}

impl Transport {
    fn reads_of(size: usize) -> Self {
        Self { reads: vec![size], shared: false, eager: false }
    }
}

/// What of a conversation must not hang on the transport.
#[derive(Debug, Default, PartialEq)]
struct Story {
    told: Vec<Event>,
    /// STDIN and DATA of each request, as far as they were read.
    bodies: BTreeMap<RequestKey, [Stream; 2]>,
    /// What stood between commands.
    states: Vec<State>,
    violation: Option<ProtocolError>,
    output: Vec<u8>,
}

/// What was read of a stream, and whether it was all.
type Stream = (Vec<u8>, Option<StreamState>);

#[derive(Debug, PartialEq)]
struct State {
    /// Requests that an [`Event::BodyReadable`] named. How often it did depends on how often they were read.
    announced: BTreeSet<RequestKey>,
    unread: usize,
    live: usize,
    wants_input: bool,
    should_close: Option<CloseAction>,
    /// Where in its records the web server stands; after a violation that means nothing.
    place: Option<(bool, EndOfInput)>,
    fullest: Option<RequestKey>,
    oldest_in_params: Option<RequestKey>,
}

struct Run<'a> {
    app: Connection,
    transport: &'a Transport,
    server: WebServer,
    /// Output records that the web server has seen.
    seen: usize,
    keys: Vec<RequestKey>,
    announced: BTreeSet<RequestKey>,
    story: Story,
}

impl Run<'_> {
    /// Sends `bytes`; `false` after a violation.
    fn deliver(&mut self, bytes: &[u8]) -> bool {
        let all = Bytes::copy_from_slice(bytes);
        let mut sizes = self.transport.reads.iter().cycle();
        let mut at = 0;
        while at < all.len() && self.story.violation.is_none() {
            let end = all.len().min(at + *sizes.next().unwrap());
            let read = all.slice(at..end);
            let received =
                if self.transport.shared { self.app.receive_shared(&read) } else { self.app.receive(&read) };
            self.story.violation = received.err();
            if self.transport.eager {
                self.take_events();
            }
            at = end;
        }
        self.take_events();
        for key in self.keys.clone() {
            self.read(key);
        }
        let app = &self.app;
        self.story.states.push(State {
            announced: core::mem::take(&mut self.announced),
            unread: app.unread_bytes(),
            live: app.active_requests(),
            wants_input: app.wants_read(),
            should_close: app.close_action(),
            place: self.story.violation.is_none().then(|| (app.is_idle(), app.end_of_input())),
            fullest: app.largest_unread(),
            oldest_in_params: app.incomplete_heads().min(),
        });
        let output = waiting(self.app.output());
        let (records, _) = parse_some(&output);
        for record in &records[self.seen..] {
            // Whether it was owed is the model's to check: here many are begun and answered in one piece.
            self.server.receives(record);
        }
        self.seen = records.len();
        self.story.violation.is_none()
    }

    fn take_events(&mut self) {
        while let Some(event) = self.app.poll_event() {
            match event {
                Event::BodyReadable(key) => {
                    self.announced.insert(key);
                    self.read(key);
                    continue;
                }
                Event::Request(ref request) => self.keys.push(request.key),
                Event::Rejected(key, _) => self.keys.push(key),
                Event::Aborted(_) => (),
            }
            self.story.told.push(event);
        }
    }

    fn read(&mut self, key: RequestKey) {
        let [stdin, data] = self.story.bodies.entry(key).or_default();
        let mut chunks = VecDeque::new();
        if let Ok(state) = self.app.read_body(key, &mut chunks) {
            stdin.0.extend(chunks.drain(..).flatten());
            stdin.1 = Some(state);
        }
        if let Ok(state) = self.app.read_data(key, &mut chunks) {
            data.0.extend(chunks.drain(..).flatten());
            data.1 = Some(state);
        }
    }

    fn command(&mut self, which: usize, command: Command) {
        match command {
            Command::Close => return self.app.stop_accepting(),
            Command::Refuse => {
                if let Some(key) = self.app.incomplete_heads().min() {
                    self.app.reject(key).unwrap();
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
        // Whether a command is taken is the model's to check; here it must be so in every run.
        let _ = match command {
            Command::Stdout(len) | Command::StdoutShared(len) | Command::StdoutInPlace(len) => {
                self.app.stdout(key, &vec![b'o'; len % 100])
            }
            // How much is written by then depends on the chunks.
            Command::Replace(_) => Ok(()),
            Command::Stderr(len) => self.app.stderr(key, &vec![b'e'; len]),
            Command::Discard => self.app.discard_body(key),
            Command::End => self.app.end_request(key, 0),
            Command::Fail => self.app.abort_response(key),
            Command::Abandon => self.app.abandon_response(key),
            Command::Consume(len) => {
                self.app.release_capacity(key, len);
                Ok(())
            }
            Command::Read | Command::Refuse | Command::Close => Ok(()),
        };
    }
}

fn story(config: &Config, steps: &[Step], transport: &Transport) -> Story {
    let mut run = Run {
        app: Connection::new(Arc::new(config.clone())),
        transport,
        server: WebServer::default(),
        seen: 0,
        keys: Vec::new(),
        announced: BTreeSet::new(),
        story: Story::default(),
    };
    // What is sent between two commands is one piece, for the transport to cut.
    let mut bytes = Vec::new();
    for step in steps {
        match step {
            Step::Lawful { id, choice } => {
                let sent = run.server.lawful(*id, *choice);
                run.server.note(&sent);
                bytes.extend(sent.wire());
            }
            Step::Record(sent) => {
                run.server.note(sent);
                bytes.extend(sent.wire());
            }
            Step::Noise(noise) => bytes.extend(noise),
            // What was written is compared as a whole, in the end.
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
    run.story.output = waiting(run.app.output());
    run.story
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn events_and_output_are_the_same_in_any_chunking(
        config in config(),
        steps in steps(100, true),
        sizes in prop::collection::vec(prop_oneof![1..20_usize, 1..5000_usize], 1..20),
    ) {
        let whole = story(&config, &steps, &Transport::reads_of(usize::MAX / 2));
        for reads in [vec![usize::MAX / 2], vec![1], vec![9], sizes] {
            for (shared, eager) in [(false, false), (false, true), (true, false), (true, true)] {
                let transport = Transport { reads: reads.clone(), shared, eager };
                prop_assert_eq!(&story(&config, &steps, &transport), &whole, "{:?}", transport);
            }
        }
    }

    #[test]
    fn garbage_never_panics_nor_depends_on_chunking(
        bytes in prop::collection::vec(prop_oneof![3 => 0..12_u8, 1 => any::<u8>()], 0..200),
    ) {
        // A first byte of 1 gets past the version.
        let noise = [Step::Noise(vec![1]), Step::Noise(bytes)];
        let whole = story(&Config::default(), &noise, &Transport::reads_of(1000));
        prop_assert_eq!(&story(&Config::default(), &noise, &Transport::reads_of(1)), &whole);
    }
}

#[test]
fn the_conversations_that_are_compared_come_far() {
    // The property says nothing if the strategy gives nothing but early violations.
    let mut runner = TestRunner::deterministic();
    let (mut requests, mut ends, mut violations, mut bodies) = (0, 0, 0, 0);
    for _ in 0..100 {
        let steps = steps(100, true).new_tree(&mut runner).unwrap().current();
        let config = config().new_tree(&mut runner).unwrap().current();
        let story = story(&config, &steps, &Transport::reads_of(64));
        requests += story.told.iter().filter(|event| matches!(event, Event::Request(_))).count();
        let (records, _) = parse_some(&story.output);
        ends += records.iter().filter(|record| record.kind == crate::RecordType::END_REQUEST).count();
        violations += usize::from(story.violation.is_some());
        bodies += story.bodies.values().filter(|[stdin, _]| !stdin.0.is_empty()).count();
    }
    let seen = alloc::format!("{requests} requests, {ends} ends, {violations} violations, {bodies} bodies");
    assert!(requests > 100 && ends > 150 && bodies > 50, "{seen}");
    assert!((5..60).contains(&violations), "{seen}");
}
