//! The log of slow requests.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::in_flight_request::InFlightRequest;
use super::request_summary::{RequestSummary, request_event};
use super::response_driver::ResponseProgress;

/// What the log of slow requests knows about a request in flight.
#[derive(Debug)]
pub(super) struct SlowLog {
    request: RequestSummary,
    after: Duration,
    begun: Instant,
    /// Whether the service was called.
    called: Arc<AtomicBool>,
    /// Whether the request was logged as slow.
    logged: AtomicBool,
    /// Whether the request was upgraded: how long it takes then is up to its two ends.
    upgraded: AtomicBool,
}

/// What a slow request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WaitsFor {
    Readiness,
    RequestBody,
    Handler,
    WebServer,
}

impl SlowLog {
    pub(super) fn new(request: RequestSummary, after: Duration) -> Self {
        let [logged, upgraded] = [false, false].map(AtomicBool::new);
        Self { request, after, begun: Instant::now(), called: Arc::default(), logged, upgraded }
    }

    /// The flag that the call of the service sets.
    pub(super) fn called_flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.called)
    }

    /// Logs that the request is slow.
    pub(super) fn log(&self, waits_for: WaitsFor) {
        self.logged.store(true, Ordering::Relaxed);
        request_event!(
            warn,
            &self.request,
            after = ?self.begun.elapsed(),
            %waits_for,
            "a request is slow"
        );
    }

    /// Notes that the request was upgraded: from now on it is not slow.
    pub(super) fn upgraded(&self) {
        self.upgraded.store(true, Ordering::Relaxed);
    }

    /// Logs that a slow request has ended. If its handler has blocked the thread, this is its first line.
    pub(super) fn ended(&self) {
        if self.upgraded.load(Ordering::Relaxed) {
            return;
        }
        let took = self.begun.elapsed();
        if self.logged.load(Ordering::Relaxed) || took >= self.after {
            request_event!(warn, &self.request, ?took, "a slow request has ended");
        }
    }
}

impl WaitsFor {
    /// `output_is_full`: the handler's body is not polled, because the web server has not read enough.
    pub(super) fn of(request: &InFlightRequest, progress: ResponseProgress, output_is_full: bool) -> Self {
        let called = request.slow_log.as_ref().is_none_or(|log| log.called.load(Ordering::Relaxed));
        if !called {
            Self::Readiness
        } else if output_is_full && matches!(progress, ResponseProgress::HeadSent(_)) {
            Self::WebServer
        } else if request.input.reader_is_waiting() {
            Self::RequestBody
        } else {
            Self::Handler
        }
    }
}

impl fmt::Display for WaitsFor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Readiness => "the service to be ready",
            Self::RequestBody => "the request's body",
            Self::Handler => "the handler",
            Self::WebServer => "the web server to read the response",
        })
    }
}
