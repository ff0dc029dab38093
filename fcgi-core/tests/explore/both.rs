//! A connection beside the model of one: what happens to both, and what has to be the same of both.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use fcgi_core::server::{CloseAction, Config, Connection, EndOfInput, Event};
use fcgi_core::{
    Limits, ProtocolError, RecordDecoder, RecordType, RequestId, RequestKey, Role, Roles, StreamState,
    UserError,
};

use super::model::{Effect, Model, Settings, Told};
use super::request::Input;
use super::steps::{Command, Pairs, Step, byte_of};

/// A record that was sent: its type, its id, its content.
type Record = (RecordType, u16, Vec<u8>);

pub(crate) struct Both {
    app: Connection,
    pub(crate) model: Model,
    /// The last request of each id that the application was told of.
    told: BTreeMap<u16, RequestKey>,
    /// Ids whose PARAMS have not ended, the oldest first.
    in_params: Vec<u16>,
    /// Ids that have begun and are owed an END_REQUEST, by what went over the wire alone.
    owed: Vec<u16>,
}

impl Both {
    pub(crate) fn new(config: &Arc<Config>, settings: Settings) -> Self {
        Self {
            app: Connection::new(Arc::clone(config)),
            model: Model::new(settings),
            told: BTreeMap::new(),
            in_params: Vec::new(),
            owed: Vec::new(),
        }
    }

    /// Does the step, to both, if a driver could.
    pub(crate) fn step(&mut self, step: Step) {
        if !self.model.allows(step) {
            return self.check_refused(step);
        }
        let oldest = self.in_params.first().copied();
        let expected = self.model.step(step, oldest).unwrap();
        let read = match step.wire() {
            Some(wire) => {
                self.receive(step, &wire);
                None
            }
            None => self.command(step, oldest),
        };
        let records = self.written();
        for record in &records {
            self.is_owed(record);
        }
        let events = self.events();
        self.in_params.retain(|id| self.model.is_in_params(*id));
        assert_eq!(Effect { records, events, read }, expected, "{step:?}");
        self.compare();
    }

    fn receive(&mut self, step: Step, wire: &[u8]) {
        let received = self.app.receive(wire);
        let broken =
            self.model.broken.map(|(rule, id)| ProtocolError { kind: rule, request_id: RequestId(id) });
        assert_eq!(received.err(), broken, "{step:?}");
        if let Step::Begin { id, .. } = step
            && broken.is_none()
        {
            assert!(!self.owed.contains(&id), "{id} is begun twice");
            self.owed.push(id);
            self.told.remove(&id);
            self.in_params.retain(|other| *other != id);
            self.in_params.push(id);
        }
    }

    fn command(&mut self, step: Step, oldest: Option<u16>) -> Option<(usize, StreamState)> {
        match step {
            Step::Command(id, command) => {
                let key = self.told[&id];
                if matches!(command, Command::Fail | Command::Abandon) {
                    self.owed.retain(|owed| *owed != id);
                }
                let charge = self.model.requests.get(&id).map_or(0, |request| request.charge);
                // What the model no longer has on the request's account was consumed.
                let consumed = self.app.unread_bytes() - (self.model.unread() - charge) - charge;
                do_command(&mut self.app, id, key, command, consumed).unwrap()
            }
            Step::Refuse => {
                let key = self.app.incomplete_heads().min().unwrap();
                assert_eq!(self.app.end_request(key, 0), Err(UserError::StreamNotOpen));
                assert_eq!(self.app.reject(key), Ok(()));
                self.told.insert(oldest.unwrap(), key);
                None
            }
            _ => {
                self.app.stop_accepting();
                None
            }
        }
    }

    /// A step that has no place now changes nothing where it can be tried.
    fn check_refused(&mut self, step: Step) {
        match step {
            Step::Command(id, command) => {
                if let Some(&key) = self.told.get(&id) {
                    assert_eq!(do_command(&mut self.app, id, key, command, 1), refused(command), "{step:?}");
                }
            }
            Step::Close => self.app.stop_accepting(),
            _ => {
                if let (Some(wire), Some((rule, id))) = (step.wire(), self.model.broken) {
                    assert_eq!(
                        self.app.receive(&wire),
                        Err(ProtocolError { kind: rule, request_id: RequestId(id) })
                    );
                }
            }
        }
        assert_eq!((self.written(), self.events()), (Vec::new(), Vec::new()), "{step:?} has no place");
        self.compare();
    }

    /// What the application sends belongs to a request that has begun and not ended.
    fn is_owed(&mut self, (kind, id, _): &Record) {
        if *id != 0 {
            let at = self.owed.iter().position(|owed| owed == id);
            let at = at.unwrap_or_else(|| panic!("{kind:?} of {id} is not owed"));
            if *kind == RecordType::END_REQUEST {
                self.owed.remove(at);
            }
        }
    }

    fn written(&mut self) -> Vec<Record> {
        let output = self.app.output();
        let wire: Vec<u8> = output.slices().flatten().copied().collect();
        output.advance(wire.len());
        let (mut deframer, mut input, mut records) = (RecordDecoder::new(), &wire[..], Vec::new());
        while let Some(fragment) = deframer.next(&mut input).unwrap() {
            assert!(fragment.is_first && fragment.is_last, "whole records");
            records.push((fragment.header.kind, fragment.header.id.0, fragment.content.to_vec()));
        }
        assert!(deframer.is_between_records());
        records
    }

