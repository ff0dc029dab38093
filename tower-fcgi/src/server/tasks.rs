//! The requests that run in tasks of their own, because they share a connection with another request.

use std::collections::BTreeMap;
use std::pin::pin;
use std::task::{Context, Poll};

use fcgi_core::RequestKey;
use http::Response;
use http_body::Body;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tracing::Instrument as _;

use super::failure::{BoxError, Failure};
use super::in_flight_request::InFlightRequest;
use super::oneshot::ServiceCall;
use super::request_summary::RequestSummary;
use super::response_driver::{ResponseDriver, ResponseProgress};
use super::response_writer::{BufferedOutput, BufferedWriter};

/// The requests of a connection that run in tasks. Dropping it aborts the tasks.
#[derive(Debug)]
pub(super) struct RequestTasks {
    tasks: BTreeMap<RequestKey, RequestTask>,
    output: mpsc::Receiver<(RequestKey, BufferedOutput)>,
    sender: mpsc::Sender<(RequestKey, BufferedOutput)>,
}

#[derive(Debug)]
struct RequestTask {
    request: InFlightRequest,
    abort: AbortHandle,
    progress: ResponseProgress,
}

/// Buffers in the channel to the connection. Further senders wait, in order: so a large response does not starve small ones.
const CHANNEL_CAPACITY: usize = 16;

impl RequestTasks {
    pub(super) fn new() -> Self {
        let (sender, output) = mpsc::channel(CHANNEL_CAPACITY);
        Self { tasks: BTreeMap::new(), output, sender }
    }

    /// Runs a request in a task.
    #[inline(never)]
    pub(super) fn spawn<F, B>(
        &mut self,
        request: InFlightRequest,
        response: ResponseDriver<F, B>,
        summary: RequestSummary,
    ) where
        F: ServiceCall<Output = Result<Response<B>, Failure>> + Send + 'static,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let progress = response.progress();
        let key = request.key;
        let span = request.span.clone();
        let task = tokio::spawn(run(key, summary, response, self.sender.clone()).instrument(span));
        self.tasks.insert(key, RequestTask { request, abort: task.abort_handle(), progress });
    }

    /// Returns the next part of a response of a tracked request. `None`: the waker is registered.
    pub(super) fn poll_output(&mut self, cx: &mut Context<'_>) -> Option<(RequestKey, BufferedOutput)> {
        loop {
            // The channel never closes: `self` holds a sender.
            let Poll::Ready(Some((key, output))) = self.output.poll_recv(cx) else { return None };
            if let Some(task) = self.tasks.get_mut(&key) {
                if output.has_response() {
                    task.progress = ResponseProgress::HeadSent(task.progress.error_body());
                }
                return Some((key, output));
            }
            // Drop it: the request was cancelled while this was in the channel.
        }
    }

    pub(super) fn requests(&self) -> impl Iterator<Item = &InFlightRequest> {
        self.tasks.values().map(|task| &task.request)
    }

    pub(super) fn find(&self, key: RequestKey) -> Option<&InFlightRequest> {
        self.tasks.get(&key).map(|task| &task.request)
    }

    /// How much of a request's response was received from its task.
    pub(super) fn progress(&self, key: RequestKey) -> Option<ResponseProgress> {
        self.tasks.get(&key).map(|task| task.progress)
    }

    /// Stops tracking the request and aborts its task.
    pub(super) fn remove(&mut self, key: RequestKey) -> Option<InFlightRequest> {
        let task = self.tasks.remove(&key)?;
        task.abort.abort();
        Some(task.request)
    }
}

impl Drop for RequestTasks {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.abort.abort();
        }
    }
}

async fn run<F, B>(
    key: RequestKey,
    summary: RequestSummary,
    response: ResponseDriver<F, B>,
    connection: mpsc::Sender<(RequestKey, BufferedOutput)>,
) where
    F: ServiceCall<Output = Result<Response<B>, Failure>>,
    B: Body<Error: Into<BoxError>>,
{
    let mut response = pin!(response);
    while !response.is_done() {
        let mut output = BufferedWriter::new(&summary);
        let ready = std::future::poll_fn(|cx| {
            let polled = response.as_mut().poll(cx, &mut output);
            if polled.is_ready() || !output.is_empty() {
                // Send everything that is ready at once in one buffer.
                Poll::Ready(output.take())
            } else {
                Poll::Pending
            }
        });
        let output = ready.await;
        if connection.send((key, output)).await.is_err() {
            // The connection is gone.
            return;
        }
    }
}
