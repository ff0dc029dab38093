//! The requests in flight: one in the connection's own future, the others in tasks.

use std::pin::Pin;
use std::task::{Context, Waker};

use fcgi_core::RequestKey;
use fcgi_core::server::Connection;
use http::Response;
use http_body::Body;

use super::failure::{BoxError, Failure};
use super::handle::ConnectionHandle;
use super::in_flight_request::{Dispatched, DispatchedProj, InFlightRequest};
use super::oneshot::ServiceCall;
use super::request_summary::Summarize as _;
use super::response_driver::{ResponseDriver, ResponseProgress};
use super::response_writer::DirectWriter;
use super::tasks::RequestTasks;
use crate::body::BodyErrorKind;
use crate::cgi::ErrorBody;
use crate::progress::Progress;
use crate::stats::{Recorder, RequestState};

/// All requests in flight on a connection.
pub(super) struct InFlight<F, B> {
    /// The request that runs in the connection's own future. In a box, since an idle connection has none.
    inline: Option<Pin<Box<Dispatched<F, B>>>>,
    /// Made for the first request that needs a task.
    tasks: Option<Box<RequestTasks>>,
    /// Whether tasks are polled before the inline request.
    tasks_first: bool,
    recorder: Recorder,
}

/// Where a request runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placement {
    Inline,
    Task,
}

impl<F, B> InFlight<F, B> {
    pub(super) const fn new(recorder: Recorder) -> Self {
        Self { inline: None, tasks: None, tasks_first: false, recorder }
    }

    /// Counts what becomes of the requests.
    pub(super) const fn recorder(&mut self) -> &mut Recorder {
        &mut self.recorder
    }

    /// The bytes of bodies that handlers have not read.
    pub(super) fn unread_bytes(&self) -> u64 {
        self.requests().map(|request| request.input.unread() as u64).sum()
    }

    pub(super) fn find(&self, key: RequestKey) -> Option<&InFlightRequest> {
        match &self.inline {
            Some(running) if running.request.key == key => Some(&running.request),
            _ => self.tasks.as_ref()?.find(key),
        }
    }

    /// Counts the bytes of a request's body so far.
    pub(super) fn record_received(&self, key: RequestKey) {
        self.recorder.received_body(key, || self.find(key).map_or(0, |request| request.input.received()));
    }

    /// Fails the bodies of all requests in flight.
    pub(super) fn fail_bodies(&self, kind: BodyErrorKind) {
        for request in self.requests() {
            request.input.fail(kind);
        }
    }

    /// Ends the client's direction of an upgraded request.
    pub(super) fn end_upgrade(&self, key: RequestKey) {
        if let Some(request) = self.find(key) {
            request.input.end_upgrade();
        }
    }

    /// Releases the capacity that the handlers have freed. [`Blocked`](Progress::Blocked) if there is none: `waker` is then
    /// registered for the next change.
    pub(super) fn release_capacity(&self, protocol: &mut Connection, waker: &Waker) -> Progress {
        let released: usize =
            self.requests().map(|request| request.input.release_capacity(protocol, request.key, waker)).sum();
        if released > 0 { Progress::Made } else { Progress::Blocked }
    }

    /// Frees memory that an idle connection does not need. No task has a request then.
    pub(super) fn shrink(&mut self) {
        self.tasks = None;
    }

    pub(super) fn requests(&self) -> impl Iterator<Item = &InFlightRequest> {
        let inline = self.inline.iter().map(|running| &running.request);
        inline.chain(self.tasks.iter().flat_map(|tasks| tasks.requests()))
    }
}

