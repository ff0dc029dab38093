//! Applies each step to a connection and to the model, and compares them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use fcgi_core::server::{CloseAction, Config, Connection, EndOfInput, Event};
use fcgi_core::{
    Limits, ProtocolError, ProtocolErrorKind, RecordDecoder, RecordType, RequestId, RequestKey, Role, Roles,
    StreamState, UserError,
};

use super::effect::{Effect, ModelEvent};
use super::model::{Model, Settings};
use super::request::RecvState;
use super::steps::{Command, ParamsContent, Step, byte_of};

/// The type, id and content of a sent record.
type Record = (RecordType, u16, Vec<u8>);

pub(crate) struct Checker {
    connection: Connection,
    pub(crate) model: Model,
    /// The last reported request of each id.
    reported: BTreeMap<u16, RequestKey>,
    /// Ids of incomplete heads, oldest first.
    incomplete_heads: Vec<u16>,
    /// Ids with BEGIN_REQUEST and without END_REQUEST on the wire.
    unanswered: Vec<u16>,
}

impl Checker {
    pub(crate) fn new(config: &Arc<Config>, settings: Settings) -> Self {
        Self {
            connection: Connection::new(Arc::clone(config)),
            model: Model::new(settings),
            reported: BTreeMap::new(),
            incomplete_heads: Vec::new(),
            unanswered: Vec::new(),
        }
    }

