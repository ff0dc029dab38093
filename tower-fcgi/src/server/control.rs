//! The connection's side of its [`ConnectionHandle`].

use std::task::{Context, Waker};

use super::activity::Activity;
use super::handle::{Command, ConnectionHandle};
use super::stderr_queue::StderrQueue;

/// Receives commands from the handles, and publishes the connection's activity to them.
#[derive(Debug)]
pub(super) struct Control {
    handle: ConnectionHandle,
    /// The waker that `handle` has.
    waker: Option<Waker>,
    /// The activity that was published last.
    activity: Activity,
}

impl Control {
    pub(super) fn new() -> Self {
        Self { handle: ConnectionHandle::new(), waker: None, activity: Activity::Busy }
    }

    pub(super) const fn handle(&self) -> &ConnectionHandle {
        &self.handle
    }

    pub(super) fn command(&self) -> Command {
        self.handle.command()
    }

    pub(super) fn stderr(&self) -> &StderrQueue {
        self.handle.stderr()
    }

    /// Registers the waker of the task that polls the connection.
    pub(super) fn register_waker(&mut self, cx: &Context<'_>) {
        if !self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.handle.register_waker(cx.waker());
            self.waker = Some(cx.waker().clone());
        }
    }

    /// Publishes what closing the connection would interrupt.
    #[inline]
    pub(super) fn publish(&mut self, activity: Activity) {
        if activity != self.activity {
            self.activity = activity;
            self.handle.set_activity(activity);
        }
    }

    /// Withdraws [`Command::CloseIfIdle`] if the connection is busy.
    pub(super) fn stay_open_if_busy(&self) {
        if self.command() == Command::CloseIfIdle && self.activity == Activity::Busy {
            self.handle.stay_open();
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.handle.stderr().close();
        self.handle.clear_waker();
    }
}
