//! One request of the model: its two halves, and its streams.

use fcgi_core::{ProtocolErrorKind, Role, StreamState};

use super::model::{Effect, Told};
use super::steps::Pairs;

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Request {
    pub(crate) role: Role,
    pub(crate) input: Input,
    pub(crate) output: Output,
    pub(crate) half_a_pair: bool,
    /// Bytes that came and were not read, of STDIN and of DATA.
    pub(crate) waiting: [usize; 2],
    /// Bytes that came and were not consumed, of both.
    pub(crate) charge: usize,
    pub(crate) discards: bool,
    pub(crate) announced: bool,
    pub(crate) aborted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Input {
    Params,
    Stdin,
    Data,
    Ended,
    Aborted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Output {
    /// The application has not been told.
    Waiting,
    Open,
    Ended,
    CutOff,
}

impl Request {
    pub(crate) const fn is_live(&self) -> bool {
        matches!(self.output, Output::Waiting | Output::Open)
    }

    /// Answered, and known for what still comes of its input.
    pub(crate) const fn is_unfinished(&self) -> bool {
        matches!((self.input, self.output), (Input::Params | Input::Stdin | Input::Data, _))
    }

    pub(crate) const fn is_over(&self) -> bool {
        matches!((self.input, self.output), (Input::Ended | Input::Aborted, Output::Ended))
    }

    /// Order is a rule while the answer is owed.
    pub(crate) const fn broke(&self, rule: ProtocolErrorKind) -> Result<(), ProtocolErrorKind> {
        if self.is_live() { Err(rule) } else { Ok(()) }
    }

    /// Without what makes no difference any more.
    pub(crate) fn essence(&self) -> Self {
        let mut essence = self.clone();
        essence.half_a_pair &= self.output == Output::Waiting;
        essence.announced &= !self.discards;
        if !self.is_live() {
            (essence.announced, essence.aborted) = (false, false);
        }
        essence
    }

    pub(crate) fn drop_bodies(&mut self) {
        (self.waiting, self.charge, self.discards) = ([0; 2], 0, true);
    }

    pub(crate) fn take_in(&mut self, stream: usize, bytes: usize) -> bool {
        if self.discards {
            return false;
        }
        self.waiting[stream] += bytes;
        self.charge += bytes;
        !std::mem::replace(&mut self.announced, true)
    }
}

/// Its streams.
impl Request {
    pub(crate) fn params(
        &mut self,
        id: u16,
        pairs: Pairs,
        effect: &mut Effect,
    ) -> Result<(), ProtocolErrorKind> {
        match (self.input, self.output) {
            (Input::Params, Output::Waiting) => {}
            (Input::Params | Input::Aborted, _) => return Ok(()),
            _ => return self.broke(ProtocolErrorKind::ParamsAfterEnd),
        }
        match pairs {
            Pairs::TooLong if !self.half_a_pair => {
                self.output = Output::Open;
                self.drop_bodies();
                effect.events.push(Told::Refused(id));
            }
            Pairs::Half => self.half_a_pair = true,
            Pairs::Whole | Pairs::TooLong => {}
        }
        Ok(())
    }

    pub(crate) fn params_end(&mut self, id: u16, effect: &mut Effect) -> Result<(), ProtocolErrorKind> {
        if self.input != Input::Params {
            return Ok(());
        }
        let is_waiting = self.output == Output::Waiting;
        if is_waiting && self.half_a_pair {
            return Err(ProtocolErrorKind::TruncatedPair);
        }
        self.input = if self.role == Role::AUTHORIZER { Input::Ended } else { Input::Stdin };
        if is_waiting {
            self.output = Output::Open;
            effect.events.push(Told::Request(id));
        }
        Ok(())
    }

    pub(crate) fn stdin(
        &mut self,
        id: u16,
        bytes: usize,
        effect: &mut Effect,
    ) -> Result<(), ProtocolErrorKind> {
        match (self.input, self.role) {
            (Input::Stdin, _) if self.output == Output::Open => {
                if self.take_in(0, bytes) {
                    effect.events.push(Told::Body(id));
                }
                Ok(())
            }
            (Input::Stdin | Input::Aborted, _) => Ok(()),
            (Input::Params, _) => self.broke(ProtocolErrorKind::StdinBeforeParamsEnd),
            (_, Role::AUTHORIZER) => Ok(()),
            _ => self.broke(ProtocolErrorKind::StreamAfterEnd),
        }
    }

    pub(crate) fn stdin_end(&mut self, id: u16, effect: &mut Effect) -> Result<(), ProtocolErrorKind> {
        match self.input {
            Input::Stdin => {
                self.input = if self.role == Role::FILTER { Input::Data } else { Input::Ended };
                if self.output == Output::Open && self.take_in(0, 0) {
                    effect.events.push(Told::Body(id));
                }
                Ok(())
            }
            Input::Params => self.broke(ProtocolErrorKind::StdinBeforeParamsEnd),
            Input::Data | Input::Ended | Input::Aborted => Ok(()),
        }
    }

    pub(crate) fn data(
        &mut self,
        id: u16,
        bytes: usize,
        effect: &mut Effect,
    ) -> Result<(), ProtocolErrorKind> {
        match (self.input, self.role) {
            (Input::Data, _) => {
                if self.output == Output::Open && self.take_in(1, bytes) {
                    effect.events.push(Told::Body(id));
                }
                Ok(())
            }
            (Input::Aborted, _) => Ok(()),
            (Input::Ended, Role::FILTER) => self.broke(ProtocolErrorKind::StreamAfterEnd),
            _ => self.broke(ProtocolErrorKind::UnexpectedData),
        }
    }

    pub(crate) fn data_end(&mut self, id: u16, effect: &mut Effect) -> Result<(), ProtocolErrorKind> {
        match (self.input, self.role) {
            (Input::Data, _) => {
                self.input = Input::Ended;
                if self.output == Output::Open && self.take_in(1, 0) {
                    effect.events.push(Told::Body(id));
                }
                Ok(())
            }
            (Input::Aborted, _) | (Input::Ended, Role::FILTER) => Ok(()),
            _ => self.broke(ProtocolErrorKind::UnexpectedData),
        }
    }

    pub(crate) fn read(&mut self, stream: usize) -> (usize, StreamState) {
        self.announced = false;
        let ended = match (stream, self.input) {
            (_, Input::Aborted) => return (std::mem::take(&mut self.waiting[stream]), StreamState::Aborted),
            (0, input) => matches!(input, Input::Data | Input::Ended),
            (_, input) => self.role != Role::FILTER || input == Input::Ended,
        };
        let state = if ended { StreamState::Ended } else { StreamState::Open };
        (std::mem::take(&mut self.waiting[stream]), state)
    }
}
