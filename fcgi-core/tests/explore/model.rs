//! A connection that is simple enough to be right: no bytes, no buffers, one table.

use std::collections::BTreeMap;

use fcgi_core::server::{CloseAction, EndOfInput};
use fcgi_core::{ProtocolErrorKind, RecordType, Role, StreamState, UserError};

use super::request::{Input, Output, Request};
use super::steps::{Command, NO_TYPE, Step};

#[derive(Debug)]
pub(crate) struct Model {
    settings: Settings,
    /// Those that have begun and are not over, by id.
    pub(crate) requests: BTreeMap<u16, Request>,
    keep_conn: bool,
    closing: Closing,
    pub(crate) broken: Option<(ProtocolErrorKind, u16)>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) filters_and_authorizers: bool,
    pub(crate) requests: usize,
    pub(crate) unfinished: usize,
    pub(crate) body_bytes: usize,
    pub(crate) bodies_bytes: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Closing {
    No,
    WhenIdle,
    Orderly,
    Abortive,
}

impl Closing {
    const fn takes_requests(self) -> bool {
        matches!(self, Self::No | Self::WhenIdle)
    }
}

/// All that decides what a connection does next. Which id a request has does not.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct State {
    requests: Vec<Request>,
    keep_conn: bool,
    closing: Closing,
    is_broken: bool,
}

/// What a step has to bring about.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Effect {
    pub(crate) records: Vec<(RecordType, u16, Vec<u8>)>,
    pub(crate) events: Vec<Told>,
    /// Bytes that were read.
    pub(crate) read: Option<(usize, StreamState)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    Request(u16),
    Refused(u16),
    Body(u16),
    Abort(u16),
}

impl Effect {
    fn end(&mut self, id: u16, protocol_status: u8) {
        // FastCGI §5.5: four bytes of application status, one of protocol status, three of nothing.
        self.records.push((RecordType::END_REQUEST, id, vec![0, 0, 0, 0, protocol_status, 0, 0, 0]));
    }
}

impl Model {
    pub(crate) const fn new(settings: Settings) -> Self {
        Self { settings, requests: BTreeMap::new(), keep_conn: true, closing: Closing::No, broken: None }
    }

    pub(crate) fn state(&self) -> State {
        let mut requests: Vec<Request> = self.requests.values().map(Request::essence).collect();
        requests.sort_unstable();
        let (closing, is_broken) = (self.closing, self.broken.is_some());
        State {
            requests,
            keep_conn: self.keep_conn && closing == Closing::No && !is_broken,
            closing,
            is_broken,
        }
    }

    pub(crate) fn live(&self) -> usize {
        self.requests.values().filter(|request| request.is_live()).count()
    }

    pub(crate) fn unread(&self) -> usize {
        self.requests.values().map(|request| request.charge).sum()
    }

    pub(crate) fn in_params(&self) -> usize {
        self.requests.values().filter(|request| request.output == Output::Waiting).count()
    }

    pub(crate) fn is_in_params(&self, id: u16) -> bool {
        self.requests.get(&id).is_some_and(|request| request.output == Output::Waiting)
    }

    pub(crate) fn is_open(&self, id: u16) -> bool {
        self.requests.get(&id).is_some_and(|request| request.output == Output::Open)
    }

    pub(crate) fn is_live(&self, id: u16) -> bool {
        self.requests.get(&id).is_some_and(Request::is_live)
    }

    pub(crate) fn wants_input(&self) -> bool {
        let bound = if self.live() > 1 { self.settings.bodies_bytes } else { self.settings.body_bytes };
        self.unread() < bound
    }

    pub(crate) fn should_close(&self) -> Option<CloseAction> {
        let orderly = if self.requests.is_empty() { CloseAction::Close } else { CloseAction::LingeringClose };
        match self.closing {
            _ if self.live() > 0 => None,
            Closing::Abortive => Some(CloseAction::Reset),
            _ if self.broken.is_some() => Some(CloseAction::LingeringClose),
            Closing::No if self.keep_conn => None,
            Closing::No | Closing::WhenIdle | Closing::Orderly => Some(orderly),
        }
    }

    /// What an end of the stream would cut off, between two records.
    pub(crate) fn end_of_input(&self) -> EndOfInput {
        match (self.in_params(), self.live()) {
            (1.., _) => EndOfInput::InParams,
            (0, 1..) => EndOfInput::InRequest,
            (0, 0) => EndOfInput::Clean,
        }
    }

    /// Whether a driver that keeps to its contract could do this now, and it is not for nothing.
    pub(crate) fn allows(&self, step: Step) -> bool {
        match step {
            Step::Command(id, _) => self.is_open(id),
            Step::Refuse => self.in_params() > 0,
            Step::Close => self.closing.takes_requests(),
            _ => self.broken.is_none() && self.wants_input(),
        }
    }

    /// `oldest`: the request that [`Step::Refuse`] is about.
    pub(crate) fn step(&mut self, step: Step, oldest: Option<u16>) -> Result<Effect, UserError> {
        let mut effect = Effect::default();
        match step {
            Step::Command(id, command) => self.command(id, command, &mut effect)?,
            Step::Refuse => self.refuse(oldest.ok_or(UserError::RequestClosed)?)?,
            Step::Close => {
                if self.closing.takes_requests() {
                    self.closing = Closing::Orderly;
                }
            }
            record => {
                if let Err(broken) = self.receive(record, &mut effect) {
                    self.broken = Some(broken);
                }
            }
        }
        Ok(effect)
    }