    fn events(&mut self) -> Vec<Told> {
        let mut all = Vec::new();
        while let Some(event) = self.app.poll_event() {
            let id_of = |key: RequestKey| {
                let of = self.told.iter().find(|(_, told)| **told == key);
                *of.unwrap_or_else(|| panic!("an event for {key:?}, which nobody has")).0
            };
            all.push(match event {
                Event::Request(request) => {
                    self.told.insert(request.id.0, request.key);
                    Told::Request(request.id.0)
                }
                Event::Rejected(key, _) => {
                    // Its id is the one that just ceased to wait.
                    let refused = self.in_params.iter().copied().find(|id| self.model.is_open(*id));
                    let id = refused.expect("one that came before its PARAMS ended");
                    self.told.insert(id, key);
                    Told::Refused(id)
                }
                Event::BodyReadable(key) => Told::Body(id_of(key)),
                Event::Aborted(key) => Told::Abort(id_of(key)),
                other => panic!("{other:?} is new"),
            });
        }
        all
    }

    /// Everything that can be seen of the connection from outside.
    fn compare(&self) {
        let (app, model) = (&self.app, &self.model);
        assert_eq!(app.active_requests(), model.live(), "{model:?}");
        assert_eq!(app.unread_bytes(), model.unread(), "{model:?}");
        assert_eq!(app.incomplete_heads().count(), model.in_params(), "{model:?}");
        assert_eq!(app.close_action(), model.should_close(), "{model:?}");
        assert_eq!(app.wants_read(), model.wants_input(), "{model:?}");
        assert_eq!(app.end_of_input(), model.end_of_input(), "{model:?}");
        assert_eq!(app.is_idle(), model.live() == 0, "{model:?}");
        let most = model.requests.values().map(|request| request.charge).max().filter(|charge| *charge > 0);
        assert_eq!(app.largest_unread().is_some(), most.is_some(), "{model:?}");
        for (id, key) in &self.told {
            assert_eq!(app.is_writable(*key), model.is_open(*id), "{id} of {model:?}");
        }
        for id in model.requests.keys() {
            assert_eq!(self.owed.contains(id), model.is_live(*id), "{id} of {model:?}");
        }
        assert_eq!(self.owed.len(), model.live(), "each END_REQUEST comes once: {model:?}");
    }

    /// Ends everything in good order, the application first, and then the web server; nothing is left.
    pub(crate) fn finish(mut self) {
        while self.model.in_params() > 0 {
            self.step(Step::Refuse);
        }
        let ids: Vec<u16> = self.model.requests.keys().copied().collect();
        for id in ids {
            self.step(Step::Command(id, Command::End));
        }
        assert_eq!((self.app.active_requests(), self.app.unread_bytes(), self.owed.len()), (0, 0, 0));
        assert!(self.app.is_idle() && self.app.wants_read() && self.app.largest_unread().is_none());
        assert_eq!(self.app.end_of_input(), EndOfInput::Clean);
        if self.model.broken.is_some() {
            return assert!(matches!(
                self.app.close_action(),
                Some(CloseAction::LingeringClose | CloseAction::Reset)
            ));
        }
        while let Some((&id, request)) =
            self.model.requests.iter().find(|(_, request)| request.is_unfinished())
        {
            self.step(match request.input {
                Input::Params => Step::ParamsEnd(id),
                Input::Stdin => Step::StdinEnd(id),
                _ => Step::DataEnd(id),
            });
        }
        if self.app.close_action().is_none() {
            self.serves_another();
        }
    }

    /// A connection that is kept is as good as new.
    fn serves_another(&mut self) {
        let id = 7;
        self.step(Step::Begin { id, role: Role::RESPONDER, keep_conn: false });
        self.step(Step::Params(id, Pairs::Whole));
        self.step(Step::ParamsEnd(id));
        self.step(Step::Command(id, Command::Answer));
        self.step(Step::Command(id, Command::End));
        self.step(Step::StdinEnd(id));
        assert_eq!(self.app.close_action(), Some(CloseAction::Close));
    }
}

type Done = Result<Option<(usize, StreamState)>, UserError>;

fn do_command(app: &mut Connection, id: u16, key: RequestKey, command: Command, consumed: usize) -> Done {
    let mut chunks = VecDeque::new();
    let read = match command {
        Command::Answer => app.stdout(key, b"o").map(|()| None),
        Command::Log => app.stderr(key, b"e").map(|()| None),
        Command::Read => app.read_body(key, &mut chunks).map(Some),
        Command::ReadData => app.read_data(key, &mut chunks).map(Some),
        Command::Consume => {
            app.release_capacity(key, consumed);
            Ok(None)
        }
        Command::Discard => app.discard_body(key).map(|()| None),
        Command::End => app.end_request(key, 0).map(|()| None),
        Command::Fail => app.abort_response(key).map(|()| None),
        Command::Abandon => app.abandon_response(key).map(|()| None),
    }?;
    assert!(chunks.iter().flatten().all(|byte| *byte == byte_of(id)), "bytes of another request");
    Ok(read.map(|state| (chunks.iter().map(bytes::Bytes::len).sum(), state)))
}

/// What a command says whose request is over.
const fn refused(command: Command) -> Done {
    match command {
        // It has nobody to complain to.
        Command::Consume => Ok(None),
        _ => Err(UserError::RequestClosed),
    }
}

/// The connection's settings that are the model's.
pub(crate) fn config(settings: Settings) -> Arc<Config> {
    let mut limits = Limits::default();
    limits.max_concurrent_requests = settings.requests;
    limits.max_half_closed_requests = settings.unfinished;
    limits.request_window = settings.body_bytes;
    limits.connection_window = settings.bodies_bytes;
    let roles = if settings.filters_and_authorizers { Roles::ALL } else { Roles::RESPONDER };
    Arc::new(Config { limits, roles, ..Config::default() })
}
