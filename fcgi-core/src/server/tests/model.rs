//! Random operations compared with a simple model.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::conversation::{Command, ResponseState, SentRecord, Step, WebServer, config, steps};
use super::wire::{Harness, Record, parse_some, stdout, unwritten};
use crate::server::{CloseAction, Config, Connection, Event};
use crate::{
    Limits, ProtocolError, ProtocolErrorKind, RecordHeader, RecordType, RequestId, RequestKey, Role,
    StreamState, UserError,
};

/// A request that was reported to the application.
#[derive(Debug)]
struct ModelRequest {
    key: RequestKey,
    id: u16,
    role: Role,
    /// Writable.
    open: bool,
    aborted: bool,
    discarding: bool,
    /// Bytes of its bodies that were received and not released.
    unreleased: usize,
    /// Position of its response in the output.
    response_start: Option<usize>,
}

/// A record and its position.
struct RecordPosition {
    kind: RecordType,
    id: u16,
    start: usize,
    /// With header and padding.
    len: usize,
}

fn record_positions(wire: &[u8]) -> Vec<RecordPosition> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(header) = wire[at..].first_chunk() {
        let header = RecordHeader::decode(*header).unwrap();
        let len = RecordHeader::LEN + usize::from(header.content_len) + usize::from(header.padding_len);
        all.push(RecordPosition { kind: header.kind, id: header.id.0, start: at, len });
        at += len;
    }
    all
}

struct Model {
    harness: Harness,
    limits: Limits,
    web_server: WebServer,
    requests: Vec<ModelRequest>,
    /// The last reported request of each id.
    last: BTreeMap<u16, usize>,
    error: Option<ProtocolError>,
    cut_off: bool,
    abandoned: bool,
    /// The request that has taken over the connection, while it is open.
    upgraded: Option<RequestKey>,
    /// The written output.
    written: Vec<u8>,
    /// Complete records of the output, written or not, at the last check.
    seen: Vec<Record>,
}

impl Model {
    fn new(config: Config) -> Self {
        let limits = config.limits;
        Self {
            harness: Harness { server: Connection::new(Arc::new(config)) },
            limits,
            web_server: WebServer::default(),
            requests: Vec::new(),
            last: BTreeMap::new(),
            error: None,
            cut_off: false,
            abandoned: false,
            upgraded: None,
            written: Vec::new(),
            seen: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Legal { id, choice } => {
                let sent = self.web_server.legal(*id, *choice);
                let before = self.error;
                self.send(&sent);
                // Except for a partial pair that a random record may have left in its PARAMS.
                let is_half = |error: ProtocolError| error.kind == ProtocolErrorKind::TruncatedPair;
                assert!(self.error == before || self.error.is_some_and(is_half), "{sent:?} is legal");
            }
            Step::Record(sent) => self.send(sent),
            Step::Noise(_) => unreachable!("the model supports only records"),
            Step::Command(_, Command::StopAccepting) => self.harness.server.stop_accepting(),
            Step::Command(_, Command::Reject) => self.reject(),
            Step::Command(which, command) if !self.requests.is_empty() => {
                let at = which % self.requests.len();
                match command {
                    Command::Replace(len) => self.replace(at, *len),
                    command => self.command(at, *command),
                }
            }
            Step::Command(..) => {}
            Step::Write(len) => self.written.extend(self.harness.write_up_to(*len)),
        }
        self.check();
    }

    fn send(&mut self, sent: &SentRecord) {
        match (self.harness.server.receive(&sent.wire()), self.error) {
            (Ok(()), None) => (),
            (Ok(()), Some(_)) => panic!("input after a protocol error"),
            (Err(error), None) => {
                assert_eq!(error.request_id, RequestId(sent.id));
                self.error = Some(error);
                return;
            }
            (Err(error), Some(first)) => return assert_eq!(error, first),
        }
        if sent.kind == RecordType::BEGIN_REQUEST {
            let response = self.web_server.responses.get(&sent.id);
            assert!(matches!(response, None | Some(ResponseState::Complete)), "id in use");
        }
        self.web_server.record_sent(sent);
        if matches!(sent.kind, RecordType::STDIN | RecordType::DATA)
            && let Some(&at) = self.last.get(&sent.id)
        {
            let request = &mut self.requests[at];
            let is_kept =
                request.open && !request.aborted && !request.discarding && request.role != Role::AUTHORIZER;
            request.unreleased += if is_kept { sent.content.len() } else { 0 };
        }
        for event in self.harness.events() {
            self.event(event, sent.id);
        }
    }

