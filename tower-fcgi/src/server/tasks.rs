//! Exchanges in tasks of their own: the requests that share a connection with another one.

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
use super::in_flight::InFlightRequest;
use super::response_driver::{ResponseDriver, ResponseProgress};
use super::response_writer::BufferedWriter;

/// The spawned exchanges of one connection. Dropping it drops them.
#[derive(Debug)]
pub(super) struct RequestTasks {
    tasks: BTreeMap<RequestKey, RequestTask>,
    batches: mpsc::Receiver<(RequestKey, BufferedWriter)>,
    sender: mpsc::Sender<(RequestKey, BufferedWriter)>,
}

#[derive(Debug)]
struct RequestTask {
    running: InFlightRequest,
    abort: AbortHandle,
    out: ResponseProgress,
}

/// Batches on their way to the connection. Senders beyond that wait, and are served in the order in which
/// they came: a large answer does not starve the small ones beside it.
const CHANNEL_CAPACITY: usize = 16;

impl RequestTasks {
    pub(super) fn new() -> Self {
        let (sender, batches) = mpsc::channel(CHANNEL_CAPACITY);
        Self { tasks: BTreeMap::new(), batches, sender }
    }

    /// Runs `exchange` in a task.
    pub(super) fn spawn<F, B>(&mut self, running: InFlightRequest, exchange: ResponseDriver<F, B>)
    where
        F: Future<Output = Result<Response<B>, Failure>> + Send + 'static,
        B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
    {
        let out = exchange.progress();
        let key = running.key;
        let span = running.span.clone();
        let task = tokio::spawn(run(key, exchange, self.sender.clone()).instrument(span));
        self.tasks.insert(key, RequestTask { running, abort: task.abort_handle(), out });
    }

    /// The next piece of an answer, of a request that is still wanted.
    pub(super) fn poll_output(&mut self, cx: &mut Context<'_>) -> Poll<(RequestKey, BufferedWriter)> {
        loop {
            // The channel never closes: `self` holds a sender.
            let Poll::Ready(Some((key, batch))) = self.batches.poll_recv(cx) else { return Poll::Pending };
            if let Some(task) = self.tasks.get_mut(&key) {
                task.out = ResponseProgress::HeadSent(task.out.error_body());
                return Poll::Ready((key, batch));
            }
            // The request was given up, but its task had this under way.
        }
    }

    pub(super) fn running(&self) -> impl Iterator<Item = &InFlightRequest> + Clone {
        self.tasks.values().map(|task| &task.running)
    }

    pub(super) fn find(&self, key: RequestKey) -> Option<&InFlightRequest> {
        self.tasks.get(&key).map(|task| &task.running)
    }

    /// How much of a request's answer is out.
    pub(super) fn out(&self, key: RequestKey) -> Option<ResponseProgress> {
        self.tasks.get(&key).map(|task| task.out)
    }

    /// The request is over: from now on its task is none of ours, and if it still runs it is ended at its
    /// next await.
    pub(super) fn remove(&mut self, key: RequestKey) -> Option<InFlightRequest> {
        let task = self.tasks.remove(&key)?;
        task.abort.abort();
        Some(task.running)
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
    exchange: ResponseDriver<F, B>,
    connection: mpsc::Sender<(RequestKey, BufferedWriter)>,
) where
    F: Future<Output = Result<Response<B>, Failure>>,
    B: Body<Error: Into<BoxError>>,
{
    let mut exchange = pin!(exchange);
    while !exchange.is_done() {
        let mut batch = BufferedWriter::default();
        let ready = std::future::poll_fn(|cx| {
            let polled = exchange.as_mut().poll(cx, &mut batch);
            if polled.is_ready() || !batch.is_empty() {
                // What is ready together travels together.
                Poll::Ready(std::mem::take(&mut batch))
            } else {
                Poll::Pending
            }
        });
        let batch = ready.await;
        if connection.send((key, batch)).await.is_err() {
            // The connection is gone, and so is whoever wanted this.
            return;
        }
    }
}