impl<F, B> InFlight<F, B>
where
    F: ServiceCall<Output = Result<Response<B>, Failure>>,
    B: Body<Error: Into<BoxError>>,
{
    /// How much of a request's response was given to the protocol.
    pub(super) fn progress(&self, key: RequestKey) -> ResponseProgress {
        let progress = match &self.inline {
            Some(running) if running.request.key == key => Some(running.response.progress()),
            _ => self.tasks.as_ref().and_then(|tasks| tasks.progress(key)),
        };
        progress.unwrap_or(ResponseProgress::NotStarted(ErrorBody::None))
    }

    /// Runs a request: inline if nothing else does, else in a task.
    #[inline(always)]
    pub(super) fn start(
        &mut self,
        request: InFlightRequest,
        response: impl FnOnce() -> ResponseDriver<F, B>,
        connection: &ConnectionHandle,
    ) -> Placement
    where
        F: Send + 'static,
        B: Body<Data: Send> + Send + 'static,
    {
        if self.inline.is_none() {
            // Allocates before it makes the response, so that the compiler makes it in its place: it is large to move.
            let place = Box::new_uninit();
            let dispatched = Box::write(place, Dispatched { request, response: response() });
            self.inline = Some(Box::into_pin(dispatched));
            Placement::Inline
        } else {
            let summary = request.summary_parts(connection).summary();
            let tasks = self.tasks.get_or_insert_with(|| Box::new(RequestTasks::new()));
            tasks.spawn(request, response(), summary);
            Placement::Task
        }
    }

    /// Polls all responses while the output has fewer than `limit` bytes.
    #[inline]
    pub(super) fn poll(
        &mut self,
        protocol: &mut Connection,
        limit: usize,
        connection: &ConnectionHandle,
        cx: &mut Context<'_>,
    ) {
        // Alternate which is polled first: otherwise a response that is always ready would leave no room for the others.
        let had_room = protocol.output_len() < limit;
        let tasks_first = self.tasks_first;
        if tasks_first && self.tasks.is_some() {
            self.poll_tasks(protocol, limit, connection, cx);
        }
        self.poll_inline(protocol, limit, connection, cx);
        if !tasks_first && self.tasks.is_some() {
            self.poll_tasks(protocol, limit, connection, cx);
        }
        self.tasks_first ^= had_room;
    }

    /// Polls the response of the inline request.
    pub(super) fn poll_inline(
        &mut self,
        protocol: &mut Connection,
        limit: usize,
        connection: &ConnectionHandle,
        cx: &mut Context<'_>,
    ) {
        let Some(running) = &mut self.inline else { return };
        let DispatchedProj { request, mut response } = running.as_mut().project();
        let summary = request.summary_parts(connection);
        let mut writer = DirectWriter::new(protocol, request.key, limit, &summary);
        let polled = request.span.in_scope(|| response.as_mut().poll(cx, &mut writer));
        let (key, report) = (request.key, writer.into_report());
        if let Some(slow_log) = &request.slow_log
            && report.is_upgraded()
        {
            slow_log.upgraded();
        }
        if polled.is_ready() {
            request.input.fail(BodyErrorKind::RequestEnded);
            self.inline = None;
            self.recorder.ended(key, &report);
        } else {
            self.recorder.polled(key, &report, response.request_state());
        }
    }

    /// Moves the output of the tasks into the protocol.
    fn poll_tasks(
        &mut self,
        protocol: &mut Connection,
        limit: usize,
        connection: &ConnectionHandle,
        cx: &mut Context<'_>,
    ) {
        let Some(tasks) = &mut self.tasks else { return };
        while protocol.output_len() < limit {
            let Some((key, output)) = tasks.poll_output(cx) else { return };
            let Some(request) = tasks.find(key) else { continue };
            let summary = request.summary_parts(connection);
            let mut writer = DirectWriter::new(protocol, key, limit, &summary);
            output.drain_into(&mut writer);
            let report = writer.into_report();
            if !protocol.is_writable(key)
                && let Some(request) = tasks.remove(key)
            {
                request.input.fail(BodyErrorKind::RequestEnded);
                self.recorder.ended(key, &report);
            } else {
                // Error text after the head changes nothing.
                let state = match tasks.progress(key) {
                    Some(ResponseProgress::HeadSent(_)) => RequestState::Response,
                    _ => RequestState::Handler,
                };
                self.recorder.polled(key, &report, state);
            }
        }
    }

    /// Drops the handler of a request, wherever it runs, and fails its body.
    pub(super) fn cancel(
        &mut self,
        key: RequestKey,
        kind: BodyErrorKind,
        protocol: &mut Connection,
        limit: usize,
        connection: &ConnectionHandle,
    ) {
        match &mut self.inline {
            Some(running) if running.request.key == key => {
                let DispatchedProj { request, response } = running.as_mut().project();
                request.input.fail(kind);
                let summary = request.summary_parts(connection);
                let mut writer = DirectWriter::new(protocol, key, limit, &summary);
                request.span.in_scope(|| response.discard(&mut writer));
                self.recorder.cancelled(&writer.into_report());
                self.inline = None;
            }
            _ => {
                if let Some(request) = self.tasks.as_mut().and_then(|tasks| tasks.remove(key)) {
                    request.input.fail(kind);
                }
            }
        }
    }

    /// Cancels all handlers: the peer is gone.
    pub(super) fn cancel_all(
        &mut self,
        kind: BodyErrorKind,
        protocol: &mut Connection,
        limit: usize,
        connection: &ConnectionHandle,
    ) {
        self.fail_bodies(kind);
        if let Some(key) = self.inline.as_ref().map(|running| running.request.key) {
            self.cancel(key, kind, protocol, limit, connection);
        }
        self.shrink();
    }
}