    fn event(&mut self, event: Event, id: u16) {
        match event {
            Event::Request(request) => {
                assert_eq!(request.id, RequestId(id));
                self.insert(request.key, id, request.role, false);
            }
            Event::Rejected(key, _) => self.insert(key, id, Role::RESPONDER, true),
            Event::BodyReadable(key) => {
                let request = &self.requests[self.last[&id]];
                assert!(
                    request.key == key && request.open && !request.discarding && !request.aborted,
                    "{request:?}"
                );
            }
            Event::Aborted(key) => {
                let request = &mut self.requests[self.last[&id]];
                assert!(request.key == key && request.open && !request.aborted, "{request:?}");
                request.aborted = true;
            }
        }
    }

    fn insert(&mut self, key: RequestKey, id: u16, role: Role, discarding: bool) {
        assert!(self.requests.iter().all(|request| request.key != key), "a key is not reused");
        self.last.insert(id, self.requests.len());
        self.requests.push(ModelRequest {
            key,
            id,
            role,
            open: true,
            aborted: false,
            discarding,
            unreleased: 0,
            response_start: None,
        });
    }

    fn reject(&mut self) {
        let server = &mut self.harness.server;
        let Some(key) = server.incomplete_heads().min() else { return };
        assert_eq!(server.end_request(key, 0), Err(UserError::StreamNotOpen));
        assert_eq!(server.reject(key), Ok(()));
        let id = server.requests.by_key(key).unwrap().id.0;
        self.insert(key, id, Role::RESPONDER, true);
    }

    /// All output, written or not.
    fn wire(&mut self) -> Vec<u8> {
        let mut wire = self.written.clone();
        wire.extend(unwritten(self.harness.server.output()));
        wire
    }

    fn replace(&mut self, at: usize, len: usize) {
        let before = self.wire();
        let content = vec![b'r'; len];
        let replaced = self.harness.server.replace_response(self.requests[at].key, &content);
        let after = self.wire();
        let request = &mut self.requests[at];
        if !request.open {
            assert_eq!(replaced, Err(UserError::RequestClosed));
            return assert_eq!(before, after);
        }
        let start = *request.response_start.get_or_insert(before.len());
        assert_eq!(replaced, Ok(start >= self.written.len()));
        if replaced == Ok(false) {
            return assert_eq!(before, after);
        }
        let (mut expected, left) = parse_some(&before[..start]);
        assert_eq!(left, 0, "a response begins with a record");
        expected.extend((len > 0).then(|| stdout(request.id, &content)));
        let is_others = |record: &Record| (record.kind, record.id) != (RecordType::STDOUT, request.id);
        expected.extend(parse_some(&before[start..]).0.into_iter().filter(is_others));
        self.seen = parse_some(&after).0;
        assert_eq!(self.seen, expected, "{request:?}");
        // The records behind it have moved, and so have the starts of other responses.
        let (id, inserted) = (request.id, if len > 0 { RecordHeader::LEN + len } else { 0 });
        let is_own = |record: &&RecordPosition| (record.kind, record.id) == (RecordType::STDOUT, id);
        let own: Vec<_> =
            record_positions(&before).into_iter().filter(|record| record.start >= start).collect();
        for other in self.requests.iter_mut().filter_map(|request| request.response_start.as_mut()) {
            if *other > start {
                // Subtract the removed records before it. No other response starts at a removed record.
                let removed = own.iter().filter(is_own).filter(|record| record.start < *other);
                *other = *other + inserted - removed.map(|record| record.len).sum::<usize>();
            }
        }
    }

