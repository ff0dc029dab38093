//! The channel that hands requests to a connection.

use std::collections::VecDeque;
use std::panic::RefUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use tokio::sync::oneshot;
use tracing::Span;

use super::error::{Error, ErrorCause};
use super::guard::drop_request;
use super::probe::{Probe, ProbeOutcome};
use super::response_body::ResponseBody;
use super::state::State;

/// A request on its way to a connection.
pub(super) struct Envelope<B> {
    pub(super) request: Request<B>,
    pub(super) response: oneshot::Sender<ResponseResult<B>>,
    /// The current span at the call.
    pub(super) span: Span,
}

impl<B> Envelope<B> {
    /// Wraps a request, with the current span. Also returns the receiver of its response.
    pub(super) fn new(request: Request<B>) -> (Box<Self>, oneshot::Receiver<ResponseResult<B>>) {
        let (response, receiver) = oneshot::channel();
        (Box::new(Self { request, response, span: Span::current() }), receiver)
    }

    /// Returns a request that no connection has taken to its caller, with an error.
    pub(super) fn reject(self, kind: ErrorCause) {
        let failed = FailedRequest { error: kind.into(), request: Some(self.request), unsent: true };
        return_failed(self.response, failed, &self.span);
    }
}

pub(super) type ResponseResult<B> = Result<Response<ResponseBody>, Box<FailedRequest<B>>>;

/// A request that failed before its response head.
pub(super) struct FailedRequest<B> {
    pub(super) error: Error,
    /// The request, if its body was not polled and no byte of STDOUT was received: it may be sent again.
    pub(super) request: Option<Request<B>>,
    /// Whether no byte of the request was written.
    pub(super) unsent: bool,
}

/// Returns a failed request to its caller, or drops it if the caller is gone.
pub(super) fn return_failed<B>(
    caller: oneshot::Sender<ResponseResult<B>>,
    failed: FailedRequest<B>,
    span: &Span,
) {
    if let Err(Err(failed)) = caller.send(Err(Box::new(failed)))
        && let Some(request) = failed.request
    {
        drop_request(request, span);
    }
}

/// Receives a connection's notifications, for its pool.
pub(super) trait Observer: Send + Sync + RefUnwindSafe {
    /// The connection may accept another request.
    fn on_capacity(&self);
    /// The connection's probe has ended.
    fn on_probe(&self, outcome: ProbeOutcome);
    /// Whether a request waits for a worker that kept connections may occupy, so that a connection must not be kept.
    fn is_starved(&self) -> bool;
}

/// A channel of requests. Its capacity is one request, or more once the application has replied that it multiplexes.
///
/// The lock is held for a few instructions, and nothing is woken under it.
pub(super) struct RequestChannel<B> {
    shared: Mutex<QueueState<B>>,
    observer: Option<Arc<dyn Observer>>,
}

struct QueueState<B> {
    /// The state of the connection.
    state: State,
    /// Whether the connection accepts no requests for now.
    paused: bool,
    probe: Probe,
    /// The most reservations, as last negotiated. A later probe without a reply does not change it.
    capacity: u16,
    /// Reservations: requests that are announced, queued or in flight.
    reserved: u16,
    /// Requests that the connection has not taken yet, in order. Each has a reservation.
    queue: VecDeque<Box<Envelope<B>>>,
    sender_dropped: bool,
    sender: Option<Waker>,
    connection: Option<Waker>,
}

impl<B> RequestChannel<B> {
    pub(super) fn new(observer: Option<Arc<dyn Observer>>, probe: Probe) -> Arc<Self> {
        let shared = QueueState {
            state: State::Open,
            paused: false,
            probe,
            capacity: 1,
            reserved: 0,
            queue: VecDeque::new(),
            sender_dropped: false,
            sender: None,
            connection: None,
        };
        Arc::new(Self { shared: Mutex::new(shared), observer })
    }

    fn lock(&self) -> MutexGuard<'_, QueueState<B>> {
        // Nothing panics while it holds the lock.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For senders.
impl<B> RequestChannel<B> {
    /// Reserves room for a request that is [sent](Self::send_reserved) later.
    pub(super) fn poll_reserve(&self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        let mut shared = self.lock();
        if !shared.state.is_open() {
            return Poll::Ready(Err(ErrorCause::Closed.into()));
        }
        if !shared.has_room() {
            register(&mut shared.sender, cx);
            return Poll::Pending;
        }
        shared.reserved += 1;
        Poll::Ready(Ok(()))
    }

