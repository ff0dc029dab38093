//! Random operations against a model that is simple enough to be right.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::conversation::{Command, Owed, Sent, Step, WebServer, config, steps};
use super::wire::{Link, Record, out, parse_some, waiting};
use crate::server::{CloseAction, Config, Connection, Event};
use crate::{
    Limits, ProtocolError, ProtocolErrorKind, RecordHeader, RecordType, RequestId, RequestKey, Role,
    StreamState, UserError,
};

/// A request that the application was told of.
#[derive(Debug)]
struct Told {
    key: RequestKey,
    id: u16,
    role: Role,
    /// It may be answered.
    open: bool,
    aborted: bool,
    discards: bool,
    /// Bytes of its bodies that came and were not consumed.
    charge: usize,
    /// Where in all that is written and waits its response begins.
    begins: Option<usize>,
}

/// A record in some bytes.
struct Placed {
    kind: RecordType,
    id: u16,
    at: usize,
    /// Of all of it.
    len: usize,
}

fn placed(wire: &[u8]) -> Vec<Placed> {
    let mut all = Vec::new();
    let mut at = 0;
    while let Some(header) = wire[at..].first_chunk() {
        let header = RecordHeader::decode(*header).unwrap();
        let len = RecordHeader::LEN + usize::from(header.content_len) + usize::from(header.padding_len);
        all.push(Placed { kind: header.kind, id: header.id.0, at, len });
        at += len;
    }
    all
}

struct Model {
    link: Link,
    limits: Limits,
    server: WebServer,
    told: Vec<Told>,
    /// The last request of each id that the application was told of.
    last: BTreeMap<u16, usize>,
    violation: Option<ProtocolError>,
    cut_off: bool,
    abandoned: bool,
    /// What was written so far.
    written: Vec<u8>,
    /// Whole records of that, and of what waits, when last looked at.
    seen: Vec<Record>,
}

impl Model {
    fn new(config: Config) -> Self {
        let limits = config.limits;
        Self {
            link: Link { app: Connection::new(Arc::new(config)) },
            limits,
            server: WebServer::default(),
            told: Vec::new(),
            last: BTreeMap::new(),
            violation: None,
            cut_off: false,
            abandoned: false,
            written: Vec::new(),
            seen: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Lawful { id, choice } => {
                let sent = self.server.lawful(*id, *choice);
                let before = self.violation;
                self.send(&sent);
                // But for the half of a pair that a record of any kind may have left in its PARAMS.
                let is_half = |violation: ProtocolError| violation.kind == ProtocolErrorKind::TruncatedPair;
                assert!(
                    self.violation == before || self.violation.is_some_and(is_half),
                    "{sent:?} is lawful"
                );
            }
            Step::Record(sent) => self.send(sent),
            Step::Noise(_) => unreachable!("the model knows records alone"),
            Step::Command(_, Command::Close) => self.link.app.stop_accepting(),
            Step::Command(_, Command::Refuse) => self.refuse(),
            Step::Command(which, command) if !self.told.is_empty() => {
                let at = which % self.told.len();
                match command {
                    Command::Replace(len) => self.replace(at, *len),
                    command => self.command(at, *command),
                }
            }
            Step::Command(..) => {}
            Step::Write(len) => self.written.extend(self.link.written_up_to(*len)),
        }
        self.check();
    }

    fn send(&mut self, sent: &Sent) {
        match (self.link.app.receive(&sent.wire()), self.violation) {
            (Ok(()), None) => (),
            (Ok(()), Some(_)) => panic!("a broken connection takes no more"),
            (Err(violation), None) => {
                assert_eq!(violation.request_id, RequestId(sent.id));
                self.violation = Some(violation);
                return;
            }
            (Err(violation), Some(first)) => return assert_eq!(violation, first),
        }
        if sent.kind == RecordType::BEGIN_REQUEST {
            let owed = self.server.owed.get(&sent.id);
            assert!(matches!(owed, None | Some(Owed::Nothing)), "begun twice");
        }
        self.server.note(sent);
        if matches!(sent.kind, RecordType::STDIN | RecordType::DATA)
            && let Some(&at) = self.last.get(&sent.id)
        {
            let told = &mut self.told[at];
            let is_kept = told.open && !told.aborted && !told.discards && told.role != Role::AUTHORIZER;
            told.charge += if is_kept { sent.content.len() } else { 0 };
        }
        for event in self.link.events() {
            self.event(event, sent.id);
        }
    }