    /// Applies the step to connection and model if a driver can do it.
    pub(crate) fn step(&mut self, step: Step) {
        if !self.model.allows(step) {
            return self.check_rejected(step);
        }
        let oldest = self.incomplete_heads.first().copied();
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
            self.check_unanswered(record);
        }
        let events = self.events();
        self.incomplete_heads.retain(|id| self.model.is_incomplete_head(*id));
        assert_eq!(Effect { records, events, read }, expected, "{step:?}");
        self.compare();
    }

    fn receive(&mut self, step: Step, wire: &[u8]) {
        let received = self.connection.receive(wire);
        let protocol_error = self.model.protocol_error.map(|(kind, id)| (kind, RequestId(id)));
        assert_eq!(received.err().map(parts), protocol_error, "{step:?}");
        if let Step::Begin { id, .. } = step
            && protocol_error.is_none()
        {
            assert!(!self.unanswered.contains(&id), "{id} is in use");
            self.unanswered.push(id);
            self.reported.remove(&id);
            self.incomplete_heads.retain(|other| *other != id);
            self.incomplete_heads.push(id);
        }
    }

    fn command(&mut self, step: Step, oldest: Option<u16>) -> Option<(usize, StreamState)> {
        match step {
            Step::Command(id, command) => {
                let key = self.reported[&id];
                if matches!(command, Command::AbortResponse | Command::AbandonResponse) {
                    self.unanswered.retain(|unanswered| *unanswered != id);
                }
                let unreleased = self.model.requests.get(&id).map_or(0, |request| request.unreleased);
                // Release what the model has released.
                let released =
                    self.connection.unread_bytes() - (self.model.unread_bytes() - unreleased) - unreleased;
                run_command(&mut self.connection, id, key, command, released).unwrap()
            }
            Step::Reject => {
                let key = self.connection.incomplete_heads().min().unwrap();
                assert_eq!(self.connection.end_request(key, 0), Err(UserError::StreamNotOpen));
                assert_eq!(self.connection.reject(key), Ok(()));
                self.reported.insert(oldest.unwrap(), key);
                None
            }
            _ => {
                self.connection.stop_accepting();
                None
            }
        }
    }

    /// A step that is not allowed changes nothing.
    fn check_rejected(&mut self, step: Step) {
        match step {
            Step::Command(id, command) => {
                if let Some(&key) = self.reported.get(&id) {
                    assert_eq!(
                        run_command(&mut self.connection, id, key, command, 1),
                        rejected(command),
                        "{step:?}"
                    );
                }
            }
            Step::StopAccepting => self.connection.stop_accepting(),
            _ => {
                if let (Some(wire), Some((kind, id))) = (step.wire(), self.model.protocol_error) {
                    assert_eq!(self.connection.receive(&wire).map_err(parts), Err((kind, RequestId(id))));
                }
            }
        }
        assert_eq!((self.written(), self.events()), (Vec::new(), Vec::new()), "{step:?} is not allowed");
        self.compare();
    }

    /// A record must belong to a request that has begun and not ended.
    fn check_unanswered(&mut self, (kind, id, _): &Record) {
        if *id != 0 {
            let at = self.unanswered.iter().position(|unanswered| unanswered == id);
            let at = at.unwrap_or_else(|| panic!("{kind:?} of {id} is unexpected"));
            if *kind == RecordType::END_REQUEST {
                self.unanswered.remove(at);
            }
        }
    }

    fn written(&mut self) -> Vec<Record> {
        let output = self.connection.output();
        let wire: Vec<u8> = output.slices().flatten().copied().collect();
        output.advance(wire.len());
        let (mut decoder, mut input, mut records) = (RecordDecoder::new(), &wire[..], Vec::new());
        while let Some(fragment) = decoder.next(&mut input).unwrap() {
            assert!(fragment.is_first && fragment.is_last, "complete records");
            records.push((fragment.header.kind, fragment.header.id.0, fragment.content.to_vec()));
        }
        assert!(decoder.is_between_records());
        records
    }

    fn events(&mut self) -> Vec<ModelEvent> {
        let mut all = Vec::new();
        while let Some(event) = self.connection.poll_event() {
            let id_of = |key: RequestKey| {
                let of = self.reported.iter().find(|(_, reported)| **reported == key);
                *of.unwrap_or_else(|| panic!("an event for {key:?}, which is unknown")).0
            };
            all.push(match event {
                Event::Request(request) => {
                    self.reported.insert(request.id.0, request.key);
                    ModelEvent::Request(request.id.0)
                }
                Event::Rejected(key, _) => {
                    // Its head was incomplete before this step.
                    let rejected =
                        self.incomplete_heads.iter().copied().find(|id| self.model.is_writable(*id));
                    let id = rejected.expect("an incomplete head");
                    self.reported.insert(id, key);
                    ModelEvent::Rejected(id)
                }
                Event::BodyReadable(key) => ModelEvent::BodyReadable(id_of(key)),
                Event::Aborted(key) => ModelEvent::Aborted(id_of(key)),
                other => panic!("{other:?} is new"),
            });
        }
        all
    }

    /// Compares all getters.
    fn compare(&self) {
        let (connection, model) = (&self.connection, &self.model);
        assert_eq!(connection.active_requests(), model.active_requests(), "{model:?}");
        assert_eq!(connection.unread_bytes(), model.unread_bytes(), "{model:?}");
        assert_eq!(connection.incomplete_heads().count(), model.incomplete_heads(), "{model:?}");
        assert_eq!(connection.close_action(), model.close_action(), "{model:?}");
        assert_eq!(connection.wants_read(), model.wants_read(), "{model:?}");
        assert_eq!(connection.end_of_input(), model.end_of_input(), "{model:?}");
        assert_eq!(connection.is_idle(), model.active_requests() == 0, "{model:?}");
        let most = model
            .requests
            .values()
            .map(|request| request.unreleased)
            .max()
            .filter(|unreleased| *unreleased > 0);
        assert_eq!(connection.largest_unread().is_some(), most.is_some(), "{model:?}");
        for (id, key) in &self.reported {
            assert_eq!(connection.is_writable(*key), model.is_writable(*id), "{id} of {model:?}");
        }
        for id in model.requests.keys() {
            assert_eq!(self.unanswered.contains(id), model.is_active(*id), "{id} of {model:?}");
        }
        assert_eq!(self.unanswered.len(), model.active_requests(), "END_REQUEST is not repeated: {model:?}");
    }

    /// Ends all requests, first on the application's side, then on the web server's. Nothing must remain.
    pub(crate) fn finish(mut self) {
        while self.model.incomplete_heads() > 0 {
            self.step(Step::Reject);
        }
        let ids: Vec<u16> = self.model.requests.keys().copied().collect();
        for id in ids {
            self.step(Step::Command(id, Command::EndRequest));
        }
        assert_eq!(
            (self.connection.active_requests(), self.connection.unread_bytes(), self.unanswered.len()),
            (0, 0, 0)
        );
        assert!(
            self.connection.is_idle()
                && self.connection.wants_read()
                && self.connection.largest_unread().is_none()
        );
        assert_eq!(self.connection.end_of_input(), EndOfInput::Clean);
        if self.model.protocol_error.is_some() {
            return assert!(matches!(
                self.connection.close_action(),
                Some(CloseAction::LingeringClose | CloseAction::Reset)
            ));
        }
        while let Some((&id, request)) =
            self.model.requests.iter().find(|(_, request)| request.is_receiving())
        {
            self.step(match request.recv {
                RecvState::Params => Step::ParamsEnd(id),
                RecvState::Stdin => Step::StdinEnd(id),
                _ => Step::DataEnd(id),
            });
        }
        if self.connection.close_action().is_none() {
            self.serve_another();
        }
    }

    /// A kept connection serves another request.
    fn serve_another(&mut self) {
        let id = 7;
        self.step(Step::Begin { id, role: Role::RESPONDER, keep_conn: false });
        self.step(Step::Params(id, ParamsContent::Complete));
        self.step(Step::ParamsEnd(id));
        self.step(Step::Command(id, Command::Stdout));
        self.step(Step::Command(id, Command::EndRequest));
        self.step(Step::StdinEnd(id));
        assert_eq!(self.connection.close_action(), Some(CloseAction::Close));
    }
}

