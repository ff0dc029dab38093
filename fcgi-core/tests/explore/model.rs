//! A simple model of a connection: no bytes, no buffers, one table.

use std::collections::BTreeMap;

use fcgi_core::server::{CloseAction, EndOfInput};
use fcgi_core::{ProtocolErrorKind, RecordType, Role, UserError};

use super::effect::{Effect, ModelEvent};
use super::request::{RecvState, Request, SendState};
use super::steps::{Command, Step, UNKNOWN_TYPE};

#[derive(Debug)]
pub(crate) struct Model {
    settings: Settings,
    /// Requests that have begun and are not over, by id.
    pub(crate) requests: BTreeMap<u16, Request>,
    keep_conn: bool,
    shutdown: Shutdown,
    pub(crate) protocol_error: Option<(ProtocolErrorKind, u16)>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) filters_and_authorizers: bool,
    pub(crate) max_concurrent_requests: usize,
    pub(crate) max_half_closed_requests: usize,
    pub(crate) request_window: usize,
    pub(crate) connection_window: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shutdown {
    None,
    WhenIdle,
    Graceful,
    Reset,
}

impl Shutdown {
    const fn accepts_requests(self) -> bool {
        matches!(self, Self::None | Self::WhenIdle)
    }
}

/// Everything that determines the future behaviour. Ids do not.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    requests: Vec<Request>,
    keep_conn: bool,
    shutdown: Shutdown,
    has_failed: bool,
}

impl Model {
    pub(crate) const fn new(settings: Settings) -> Self {
        Self {
            settings,
            requests: BTreeMap::new(),
            keep_conn: true,
            shutdown: Shutdown::None,
            protocol_error: None,
        }
    }

    pub(crate) fn state(&self) -> State {
        let mut requests: Vec<Request> = self.requests.values().map(Request::canonical).collect();
        requests.sort_unstable();
        let (shutdown, has_failed) = (self.shutdown, self.protocol_error.is_some());
        State {
            requests,
            keep_conn: self.keep_conn && shutdown == Shutdown::None && !has_failed,
            shutdown,
            has_failed,
        }
    }

    pub(crate) fn active_requests(&self) -> usize {
        self.requests.values().filter(|request| request.is_active()).count()
    }

    pub(crate) fn unread_bytes(&self) -> usize {
        self.requests.values().map(|request| request.unreleased).sum()
    }

    pub(crate) fn incomplete_heads(&self) -> usize {
        self.requests.values().filter(|request| request.send == SendState::Waiting).count()
    }

    pub(crate) fn is_incomplete_head(&self, id: u16) -> bool {
        self.requests.get(&id).is_some_and(|request| request.send == SendState::Waiting)
    }

    pub(crate) fn is_writable(&self, id: u16) -> bool {
        self.requests.get(&id).is_some_and(|request| request.send == SendState::Open)
    }

    pub(crate) fn is_active(&self, id: u16) -> bool {
        self.requests.get(&id).is_some_and(Request::is_active)
    }

    pub(crate) fn wants_read(&self) -> bool {
        let bound = if self.active_requests() > 1 {
            self.settings.connection_window
        } else {
            self.settings.request_window
        };
        self.unread_bytes() < bound
    }

    pub(crate) fn close_action(&self) -> Option<CloseAction> {
        let orderly = if self.requests.is_empty() { CloseAction::Close } else { CloseAction::LingeringClose };
        match self.shutdown {
            _ if self.active_requests() > 0 => None,
            Shutdown::Reset => Some(CloseAction::Reset),
            _ if self.protocol_error.is_some() => Some(CloseAction::LingeringClose),
            Shutdown::None if self.keep_conn => None,
            Shutdown::None | Shutdown::WhenIdle | Shutdown::Graceful => Some(orderly),
        }
    }