    fn command(&mut self, at: usize, command: Command) {
        let end = self.wire().len();
        let request = &mut self.requests[at];
        let server = &mut self.harness.server;
        let before = getters(server);
        let mut chunks = VecDeque::new();
        let mut state = None;
        let result = match command {
            Command::Stdout(len) => server.stdout(request.key, &vec![b'o'; len]),
            Command::StdoutInPlace(len) => {
                server.stdout_with(request.key, |out| out.extend(core::iter::repeat_n(b'i', len)))
            }
            Command::StdoutShared(len) => server.stdout_bytes(request.key, vec![b'O'; len].into()),
            Command::Stderr(len) => server.stderr(request.key, &vec![b'e'; len]),
            Command::ReadBody => server.read_body(request.key, &mut chunks).map(|read| state = Some(read)),
            Command::DiscardBody => server.discard_body(request.key),
            Command::Upgrade => server.upgrade(request.key),
            Command::EndRequest => server.end_request(request.key, 0),
            Command::AbortResponse => server.abort_response(request.key),
            Command::AbandonResponse => server.abandon_response(request.key),
            Command::ReleaseCapacity(len) => {
                server.release_capacity(request.key, len);
                request.unreleased = request.unreleased.saturating_sub(len);
                return;
            }
            Command::Replace(_) => unreachable!("see `replace`"),
            Command::Reject | Command::StopAccepting => unreachable!("not for one request"),
        };
        if !request.open {
            assert_eq!(result, Err(UserError::RequestClosed), "{command:?} of {request:?}");
            return assert_eq!(getters(server), before, "{command:?} of {request:?}");
        }
        if matches!(command, Command::Upgrade) {
            let is_alone = server.active_requests() == 1;
            let expected = if is_alone { Ok(()) } else { Err(UserError::TooManyRequests) };
            assert_eq!(result, expected, "{command:?} of {request:?}");
            if is_alone {
                self.upgraded = Some(request.key);
            }
            return;
        }
        assert_eq!(result, Ok(()), "{command:?} of {request:?}");
        match command {
            Command::Stdout(_) | Command::StdoutInPlace(_) | Command::StdoutShared(_) => {
                request.response_start.get_or_insert(end);
            }
            Command::ReadBody if state == Some(StreamState::Aborted) => assert!(request.aborted),
            Command::DiscardBody => {
                request.discarding = true;
                request.unreleased = 0;
            }
            Command::EndRequest | Command::AbortResponse | Command::AbandonResponse => {
                request.open = false;
                request.unreleased = 0;
                if !matches!(command, Command::EndRequest) {
                    self.cut_off |= matches!(command, Command::AbortResponse);
                    self.abandoned |= matches!(command, Command::AbandonResponse);
                    self.web_server.responses.insert(request.id, ResponseState::CutOff);
                }
            }
            _ => (),
        }
    }

    fn check(&mut self) {
        let mut wire = self.written.clone();
        wire.extend(unwritten(self.harness.server.output()));
        let (records, _) = parse_some(&wire);
        // The last record may have grown since.
        let known = match self.seen.last() {
            Some(last) if records[self.seen.len() - 1] != *last => self.seen.len() - 1,
            _ => self.seen.len(),
        };
        assert_eq!(records[..known], self.seen[..known], "queued output does not change");
        for record in &records[known..] {
            // One END_REQUEST per BEGIN_REQUEST, and no other record outside of the two.
            assert!(self.web_server.record_received(record), "{record:?} is unexpected");
        }
        self.seen = records;

        let server = &self.harness.server;
        if !self.requests.iter().any(|request| request.open && Some(request.key) == self.upgraded) {
            self.upgraded = None;
        }
        assert_eq!(server.upgraded(), self.upgraded);
        assert!(self.upgraded.is_none() || server.active_requests() == 1, "an upgraded request is alone");
        let active = self
            .web_server
            .responses
            .values()
            .filter(|response| **response == ResponseState::Pending)
            .count();
        assert_eq!(server.active_requests(), active);
        assert!(active <= self.limits.max_concurrent_requests);
        // All other active requests were reported.
        let open = self.requests.iter().filter(|request| request.open).count();
        assert_eq!(server.incomplete_heads().count(), active - open);
        assert!(
            server.requests.len()
                <= self.limits.max_concurrent_requests + self.limits.max_half_closed_requests + 1
        );
        assert_eq!(
            server.unread_bytes(),
            self.requests.iter().map(|request| request.unreleased).sum::<usize>()
        );
        if active > 0 {
            assert_eq!(server.close_action(), None);
        } else if self.cut_off {
            assert_eq!(server.close_action(), Some(CloseAction::Reset));
        } else if self.abandoned {
            assert_eq!(server.close_action(), Some(CloseAction::LingeringClose));
        }
    }

    fn finish(mut self) {
        for at in 0..self.requests.len() {
            if self.requests[at].open {
                self.command(at, Command::EndRequest);
            }
        }
        while self.harness.server.incomplete_heads().min().is_some() {
            self.reject();
            self.command(self.requests.len() - 1, Command::EndRequest);
        }
        self.check();
        assert_eq!((self.harness.server.active_requests(), self.harness.server.unread_bytes()), (0, 0));
        self.written.extend(self.harness.written_bytes());
        let (_, left) = parse_some(&self.written);
        assert_eq!(left, 0, "complete records");
    }
}

fn getters(server: &Connection) -> (usize, usize, usize, Option<CloseAction>) {
    (server.unread_bytes(), server.active_requests(), server.output_len(), server.close_action())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_operations_matches_the_model(config in config(), steps in steps(160, false)) {
        let mut model = Model::new(config);
        for step in &steps {
            model.step(step);
        }
        model.finish();
    }
}
