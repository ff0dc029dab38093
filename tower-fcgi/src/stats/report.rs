//! What the code that serves a request reports to the recorder.

use std::time::Duration;

use super::snapshot::{FailureCause, TimeoutCause};

/// What has become of a response since the last report.
#[derive(Debug)]
pub(crate) struct ResponseReport {
    /// Bytes of the response.
    pub(crate) sent: u64,
    /// Whether some of the response was written.
    pub(crate) has_output: bool,
    pub(crate) ending: ResponseEnding,
    /// What most reports do not have.
    pub(crate) details: Option<Box<ReportDetails>>,
}

/// What a report rarely has.
#[derive(Debug, Default)]
pub(crate) struct ReportDetails {
    /// Whether the request took over its connection.
    pub(crate) is_upgraded: bool,
    /// How long the request waited until the service was ready.
    pub(crate) waited: Option<Duration>,
    pub(crate) stderr_lines: u64,
    pub(crate) stderr_dropped: u64,
    /// Panics of the drop of a handler or a body, which do not change the response.
    pub(crate) panicked_drops: u64,
    /// Why the response was aborted.
    pub(crate) failure: Option<RecordedFailure>,
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
    pub(crate) const NONE: Self =
        Self { sent: 0, has_output: false, ending: ResponseEnding::Open, details: None };

    #[cold]
    pub(crate) fn details(&mut self) -> &mut ReportDetails {
        self.details.get_or_insert_default()
    }

    /// Notes a failure. It is the reason for the end of the response if that was aborted before.
    pub(crate) fn fail(&mut self, failure: RecordedFailure) {
        let ending = self.ending;
        let details = self.details();
        match ending {
            ResponseEnding::Open | ResponseEnding::Complete => {
                let is_panic = failure.cause == Cause::Failure(FailureCause::Panicked);
                details.panicked_drops += u64::from(is_panic);
            }
            ResponseEnding::Replaced | ResponseEnding::Incomplete => details.failure = Some(failure),
        }
    }

    pub(super) fn failure(&self) -> Option<RecordedFailure> {
        self.details.as_ref()?.failure
    }

    pub(crate) fn is_upgraded(&self) -> bool {
        self.details.as_ref().is_some_and(|details| details.is_upgraded)
    }
}