    /// As `end_of_input`, between two records.
    pub(crate) fn end_of_input(&self) -> EndOfInput {
        match (self.incomplete_heads(), self.active_requests()) {
            (1.., _) => EndOfInput::InParams,
            (0, 1..) => EndOfInput::InRequest,
            (0, 0) => EndOfInput::Clean,
        }
    }

    /// Whether a correct driver can do this step now, and it has an effect.
    pub(crate) fn allows(&self, step: Step) -> bool {
        match step {
            Step::Command(id, _) => self.is_writable(id),
            Step::Reject => self.incomplete_heads() > 0,
            Step::StopAccepting => self.shutdown.accepts_requests(),
            _ => self.protocol_error.is_none() && self.wants_read(),
        }
    }

    /// `oldest` is the request for [`Step::Reject`].
    pub(crate) fn step(&mut self, step: Step, oldest: Option<u16>) -> Result<Effect, UserError> {
        let mut effect = Effect::default();
        match step {
            Step::Command(id, command) => self.command(id, command, &mut effect)?,
            Step::Reject => self.reject(oldest.ok_or(UserError::RequestClosed)?)?,
            Step::StopAccepting => {
                if self.shutdown.accepts_requests() {
                    self.shutdown = Shutdown::Graceful;
                }
            }
            record => {
                if let Err(protocol_error) = self.receive(record, &mut effect) {
                    self.protocol_error = Some(protocol_error);
                }
            }
        }
        Ok(effect)
    }

    fn receive(&mut self, record: Step, effect: &mut Effect) -> Result<(), (ProtocolErrorKind, u16)> {
        match record {
            Step::Begin { id, role, keep_conn } => {
                self.begin(id, role, keep_conn, effect).map_err(|kind| (kind, id))
            }
            Step::GetValues => {
                let several = if self.settings.max_concurrent_requests > 1 { b'1' } else { b'0' };
                let content = [b"\x0f\x01FCGI_MPXS_CONNS", &[several][..]].concat();
                effect.records.push((RecordType::GET_VALUES_RESULT, 0, content));
                Ok(())
            }
            Step::UnknownManagement => {
                effect.records.push((RecordType::UNKNOWN_TYPE, 0, vec![UNKNOWN_TYPE.0, 0, 0, 0, 0, 0, 0, 0]));
                Ok(())
            }
            Step::Stdout(id) => Err((ProtocolErrorKind::WrongDirection, id)),
            Step::Params(id, _) | Step::ParamsEnd(id) | Step::Stdin(id, _) | Step::StdinEnd(id) => {
                self.stream(id, record, effect).map_err(|kind| (kind, id))
            }
            Step::Data(id, _) | Step::DataEnd(id) => {
                self.stream(id, record, effect).map_err(|kind| (kind, id))
            }
            Step::Abort(id) => {
                self.abort(id, effect);
                Ok(())
            }
            Step::UnknownOf(_) | Step::Command(..) | Step::Reject | Step::StopAccepting => Ok(()),
        }
    }

    fn begin(
        &mut self,
        id: u16,
        role: Role,
        keep_conn: bool,
        effect: &mut Effect,
    ) -> Result<(), ProtocolErrorKind> {
        match self.requests.get(&id).map(|request| request.send) {
            None => {}
            Some(SendState::Ended) => drop(self.requests.remove(&id)),
            Some(_) => return Err(ProtocolErrorKind::DuplicateRequestId),
        }
        self.keep_conn = keep_conn;
        let has_role = role == Role::RESPONDER
            || (self.settings.filters_and_authorizers && [Role::AUTHORIZER, Role::FILTER].contains(&role));
        let has_room = self.active_requests() < self.settings.max_concurrent_requests
            && self.shutdown.accepts_requests();
        let mut request = Request {
            role,
            recv: RecvState::Params,
            send: SendState::Waiting,
            partial_pair: false,
            unread: [0; 2],
            unreleased: 0,
            discarding: false,
            readable_queued: false,
            abort_notified: false,
        };
        if !has_role || !has_room {
            request.send = SendState::Ended;
            effect.end(id, if has_role { 2 } else { 3 });
            if self.requests.len() - self.active_requests() > self.settings.max_half_closed_requests {
                return Ok(());
            }
        }
        self.requests.insert(id, request);
        self.remove_if_done(id);
        Ok(())
    }

