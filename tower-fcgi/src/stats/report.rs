//! What the code that serves a request reports to the recorder.

use std::time::Duration;

use super::snapshot::{FailureCause, TimeoutCause};

/// What has become of a response since the last report.
#[derive(Debug)]
pub(crate) struct ResponseReport {
    /// Whether some of the response was written.
    pub(crate) has_output: bool,
    /// Whether the request took over its connection.
    pub(crate) is_upgraded: bool,
    /// Bytes of the response.
    pub(crate) sent: u64,
    /// How long the request waited until the service was ready.
    pub(crate) waited: Option<Duration>,
    pub(crate) stderr_lines: u32,
    pub(crate) stderr_dropped: u32,
    /// Panics of the drop of a handler or a body, which do not change the response.
    pub(crate) panicked_drops: u32,
    /// Why the response was aborted.
    pub(crate) failure: Option<RecordedFailure>,
    pub(crate) ending: ResponseEnding,
}

/// How a response has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseEnding {
    /// Not yet.
    Open,
    Complete,
    /// Replaced by an error response.
    Replaced,
    /// Cut off.
    Incomplete,
}

/// A failure, for the counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RecordedFailure {
    /// The status of the error response.
    pub(crate) status: u16,
    pub(crate) cause: Cause,
}

/// What has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    Failure(FailureCause),
    Timeout(TimeoutCause),
}

impl RecordedFailure {
    /// A request over a limit of the protocol, with the default response.
    pub(crate) const OVERLOADED: Self = Self { status: 503, cause: Cause::Failure(FailureCause::Overloaded) };
}

impl ResponseReport {
    pub(crate) const NONE: Self = Self {
        has_output: false,
        is_upgraded: false,
        sent: 0,
        waited: None,
        stderr_lines: 0,
        stderr_dropped: 0,
        panicked_drops: 0,
        failure: None,
        ending: ResponseEnding::Open,
    };

    /// Whether there is something that reports rarely have.
    #[inline]
    pub(super) fn has_details(&self) -> bool {
        self.waited.is_some() || self.stderr_lines > 0 || self.stderr_dropped > 0 || self.panicked_drops > 0
    }

    /// Notes a failure. It is the reason for the end of the response if that was aborted before.
    pub(crate) fn fail(&mut self, failure: RecordedFailure) {
        match self.ending {
            ResponseEnding::Open | ResponseEnding::Complete => {
                let is_panic = failure.cause == Cause::Failure(FailureCause::Panicked);
                self.panicked_drops += u32::from(is_panic);
            }
            ResponseEnding::Replaced | ResponseEnding::Incomplete => self.failure = Some(failure),
        }
    }
}