    /// Reserves room for a request that is [sent](Self::send_reserved) later. Returns whether there was room.
    pub(super) fn reserve(&self) -> bool {
        let mut shared = self.lock();
        let has_room = shared.has_room();
        if has_room {
            shared.reserved += 1;
        }
        has_room
    }

    /// Returns the number of reservations, or `None` without room for another. If the number is 0, also
    /// [reserves](Self::reserve) room.
    pub(super) fn reserve_if_idle(&self) -> Option<u16> {
        let mut shared = self.lock();
        let load = shared.reserved;
        if !shared.has_room() {
            return None;
        }
        if load == 0 {
            shared.reserved = 1;
        }
        Some(load)
    }

    /// Sends a request that has a reservation, or returns it if the connection accepts no more requests. A paused
    /// connection takes it later.
    pub(super) fn send_reserved(&self, envelope: Box<Envelope<B>>) -> Result<(), Box<Envelope<B>>> {
        let mut shared = self.lock();
        if !shared.state.is_open() {
            return Err(envelope);
        }
        shared.queue.push_back(envelope);
        wake(shared, |shared| &mut shared.connection);
        Ok(())
    }

    /// Sends a request, or returns it if there is no room.
    pub(super) fn send(&self, envelope: Box<Envelope<B>>) -> Result<(), Box<Envelope<B>>> {
        let mut shared = self.lock();
        if !shared.has_room() {
            return Err(envelope);
        }
        shared.reserved += 1;
        shared.queue.push_back(envelope);
        wake(shared, |shared| &mut shared.connection);
        Ok(())
    }

    /// Records that the sender was dropped: no more requests are sent.
    pub(super) fn drop_sender(&self) {
        let mut shared = self.lock();
        shared.sender_dropped = true;
        wake(shared, |shared| &mut shared.connection);
    }

    /// Whether there is room and no reservation.
    pub(super) fn is_idle(&self) -> bool {
        let shared = self.lock();
        shared.has_room() && shared.is_idle()
    }

    /// The number of reservations: none once the connection has ended.
    pub(super) fn load(&self) -> u16 {
        let shared = self.lock();
        if shared.state.is_closed() { 0 } else { shared.reserved }
    }

    /// Whether the connection accepts no more requests.
    pub(super) fn is_closed(&self) -> bool {
        !self.lock().state.is_open()
    }

    /// Closes the connection if it is idle.
    pub(super) fn close_if_idle(&self) {
        let mut shared = self.lock();
        if shared.has_room() && shared.is_idle() {
            shared.state = State::Draining;
            wake(shared, |shared| &mut shared.connection);
        }
    }

    /// Closes the connection, on which the caller has a reservation, unless another request has one. Returns whether it
    /// carries no request from now on.
    pub(super) fn close_if_alone(&self) -> bool {
        let mut shared = self.lock();
        if shared.state.is_open() && shared.reserved == 1 {
            shared.state = State::Draining;
            wake(shared, |shared| &mut shared.connection);
            return true;
        }
        shared.state.is_closed()
    }

    /// Whether the connection has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.lock().state.is_closed()
    }

    /// Requests an exclusive [probe](Probe), another one if one was sent before. Returns whether it will be sent.
    pub(super) fn want_exclusive_probe(&self) -> bool {
        let mut shared = self.lock();
        if !shared.state.is_open() {
            return false;
        }
        if shared.probe.want_exclusive() {
            wake(shared, |shared| &mut shared.connection);
        }
        true
    }

    /// Requests a [probe](Probe), unless there was one. Only for an application that is known to reply.
    pub(super) fn want_probe(&self) {
        let mut shared = self.lock();
        if shared.probe.want() {
            wake(shared, |shared| &mut shared.connection);
        }
    }
}

/// For the connection.
impl<B> RequestChannel<B> {
    /// Whether to send the probe now. If not, registers the connection's waker.
    pub(super) fn poll_probe(&self, cx: &Context<'_>) -> bool {
        let mut shared = self.lock();
        let idle = shared.is_idle();
        let send = shared.state.is_open() && shared.probe.poll_send(idle);
        if !send {
            register(&mut shared.connection, cx);
        }
        send
    }

