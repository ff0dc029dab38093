//! The task that receives a response for a client that does not read it at once.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use http_body::Frame;
use tokio::time::{Instant, Sleep, sleep_until};

use super::buffering::Buffering;
use super::channel::{ClientState, Interest, ResponseChannel, ResponseEnd};
use super::overflow::Overflow;
use crate::gateway::body::log_incomplete;
use crate::request_log::{RequestLog, request_event};

/// Moves a response from the application to the channel, and what the channel does not take to the overflow.
pub(super) struct Drain {
    source: Source,
    trailers: Option<HeaderMap>,
    channel: Arc<ResponseChannel>,
    overflow: Overflow,
    memory: usize,
    send_timeout: Option<Duration>,
    timer: Option<Pin<Box<Sleep>>>,
    /// The end of the application's time, for when there is no room for more of its response.
    expiry: Option<Pin<Box<Sleep>>>,
}

/// The application's side.
enum Source {
    Open(Body),
    /// It has ended. The channel has to end after the overflow.
    Ended(ResponseEnd),
    /// The channel has ended, too.
    Done,
}

enum Event {
    Frame(Frame<Bytes>),
    End(Option<axum::Error>),
    /// The application has taken too long for the whole response.
    Expired,
    /// The client has read enough to get more from the overflow.
    ClientReads,
    /// The client has read nothing for too long.
    Stalled,
    /// The client has the whole response, or is gone.
    Finished,
}

/// The client read nothing of the response in time.
#[derive(Debug, thiserror::Error)]
#[error("the client read nothing of the response in time")]
struct SendTimeout;

/// The application took too long for the whole response.
#[derive(Debug, thiserror::Error)]
#[error("the whole response took too long")]
struct ResponseTimeout;

impl Drain {
    pub(super) fn new(
        body: Body,
        channel: Arc<ResponseChannel>,
        buffering: &Buffering,
        deadline: Option<Instant>,
        request: RequestLog,
    ) -> Self {
        Self {
            source: Source::Open(body),
            trailers: None,
            channel,
            overflow: Overflow::new(buffering, request),
            memory: buffering.response_memory,
            send_timeout: buffering.send_timeout,
            timer: None,
            expiry: deadline.map(|deadline| Box::pin(sleep_until(deadline))),
        }
    }

    /// Runs until the client has the whole response or is gone.
    pub(super) async fn run(mut self) {
        loop {
            match poll_fn(|cx| self.poll_event(cx)).await {
                Event::Frame(frame) => match frame.into_data() {
                    Ok(data) => self.store(data).await,
                    Err(frame) => self.trailers = frame.into_trailers().ok(),
                },
                Event::End(error) => {
                    let trailers = self.trailers.take();
                    // Drops the body.
                    self.source =
                        Source::Ended(error.map_or(ResponseEnd::Clean(trailers), ResponseEnd::Failed));
                }
                Event::Expired => self.expire(),
                Event::ClientReads => match self.overflow.pop().await {
                    Ok(None) => {}
                    // The client has read enough, so there is room.
                    Ok(Some(chunk)) => self.channel.send(chunk),
                    Err(error) => {
                        let source = &error as &(dyn std::error::Error + 'static);
                        request_event!(
                            error,
                            self.overflow.request(),
                            error = source,
                            "a buffered response is incomplete"
                        );
                        self.channel.fail(axum::Error::new(error));
                        return;
                    }
                },
                Event::Stalled => {
                    request_event!(
                        debug,
                        self.overflow.request(),
                        "the client read nothing of the response in time"
                    );
                    self.channel.fail(axum::Error::new(SendTimeout));
                    return;
                }
                Event::Finished => return,
            }
            if self.overflow.is_empty() {
                self.end();
            }
        }
    }

    /// Keeps a chunk: for the client if it is the next one, else in the overflow.
    async fn store(&mut self, chunk: Bytes) {
        let chunk =
            if self.overflow.is_empty() { self.channel.try_send(chunk, self.memory) } else { Err(chunk) };
        if let Err(chunk) = chunk {
            self.overflow.push(chunk).await;
        }
    }

    /// Drops the body. What was received of it still goes to the client.
    fn expire(&mut self) {
        log_incomplete(&ResponseTimeout, self.overflow.request());
        self.source = Source::Ended(ResponseEnd::Failed(axum::Error::new(ResponseTimeout)));
    }

    /// Ends the channel if the application's side has ended.
    fn end(&mut self) {
        if let Source::Ended(_) = &self.source
            && let Source::Ended(end) = std::mem::replace(&mut self.source, Source::Done)
        {
            self.channel.end(end);
        }
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let interest = match self.source {
            Source::Done => Interest::Level(0),
            _ if self.overflow.is_empty() => Interest::Close,
            _ => Interest::Level(self.memory / 2),
        };
        let unread_since = match self.channel.poll_client(interest, cx) {
            ClientState::Gone => return Poll::Ready(Event::Finished),
            ClientState::Level if matches!(self.source, Source::Done) => return Poll::Ready(Event::Finished),
            ClientState::Level => return Poll::Ready(Event::ClientReads),
            ClientState::Unread(since) => Some(since),
            ClientState::Waiting => None,
        };
        if let Source::Open(body) = &mut self.source {
            if self.overflow.has_room() {
                // It has the same deadline.
                if let Poll::Ready(frame) = http_body::Body::poll_frame(Pin::new(body), cx) {
                    return Poll::Ready(match frame.transpose() {
                        Ok(Some(frame)) => Event::Frame(frame),
                        Ok(None) => Event::End(None),
                        Err(error) => Event::End(Some(error)),
                    });
                }
            } else if let Some(expiry) = &mut self.expiry
                && expiry.as_mut().poll(cx).is_ready()
            {
                return Poll::Ready(Event::Expired);
            }
        }
        ready!(self.poll_stalled(unread_since, cx));
        Poll::Ready(Event::Stalled)
    }

    fn poll_stalled(&mut self, unread_since: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        let deadline =
            unread_since.zip(self.send_timeout).and_then(|(since, limit)| since.checked_add(limit));
        let Some(deadline) = deadline else { return Poll::Pending };
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx)
    }
}