    fn event(&mut self, event: Event, id: u16) {
        match event {
            Event::Request(request) => {
                assert_eq!(request.id, RequestId(id));
                self.tell(request.key, id, request.role, false);
            }
            Event::Rejected(key, _) => self.tell(key, id, Role::RESPONDER, true),
            Event::BodyReadable(key) => {
                let told = &self.told[self.last[&id]];
                assert!(told.key == key && told.open && !told.discards && !told.aborted, "{told:?}");
            }
            Event::Aborted(key) => {
                let told = &mut self.told[self.last[&id]];
                assert!(told.key == key && told.open && !told.aborted, "{told:?}");
                told.aborted = true;
            }
        }
    }

    fn tell(&mut self, key: RequestKey, id: u16, role: Role, discards: bool) {
        assert!(self.told.iter().all(|told| told.key != key), "a key comes once");
        self.last.insert(id, self.told.len());
        self.told.push(Told { key, id, role, open: true, aborted: false, discards, charge: 0, begins: None });
    }

    fn refuse(&mut self) {
        let app = &mut self.link.app;
        let Some(key) = app.incomplete_heads().min() else { return };
        assert_eq!(app.end_request(key, 0), Err(UserError::StreamNotOpen));
        assert_eq!(app.reject(key), Ok(()));
        let id = app.requests.by_key(key).unwrap().id.0;
        self.tell(key, id, Role::RESPONDER, true);
    }

    /// What was written and what waits.
    fn wire(&mut self) -> Vec<u8> {
        let mut wire = self.written.clone();
        wire.extend(waiting(self.link.app.output()));
        wire
    }

    fn replace(&mut self, at: usize, len: usize) {
        let before = self.wire();
        let content = vec![b'r'; len];
        let replaced = self.link.app.replace_response(self.told[at].key, &content);
        let after = self.wire();
        let told = &mut self.told[at];
        if !told.open {
            assert_eq!(replaced, Err(UserError::RequestClosed));
            return assert_eq!(before, after);
        }
        let begins = *told.begins.get_or_insert(before.len());
        assert_eq!(replaced, Ok(begins >= self.written.len()));
        if replaced == Ok(false) {
            return assert_eq!(before, after);
        }
        let (mut expected, left) = parse_some(&before[..begins]);
        assert_eq!(left, 0, "a response begins with a record");
        expected.extend((len > 0).then(|| out(told.id, &content)));
        let is_others = |record: &Record| (record.kind, record.id) != (RecordType::STDOUT, told.id);
        expected.extend(parse_some(&before[begins..]).0.into_iter().filter(is_others));
        self.seen = parse_some(&after).0;
        assert_eq!(self.seen, expected, "{told:?}");
        // The records behind it have moved, and with them where others begin.
        let (id, page) = (told.id, if len > 0 { RecordHeader::LEN + len } else { 0 });
        let is_own = |record: &&Placed| (record.kind, record.id) == (RecordType::STDOUT, id);
        let own: Vec<_> = placed(&before).into_iter().filter(|record| record.at >= begins).collect();
        for other in self.told.iter_mut().filter_map(|told| told.begins.as_mut()) {
            if *other > begins {
                // What is taken out before it; at a record that is taken out itself begins nothing.
                let removed = own.iter().filter(is_own).filter(|record| record.at < *other);
                *other = *other + page - removed.map(|record| record.len).sum::<usize>();
            }
        }
    }

