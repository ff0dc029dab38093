//! Closes a connection: flushes the output, shuts the transport down, discards what the web server still sends.

use std::task::{Context, Poll};

use fcgi_core::server::CloseAction;
use tokio::io::{AsyncRead, AsyncWrite};

use super::Parts;
use crate::progress::Progress;
use crate::server::error::{Error, ErrorCause, TimeoutKind};
use crate::server::service::FcgiService;
use crate::server::state::State;

impl<IO, S> Parts<'_, IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    pub(super) fn begin_close(&mut self, then: CloseAction) {
        let budget = self.config.linger_bytes.saturating_sub(self.protocol.discarded_bytes());
        self.state.close(then, budget);
        self.publish_activity();
        self.close_stderr();
    }

    /// Runs one turn of a closing connection.
    pub(super) fn close(&mut self, cx: &mut Context<'_>) -> Result<Progress, Error> {
        self.write_all(cx)?;
        if self.transport.is_flushed()
            && let State::Flushing { then, .. } = *self.state
        {
            self.state.on_flushed();
            match then {
                CloseAction::Close => {}
                CloseAction::Reset => {
                    self.transport.prepare_reset();
                    return Err(ErrorCause::IncompleteResponse.into());
                }
                CloseAction::LingeringClose => {
                    match self.transport.poll_shutdown(cx) {
                        Poll::Ready(shut_down) => shut_down.map_err(Error::io)?,
                        Poll::Pending => return Ok(Progress::Blocked),
                    }
                    self.state.on_shut_down();
                    self.publish_activity();
                }
            }
        }
        match *self.state {
            State::Closed => Ok(Progress::Finished),
            state if state.is_input_ended() => Ok(Progress::Blocked),
            _ => self.discard_input(cx),
        }
    }

    /// Reads once, and discards the bytes.
    pub(super) fn discard_input(&mut self, cx: &mut Context<'_>) -> Result<Progress, Error> {
        let Poll::Ready(read) = self.transport.poll_discard(&mut self.traffic, cx) else {
            return Ok(Progress::Blocked);
        };
        let read = match read {
            Ok(read) => read as u64,
            // The web server has received the response, so an error of its close does not matter.
            Err(_) if matches!(self.state, State::Lingering { .. }) => 0,
            Err(error) => return Err(Error::io(error)),
        };
        if read == 0 {
            self.state.on_eof();
            return Ok(if *self.state == State::Closed { Progress::Finished } else { Progress::Blocked });
        }
        match self.state.on_discarded(read) {
            Ok(()) => Ok(Progress::Made),
            Err(_) => Err(ErrorCause::Timeout(TimeoutKind::Linger).into()),
        }
    }
}