    fn receive(&mut self, record: Step, effect: &mut Effect) -> Result<(), (ProtocolErrorKind, u16)> {
        match record {
            Step::Begin { id, role, keep_conn } => {
                self.begin(id, role, keep_conn, effect).map_err(|rule| (rule, id))
            }
            Step::GetValues => {
                let several = if self.settings.requests > 1 { b'1' } else { b'0' };
                let content = [b"\x0f\x01FCGI_MPXS_CONNS", &[several][..]].concat();
                effect.records.push((RecordType::GET_VALUES_RESULT, 0, content));
                Ok(())
            }
            Step::Unknown => {
                effect.records.push((RecordType::UNKNOWN_TYPE, 0, vec![NO_TYPE.0, 0, 0, 0, 0, 0, 0, 0]));
                Ok(())
            }
            Step::Stdout(id) => Err((ProtocolErrorKind::WrongDirection, id)),
            Step::Params(id, _) | Step::ParamsEnd(id) | Step::Stdin(id, _) | Step::StdinEnd(id) => {
                self.stream(id, record, effect).map_err(|rule| (rule, id))
            }
            Step::Data(id, _) | Step::DataEnd(id) => {
                self.stream(id, record, effect).map_err(|rule| (rule, id))
            }
            Step::Abort(id) => {
                self.abort(id, effect);
                Ok(())
            }
            Step::UnknownOf(_) | Step::Command(..) | Step::Refuse | Step::Close => Ok(()),
        }
    }

    fn begin(
        &mut self,
        id: u16,
        role: Role,
        keep_conn: bool,
        effect: &mut Effect,
    ) -> Result<(), ProtocolErrorKind> {
        match self.requests.get(&id).map(|request| request.output) {
            None => {}
            Some(Output::Ended) => drop(self.requests.remove(&id)),
            Some(_) => return Err(ProtocolErrorKind::DuplicateRequestId),
        }
        self.keep_conn = keep_conn;
        let has_role = role == Role::RESPONDER
            || (self.settings.filters_and_authorizers && [Role::AUTHORIZER, Role::FILTER].contains(&role));
        let has_room = self.live() < self.settings.requests && self.closing.takes_requests();
        let mut request = Request {
            role,
            input: Input::Params,
            output: Output::Waiting,
            half_a_pair: false,
            waiting: [0; 2],
            charge: 0,
            discards: false,
            announced: false,
            aborted: false,
        };
        if !has_role || !has_room {
            request.output = Output::Ended;
            effect.end(id, if has_role { 2 } else { 3 });
            if self.requests.len() - self.live() > self.settings.unfinished {
                return Ok(());
            }
        }
        self.requests.insert(id, request);
        self.settle(id);
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
        self.settle(id);
        Ok(())
    }

    fn abort(&mut self, id: u16, effect: &mut Effect) {
        let Some(request) = self.requests.get_mut(&id) else { return };
        if request.input != Input::Ended {
            request.input = Input::Aborted;
        }
        match request.output {
            Output::Waiting => {
                request.output = Output::Ended;
                effect.end(id, 0);
            }
            Output::Open if !std::mem::replace(&mut request.aborted, true) => {
                effect.events.push(Told::Abort(id))
            }
            _ => {}
        }
        self.settle(id);
    }

    fn refuse(&mut self, id: u16) -> Result<(), UserError> {
        let request = self.requests.get_mut(&id).ok_or(UserError::RequestClosed)?;
        if request.output != Output::Waiting {
            return Err(UserError::RequestClosed);
        }
        request.output = Output::Open;
        request.drop_bodies();
        Ok(())
    }

    fn command(&mut self, id: u16, command: Command, effect: &mut Effect) -> Result<(), UserError> {
        let request = self.requests.get_mut(&id).ok_or(UserError::RequestClosed)?;
        match request.output {
            Output::Open => {}
            Output::Waiting => return Err(UserError::StreamNotOpen),
            Output::Ended | Output::CutOff => return Err(UserError::RequestClosed),
        }
        match command {
            Command::Answer => effect.records.push((RecordType::STDOUT, id, b"o".to_vec())),
            Command::Log => effect.records.push((RecordType::STDERR, id, b"e".to_vec())),
            Command::Read => effect.read = Some(request.read(0)),
            Command::ReadData => effect.read = Some(request.read(1)),
            Command::Consume => request.charge = request.waiting.iter().sum(),
            Command::Discard => request.drop_bodies(),
            Command::End => {
                request.output = Output::Ended;
                effect.records.push((RecordType::STDOUT, id, Vec::new()));
                effect.end(id, 0);
            }
            Command::Fail => {
                request.output = Output::CutOff;
                self.closing = Closing::Abortive;
            }
            Command::Abandon => {
                request.output = Output::CutOff;
                if self.closing.takes_requests() {
                    self.closing = Closing::WhenIdle;
                }
            }
        }
        if matches!(command, Command::End | Command::Fail | Command::Abandon) {
            request.drop_bodies();
        }
        self.settle(id);
        Ok(())
    }

    /// One that is over goes; too many that are half over are the beginning of the connection's end.
    fn settle(&mut self, id: u16) {
        if self.requests.get(&id).is_some_and(Request::is_over) {
            self.requests.remove(&id);
        }
        let unfinished = self.requests.len() - self.live();
        if unfinished > self.settings.unfinished && self.closing.takes_requests() {
            self.closing = Closing::Orderly;
        }
    }
}
