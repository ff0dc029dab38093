//! What the end of a connection would interrupt, and what an idle one gives back.

use fcgi_core::server::EndOfInput;
use tokio::io::{AsyncRead, AsyncWrite};

use super::driver::Driver;
use super::handle::Activity;
use super::service::FcgiService;
use crate::buffer_pool;

impl<IO, S> Driver<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    /// A kept connection between requests holds on to as little as can be.
    pub(super) fn turn_idle(&mut self) {
        let was_busy = self.activity == Activity::Busy;
        let activity = self.activity_now();
        self.set_activity(activity);
        if was_busy && activity != Activity::Busy {
            buffer_pool::keep_output(self.protocol.output().take_buffer());
            self.protocol.shrink();
            // Nothing is alive, so a task that still has to end has no request left.
            self.spawned = None;
            if self.settings.keep_alive_timeout.is_none() {
                self.deadline.release();
            }
        }
    }

    fn activity_now(&self) -> Activity {
        let protocol = &self.protocol;
        // A connection that is waited for its first request is not idle, but new: to close it would cost that
        // request.
        if self.begun == 0 || protocol.active_requests() > 0 || protocol.output_len() > 0 {
            Activity::Busy
        } else if protocol.is_idle() {
            if protocol.half_closed_requests() == 0 { Activity::Idle } else { Activity::Unfinished }
        } else if protocol.end_of_input() == EndOfInput::Clean {
            // Inside a record of an answered request.
            Activity::Unfinished
        } else {
            Activity::Busy
        }
    }

    pub(super) fn set_activity(&mut self, activity: Activity) {
        if activity != self.activity {
            self.activity = activity;
            self.handle.set_activity(activity);
        }
    }
}