type CommandResult = Result<Option<(usize, StreamState)>, UserError>;

fn run_command(
    connection: &mut Connection,
    id: u16,
    key: RequestKey,
    command: Command,
    released: usize,
) -> CommandResult {
    let mut chunks = VecDeque::new();
    let read = match command {
        Command::Stdout => connection.stdout(key, b"o").map(|()| None),
        Command::Stderr => connection.stderr(key, b"e").map(|()| None),
        Command::ReadBody => connection.read_body(key, &mut chunks).map(Some),
        Command::ReadData => connection.read_data(key, &mut chunks).map(Some),
        Command::ReleaseCapacity => {
            connection.release_capacity(key, released);
            Ok(None)
        }
        Command::DiscardBody => connection.discard_body(key).map(|()| None),
        Command::EndRequest => connection.end_request(key, 0).map(|()| None),
        Command::AbortResponse => connection.abort_response(key).map(|()| None),
        Command::AbandonResponse => connection.abandon_response(key).map(|()| None),
    }?;
    assert!(chunks.iter().flatten().all(|byte| *byte == byte_of(id)), "bytes of another request");
    Ok(read.map(|state| (chunks.iter().map(bytes::Bytes::len).sum(), state)))
}

/// The result of a command for a request that is over.
const fn rejected(command: Command) -> CommandResult {
    match command {
        // Never fails.
        Command::ReleaseCapacity => Ok(None),
        _ => Err(UserError::RequestClosed),
    }
}

/// The connection's configuration for the settings of the model.
pub(crate) fn config(settings: Settings) -> Arc<Config> {
    let mut limits = Limits::default();
    limits.max_concurrent_requests = settings.max_concurrent_requests;
    limits.max_half_closed_requests = settings.max_half_closed_requests;
    limits.request_window = settings.request_window;
    limits.connection_window = settings.connection_window;
    let roles = if settings.filters_and_authorizers { Roles::ALL } else { Roles::RESPONDER };
    let mut config = Config::default();
    (config.limits, config.roles) = (limits, roles);
    Arc::new(config)
}

fn parts(error: ProtocolError) -> (ProtocolErrorKind, RequestId) {
    (error.kind(), error.request_id())
}