    fn command(&mut self, at: usize, command: Command) {
        let end = self.wire().len();
        let told = &mut self.told[at];
        let app = &mut self.link.app;
        let before = (app.unread_bytes(), app.active_requests(), app.output().len(), app.close_action());
        let mut chunks = VecDeque::new();
        let mut state = None;
        let taken = match command {
            Command::Stdout(len) => app.stdout(told.key, &vec![b'o'; len]),
            Command::StdoutInPlace(len) => {
                app.stdout_with(told.key, |out| out.extend(core::iter::repeat_n(b'i', len)))
            }
            Command::StdoutShared(len) => app.stdout_bytes(told.key, vec![b'O'; len].into()),
            Command::Stderr(len) => app.stderr(told.key, &vec![b'e'; len]),
            Command::Read => app.read_body(told.key, &mut chunks).map(|read| state = Some(read)),
            Command::Discard => app.discard_body(told.key),
            Command::End => app.end_request(told.key, 0),
            Command::Fail => app.abort_response(told.key),
            Command::Abandon => app.abandon_response(told.key),
            Command::Consume(len) => {
                app.release_capacity(told.key, len);
                told.charge = told.charge.saturating_sub(len);
                return;
            }
            Command::Replace(_) => unreachable!("it has a function of its own"),
            Command::Refuse | Command::Close => unreachable!("not of one request"),
        };
        if !told.open {
            assert_eq!(taken, Err(UserError::RequestClosed), "{command:?} of {told:?}");
            let after = (app.unread_bytes(), app.active_requests(), app.output().len(), app.close_action());
            assert_eq!(after, before, "{command:?} of {told:?}");
            return;
        }
        assert_eq!(taken, Ok(()), "{command:?} of {told:?}");
        match command {
            Command::Stdout(_) | Command::StdoutInPlace(_) | Command::StdoutShared(_) => {
                told.begins.get_or_insert(end);
            }
            Command::Read if state == Some(StreamState::Aborted) => assert!(told.aborted),
            Command::Discard => {
                told.discards = true;
                told.charge = 0;
            }
            Command::End | Command::Fail | Command::Abandon => {
                told.open = false;
                told.charge = 0;
                if !matches!(command, Command::End) {
                    self.cut_off |= matches!(command, Command::Fail);
                    self.abandoned |= matches!(command, Command::Abandon);
                    self.server.owed.insert(told.id, Owed::CutOff);
                }
            }
            _ => (),
        }
    }

    fn check(&mut self) {
        let mut wire = self.written.clone();
        wire.extend(waiting(self.link.app.output()));
        let (records, _) = parse_some(&wire);
        // The last one may have grown since.
        let known = match self.seen.last() {
            Some(last) if records[self.seen.len() - 1] != *last => self.seen.len() - 1,
            _ => self.seen.len(),
        };
        assert_eq!(records[..known], self.seen[..known], "what was queued stays");
        for record in &records[known..] {
            // At most one END_REQUEST for each that begins, nothing before the one or after the other.
            assert!(self.server.receives(record), "{record:?} is not owed");
        }
        self.seen = records;

        let app = &self.link.app;
        let live = self.server.owed.values().filter(|owed| **owed == Owed::Answer).count();
        assert_eq!(app.active_requests(), live);
        assert!(live <= self.limits.max_concurrent_requests);
        // The application was told of all the others.
        let open = self.told.iter().filter(|told| told.open).count();
        assert_eq!(app.incomplete_heads().count(), live - open);
        assert!(
            app.requests.len()
                <= self.limits.max_concurrent_requests + self.limits.max_half_closed_requests + 1
        );
        assert_eq!(app.unread_bytes(), self.told.iter().map(|told| told.charge).sum::<usize>());
        if live > 0 {
            assert_eq!(app.close_action(), None);
        } else if self.cut_off {
            assert_eq!(app.close_action(), Some(CloseAction::Reset));
        } else if self.abandoned {
            assert_eq!(app.close_action(), Some(CloseAction::LingeringClose));
        }
    }

    fn finish(mut self) {
        for at in 0..self.told.len() {
            if self.told[at].open {
                self.command(at, Command::End);
            }
        }
        while self.link.app.incomplete_heads().min().is_some() {
            self.refuse();
            self.command(self.told.len() - 1, Command::End);
        }
        self.check();
        assert_eq!((self.link.app.active_requests(), self.link.app.unread_bytes()), (0, 0));
        self.written.extend(self.link.written());
        let (_, left) = parse_some(&self.written);
        assert_eq!(left, 0, "whole records");
    }
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