    fn stream(&mut self, id: u16, record: Step, effect: &mut Effect) -> Result<(), ProtocolErrorKind> {
        let Some(request) = self.requests.get_mut(&id) else { return Ok(()) };
        match record {
            Step::Params(_, pairs) => request.params(id, pairs, effect)?,
            Step::ParamsEnd(_) => request.params_end(id, effect)?,
            Step::Stdin(_, bytes) => request.stdin(id, bytes.into(), effect)?,
            Step::StdinEnd(_) => request.stdin_end(id, effect)?,
            Step::Data(_, bytes) => request.data(id, bytes.into(), effect)?,
            _ => request.data_end(id, effect)?,
        }
        self.remove_if_done(id);
        Ok(())
    }

    fn abort(&mut self, id: u16, effect: &mut Effect) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        if request.recv != RecvState::Ended {
            request.recv = RecvState::Aborted;
        }
        match request.send {
            SendState::Waiting => {
                request.send = SendState::Ended;
                effect.end(id, 0);
            }
            SendState::Open if !std::mem::replace(&mut request.abort_notified, true) => {
                effect.events.push(ModelEvent::Aborted(id))
            }
            _ => {}
        }
        self.remove_if_done(id);
    }

    fn reject(&mut self, id: u16) -> Result<(), UserError> {
        let request = self.requests.get_mut(&id).ok_or(UserError::RequestClosed)?;
        if request.send != SendState::Waiting {
            return Err(UserError::RequestClosed);
        }
        request.send = SendState::Open;
        request.drop_bodies();
        Ok(())
    }

    fn command(&mut self, id: u16, command: Command, effect: &mut Effect) -> Result<(), UserError> {
        let request = self.requests.get_mut(&id).ok_or(UserError::RequestClosed)?;
        match request.send {
            SendState::Open => {}
            SendState::Waiting => return Err(UserError::StreamNotOpen),
            SendState::Ended | SendState::Failed => return Err(UserError::RequestClosed),
        }
        match command {
            Command::Stdout => effect.records.push((RecordType::STDOUT, id, b"o".to_vec())),
            Command::Stderr => effect.records.push((RecordType::STDERR, id, b"e".to_vec())),
            Command::ReadBody => effect.read = Some(request.read(0)),
            Command::ReadData => effect.read = Some(request.read(1)),
            Command::ReleaseCapacity => request.unreleased = request.unread.iter().sum(),
            Command::DiscardBody => request.drop_bodies(),
            Command::EndRequest => {
                request.send = SendState::Ended;
                effect.records.push((RecordType::STDOUT, id, Vec::new()));
                effect.end(id, 0);
            }
            Command::AbortResponse => {
                request.send = SendState::Failed;
                self.shutdown = Shutdown::Reset;
            }
            Command::AbandonResponse => {
                request.send = SendState::Failed;
                if self.shutdown.accepts_requests() {
                    self.shutdown = Shutdown::WhenIdle;
                }
            }
        }
        if matches!(command, Command::EndRequest | Command::AbortResponse | Command::AbandonResponse) {
            request.drop_bodies();
        }
        self.remove_if_done(id);
        Ok(())
    }

    /// Removes a request that is over, and enforces the limit on half-closed requests.
    fn remove_if_done(&mut self, id: u16) {
        if self.requests.get(&id).is_some_and(Request::is_over) {
            self.requests.remove(&id);
        }
        let half_closed = self.requests.len() - self.active_requests();
        if half_closed > self.settings.max_half_closed_requests && self.shutdown.accepts_requests() {
            self.shutdown = Shutdown::Graceful;
        }
    }
}