    /// Takes the next request; `None` after the last one.
    pub(super) fn poll_recv(&self, cx: &Context<'_>) -> Poll<Option<Envelope<B>>> {
        let mut shared = self.lock();
        if let Some(envelope) = shared.queue.pop_front() {
            drop(shared);
            return Poll::Ready(Some(*envelope));
        }
        if shared.sender_dropped || !shared.state.is_open() {
            return Poll::Ready(None);
        }
        register(&mut shared.connection, cx);
        Poll::Pending
    }

    /// Whether the connection must not be kept, for the sake of another one.
    pub(super) fn is_starved(&self) -> bool {
        self.observer.as_ref().is_some_and(|observer| observer.is_starved())
    }

    /// Releases the reservation of a request that has ended.
    pub(super) fn release(&self) {
        let mut shared = self.lock();
        shared.reserved = shared.reserved.saturating_sub(1);
        self.notify(shared);
    }

    /// Pauses or resumes the channel.
    pub(super) fn set_paused(&self, paused: bool) {
        let mut shared = self.lock();
        if std::mem::replace(&mut shared.paused, paused) && !paused {
            self.notify(shared);
        }
    }

    /// Sets how many requests the application takes at once, by its reply to the probe or a rejection.
    pub(super) fn set_multiplexing(&self, capacity: u16) {
        let mut shared = self.lock();
        shared.probe.finish();
        shared.capacity = capacity;
        drop(shared);
        if let Some(observer) = &self.observer {
            observer.on_probe(ProbeOutcome::Replied { multiplexes: capacity > 1 });
        }
        self.notify(self.lock());
    }

    /// Ends a probe without a reply in time. Returns whether it was exclusive: then no request follows.
    pub(super) fn probe_timed_out(&self) -> bool {
        let mut shared = self.lock();
        let exclusive = shared.probe.finish();
        if exclusive {
            shared.state = State::Draining;
        }
        drop(shared);
        if let Some(observer) = &self.observer {
            observer.on_probe(ProbeOutcome::TimedOut);
        }
        exclusive
    }

    /// Accepts no more requests, and returns the queued ones to their callers. `state` is the new state of the connection:
    /// draining or closed.
    pub(super) fn close_with(&self, state: State) {
        let mut shared = self.lock();
        if shared.state.is_closed() || shared.state == state {
            return;
        }
        shared.state = state;
        let queue = std::mem::take(&mut shared.queue);
        if let Some(outcome) = shared.probe.close()
            && let Some(observer) = &self.observer
        {
            observer.on_probe(outcome);
        }
        self.notify(shared);
        for envelope in queue {
            envelope.reject(ErrorCause::Closed);
        }
    }

    /// Wakes a sender that waits for room, and notifies the pool.
    fn notify(&self, shared: MutexGuard<'_, QueueState<B>>) {
        wake(shared, |shared| &mut shared.sender);
        if let Some(observer) = &self.observer {
            observer.on_capacity();
        }
    }
}

impl<B> QueueState<B> {
    fn is_idle(&self) -> bool {
        self.reserved == 0
    }

    fn has_room(&self) -> bool {
        self.state.is_open()
            && !self.paused
            && self.reserved < self.capacity
            && !self.probe.blocks_requests(self.is_idle())
    }
}

fn register(waker: &mut Option<Waker>, cx: &Context<'_>) {
    match waker {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *waker = Some(cx.waker().clone()),
    }
}

fn wake<B>(mut shared: MutexGuard<'_, QueueState<B>>, which: fn(&mut QueueState<B>) -> &mut Option<Waker>) {
    let waker = which(&mut shared).take();
    drop(shared);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exclusive_probe_that_times_out_ends_the_room() {
        let channel = RequestChannel::<()>::new(None, Probe::Wanted { exclusive: true });
        assert!(channel.poll_probe(&Context::from_waker(Waker::noop())));
        assert!(!channel.reserve(), "it waits for the reply");
        assert!(channel.probe_timed_out());
        assert!(!channel.reserve() && channel.reserve_if_idle().is_none());
    }
}
