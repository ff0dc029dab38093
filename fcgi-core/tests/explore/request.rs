//! One request of the model: its states and its streams.

use fcgi_core::{ProtocolErrorKind, Role, StreamState};

use super::effect::{Effect, ModelEvent};
use super::steps::ParamsContent;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Request {
    pub(crate) role: Role,
    pub(crate) recv: RecvState,
    pub(crate) send: SendState,
    pub(crate) partial_pair: bool,
    /// Unread bytes of STDIN and of DATA.
    pub(crate) unread: [usize; 2],
    /// Unreleased bytes of both.
    pub(crate) unreleased: usize,
    pub(crate) discarding: bool,
    pub(crate) readable_queued: bool,
    pub(crate) abort_notified: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum RecvState {
    Params,
    Stdin,
    Data,
    Ended,
    Aborted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum SendState {
    /// Not reported to the application.
    Waiting,
    Open,
    Ended,
    Failed,
}

impl Request {
    pub(crate) const fn is_active(&self) -> bool {
        matches!(self.send, SendState::Waiting | SendState::Open)
    }

    /// Whether its input has not ended.
    pub(crate) const fn is_receiving(&self) -> bool {
        matches!((self.recv, self.send), (RecvState::Params | RecvState::Stdin | RecvState::Data, _))
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!((self.recv, self.send), (RecvState::Ended | RecvState::Aborted, SendState::Ended))
    }

    /// The order of records is enforced only for active requests.
    pub(crate) const fn unless_answered(&self, kind: ProtocolErrorKind) -> Result<(), ProtocolErrorKind> {
        if self.is_active() { Err(kind) } else { Ok(()) }
    }

    /// Without fields that no longer have an effect.
    pub(crate) fn canonical(&self) -> Self {
        let mut canonical = self.clone();
        canonical.partial_pair &= self.send == SendState::Waiting;
        canonical.readable_queued &= !self.discarding;
        if !self.is_active() {
            (canonical.readable_queued, canonical.abort_notified) = (false, false);
        }
        canonical
    }

    pub(crate) fn drop_bodies(&mut self) {
        (self.unread, self.unreleased, self.discarding) = ([0; 2], 0, true);
    }

    pub(crate) fn receive(&mut self, stream: usize, bytes: usize) -> bool {
        if self.discarding {
            return false;
        }
        self.unread[stream] += bytes;
        self.unreleased += bytes;
        !std::mem::replace(&mut self.readable_queued, true)
    }
}

/// The streams.
impl Request {
    pub(crate) fn params(
        &mut self,
        id: u16,
        pairs: ParamsContent,
        effect: &mut Effect,
    ) -> Result<(), ProtocolErrorKind> {
        match (self.recv, self.send) {
            (RecvState::Params, SendState::Waiting) => {}
            (RecvState::Params | RecvState::Aborted, _) => return Ok(()),
            _ => return self.unless_answered(ProtocolErrorKind::ParamsAfterEnd),
        }
        match pairs {
            ParamsContent::TooLong if !self.partial_pair => {
                self.send = SendState::Open;
                self.drop_bodies();
                effect.events.push(ModelEvent::Rejected(id));
            }
            ParamsContent::Truncated => self.partial_pair = true,
            ParamsContent::Complete | ParamsContent::TooLong => {}
        }
        Ok(())
    }

    pub(crate) fn params_end(&mut self, id: u16, effect: &mut Effect) -> Result<(), ProtocolErrorKind> {
        if self.recv != RecvState::Params {
            return Ok(());
        }
        let is_waiting = self.send == SendState::Waiting;
        if is_waiting && self.partial_pair {
            return Err(ProtocolErrorKind::TruncatedPair);
        }
        self.recv = if self.role == Role::AUTHORIZER { RecvState::Ended } else { RecvState::Stdin };
        if is_waiting {
            self.send = SendState::Open;
            effect.events.push(ModelEvent::Request(id));
        }
        Ok(())
    }

    pub(crate) fn stdin(
        &mut self,
        id: u16,
        bytes: usize,
        effect: &mut Effect,
    ) -> Result<(), ProtocolErrorKind> {
        match (self.recv, self.role) {
            (RecvState::Stdin, _) if self.send == SendState::Open => {
                if self.receive(0, bytes) {
                    effect.events.push(ModelEvent::BodyReadable(id));
                }
                Ok(())
            }
            (RecvState::Stdin | RecvState::Aborted, _) => Ok(()),
            (RecvState::Params, _) => self.unless_answered(ProtocolErrorKind::StdinBeforeParamsEnd),
            (_, Role::AUTHORIZER) => Ok(()),
            _ => self.unless_answered(ProtocolErrorKind::StreamAfterEnd),
        }
    }

    pub(crate) fn stdin_end(&mut self, id: u16, effect: &mut Effect) -> Result<(), ProtocolErrorKind> {
        match self.recv {
            RecvState::Stdin => {
                self.recv = if self.role == Role::FILTER { RecvState::Data } else { RecvState::Ended };
                if self.send == SendState::Open && self.receive(0, 0) {
                    effect.events.push(ModelEvent::BodyReadable(id));
                }
                Ok(())
            }
            RecvState::Params => self.unless_answered(ProtocolErrorKind::StdinBeforeParamsEnd),
            RecvState::Data | RecvState::Ended | RecvState::Aborted => Ok(()),
        }
    }

    pub(crate) fn data(
        &mut self,
        id: u16,
        bytes: usize,
        effect: &mut Effect,
    ) -> Result<(), ProtocolErrorKind> {
        match (self.recv, self.role) {
            (RecvState::Data, _) => {
                if self.send == SendState::Open && self.receive(1, bytes) {
                    effect.events.push(ModelEvent::BodyReadable(id));
                }
                Ok(())
            }
            (RecvState::Aborted, _) => Ok(()),
            (RecvState::Ended, Role::FILTER) => self.unless_answered(ProtocolErrorKind::StreamAfterEnd),
            _ => self.unless_answered(ProtocolErrorKind::UnexpectedData),
        }
    }

    pub(crate) fn data_end(&mut self, id: u16, effect: &mut Effect) -> Result<(), ProtocolErrorKind> {
        match (self.recv, self.role) {
            (RecvState::Data, _) => {
                self.recv = RecvState::Ended;
                if self.send == SendState::Open && self.receive(1, 0) {
                    effect.events.push(ModelEvent::BodyReadable(id));
                }
                Ok(())
            }
            (RecvState::Aborted, _) | (RecvState::Ended, Role::FILTER) => Ok(()),
            _ => self.unless_answered(ProtocolErrorKind::UnexpectedData),
        }
    }

    pub(crate) fn read(&mut self, stream: usize) -> (usize, StreamState) {
        self.readable_queued = false;
        let ended = match (stream, self.recv) {
            (_, RecvState::Aborted) => {
                return (std::mem::take(&mut self.unread[stream]), StreamState::Aborted);
            }
            (0, input) => matches!(input, RecvState::Data | RecvState::Ended),
            (_, input) => self.role != Role::FILTER || input == RecvState::Ended,
        };
        let state = if ended { StreamState::Ended } else { StreamState::Open };
        (std::mem::take(&mut self.unread[stream]), state)
    }
}
