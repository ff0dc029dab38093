//! Where requests are handed from their sender to the connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use tokio::sync::oneshot;
use tracing::Span;

use super::error::{Error, ErrorKind};
use super::guard::drop_caught;
use super::pool::capacity::{PoolCapacity, ProbeFailure};
use super::response_body::ResponseBody;

/// A request, and where its answer goes.
pub(super) struct Envelope<B> {
    pub(super) request: Request<B>,
    pub(super) response: oneshot::Sender<ResponseSender<B>>,
    /// Where it was called from.
    pub(super) span: Span,
}

impl<B> Envelope<B> {
    /// A request of the caller whose code runs now.
    pub(super) fn new(request: Request<B>) -> (Box<Self>, oneshot::Receiver<ResponseSender<B>>) {
        let (answer, receiver) = oneshot::channel();
        (Box::new(Self { request, response: answer, span: Span::current() }), receiver)
    }
}

pub(super) type ResponseSender<B> = Result<Response<ResponseBody>, Box<FailedRequest<B>>>;

/// A request without an answer.
pub(super) struct FailedRequest<B> {
    pub(super) error: Error,
    /// The request, where nothing of its body was taken and nothing of an answer came.
    pub(super) request: Option<Request<B>>,
    /// Not a byte of it was written.
    pub(super) unsent: bool,
}

impl<B> FailedRequest<B> {
    /// Of a request that no connection has taken.
    pub(super) fn unsent(request: Request<B>, kind: ErrorKind) -> Box<Self> {
        Box::new(Self { error: kind.into(), request: Some(request), unsent: true })
    }
}

/// Places for requests: one, and more once the application has said that it takes them.
///
/// The lock is held for a few instructions, and nothing is woken under it.
pub(super) struct RequestChannel<B> {
    shared: Mutex<ChannelState<B>>,
    /// Of the pool that the connection belongs to.
    room: Option<Arc<PoolCapacity>>,
}

struct ChannelState<B> {
    state: State,
    /// Requests that wait for the connection, in order. They are among those `taken`.
    waiting: VecDeque<Box<Envelope<B>>>,
    capacity: u16,
    /// Places that a request has, from when it was put in until it has ended.
    reserved: u16,
    question: Question,
    /// Nobody will put a request in any more.
    sender_gone: bool,
    sender: Option<Waker>,
    connection: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// For now the connection takes no request.
    Paused,
    /// The connection takes no more, and ends once those that are under way have.
    Ending,
    /// The connection has ended.
    Closed,
}

/// Whether the application is to be asked how many requests it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    No,
    /// Once nothing is under way, and then no request is to be taken before the answer: it may never come.
    Alone,
    /// At once.
    Beside,
    /// It was asked, and has not answered.
    Asked,
    /// It has answered, or does not do so in time.
    Over,
}

impl<B> RequestChannel<B> {
    pub(super) fn new(room: Option<Arc<PoolCapacity>>, question: Question) -> Arc<Self> {
        let shared = ChannelState {
            // Whoever puts the first request in must not be before the question.
            state: if question == Question::Alone { State::Paused } else { State::Open },
            waiting: VecDeque::new(),
            capacity: 1,
            reserved: 0,
            question,
            sender_gone: false,
            sender: None,
            connection: None,
        };
        Arc::new(Self { shared: Mutex::new(shared), room })
    }

    /// For the sender: takes a place, for a request that is [put in](Self::send_reserved) later.
    pub(super) fn poll_reserve(&self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        let mut shared = self.lock();
        match shared.state {
            State::Open if shared.is_free() => {
                shared.reserved += 1;
                Poll::Ready(Ok(()))
            }
            State::Ending | State::Closed => Poll::Ready(Err(ErrorKind::Closed.into())),
            State::Open | State::Paused => {
                shared.sender = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// For a pool: how many requests there are, if one more may be put in. Where there are none, a place is
    /// [taken](Self::reserve).
    pub(super) fn reserve_if_idle(&self) -> Option<u16> {
        let mut shared = self.lock();
        let load = shared.reserved;
        if !shared.is_free() {
            return None;
        }
        if load == 0 {
            shared.reserved = 1;
        }
        Some(load)
    }

    /// For a pool: whether nothing is under way, and a request may be put in.
    pub(super) fn is_idle(&self) -> bool {
        let shared = self.lock();
        shared.is_free() && shared.reserved == 0
    }

    /// For a pool: takes a place, for a request that is [put in](Self::send_reserved) later.
    pub(super) fn reserve(&self) -> bool {
        let mut shared = self.lock();
        let free = shared.is_free();
        if free {
            shared.reserved += 1;
        }
        free
    }

    /// Puts a request in that has a place, or gives it back if the connection takes none any more. One that is paused by now
    /// takes it later.
    pub(super) fn send_reserved(&self, call: Box<Envelope<B>>) -> Result<(), Box<Envelope<B>>> {
        let mut shared = self.lock();
        if matches!(shared.state, State::Ending | State::Closed) {
            return Err(call);
        }
        shared.waiting.push_back(call);
        wake(shared, |shared| &mut shared.connection);
        Ok(())
    }

    /// For the sender: puts a request in, or gives it back.
    pub(super) fn send(&self, call: Box<Envelope<B>>) -> Result<(), Box<Envelope<B>>> {
        let mut shared = self.lock();
        if !shared.is_free() {
            return Err(call);
        }
        shared.reserved += 1;
        shared.waiting.push_back(call);
        wake(shared, |shared| &mut shared.connection);
        Ok(())
    }

    /// For the sender: it is gone.
    pub(super) fn forget_sender(&self) {
        let mut shared = self.lock();
        shared.sender_gone = true;
        wake(shared, |shared| &mut shared.connection);
    }

    /// For the sender: whether the connection takes no more.
    pub(super) fn is_closed(&self) -> bool {
        matches!(self.lock().state, State::Ending | State::Closed)
    }

    /// For a pool: whether the connection has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.lock().state == State::Closed
    }

    /// For a pool that does not know the application: that has to be asked how many requests it takes, over this connection, again
    /// if it was asked before. Whether it will be.
    pub(super) fn ask_alone(&self) -> bool {
        let mut shared = self.lock();
        if matches!(shared.state, State::Ending | State::Closed) {
            return false;
        }
        if matches!(shared.question, Question::No | Question::Over) {
            shared.question = Question::Alone;
            wake(shared, |shared| &mut shared.connection);
        }
        true
    }

    /// For a pool that knows that the application takes several requests: that is asked how many it takes on this connection,
    /// unless it was.
    pub(super) fn ask_beside(&self) {
        let mut shared = self.lock();
        if matches!(shared.question, Question::No | Question::Alone) {
            shared.question = Question::Beside;
            wake(shared, |shared| &mut shared.connection);
        }
    }

    /// For the connection: whether it is to ask now. It is woken when it is.
    pub(super) fn take_question(&self, cx: &Context<'_>) -> Option<Question> {
        let mut shared = self.lock();
        let question = shared.question;
        if matches!(shared.state, State::Ending | State::Closed) {
            return None;
        }
        match question {
            Question::Beside => {}
            Question::Alone if shared.reserved == 0 => shared.state = State::Paused,
            Question::No | Question::Alone | Question::Asked | Question::Over => {
                shared.connection = Some(cx.waker().clone());
                return None;
            }
        }
        shared.question = Question::Asked;
        Some(question)
    }

    /// For the connection: the next request; `None` if there will be none.
    pub(super) fn poll_recv(&self, cx: &Context<'_>) -> Poll<Option<Envelope<B>>> {
        let mut shared = self.lock();
        if let Some(call) = shared.waiting.pop_front() {
            drop(shared);
            return Poll::Ready(Some(*call));
        }
        if shared.sender_gone || matches!(shared.state, State::Ending | State::Closed) {
            return Poll::Ready(None);
        }
        shared.connection = Some(cx.waker().clone());
        Poll::Pending
    }

    /// For the connection: a request that it has taken has ended, and its place is free.
    pub(super) fn ended(&self) {
        let mut shared = self.lock();
        shared.reserved = shared.reserved.saturating_sub(1);
        if shared.is_to_ask_alone() && shared.state == State::Open {
            // Nobody is to be before the question.
            shared.state = State::Paused;
        }
        self.notify(shared);
    }

    /// For the connection: so many requests may be under way at once.
    pub(super) fn set_capacity(&self, places: u16) {
        let mut shared = self.lock();
        shared.capacity = places;
        self.notify(shared);
    }

    /// For the connection: whether it takes no request for now.
    pub(super) fn pause(&self, paused: bool) {
        let mut shared = self.lock();
        match (shared.state, paused) {
            (State::Open, true) => shared.state = State::Paused,
            (State::Paused, false) if !shared.is_to_ask_alone() => {
                shared.state = State::Open;
                self.notify(shared);
            }
            _ => {}
        }
    }

    /// For the connection: it takes no more, and ends with those that it has. Requests that it has not taken are given back.
    pub(super) fn end(&self) {
        self.detach_connection(State::Ending);
    }

    /// For the connection: it has ended. Requests that it has not taken are given back.
    pub(super) fn close_with(&self) {
        self.detach_connection(State::Closed);
    }

    fn detach_connection(&self, state: State) {
        let mut shared = self.lock();
        if shared.state == State::Closed || shared.state == state {
            return;
        }
        shared.state = state;
        let waiting = std::mem::take(&mut shared.waiting);
        let question = std::mem::replace(&mut shared.question, Question::Over);
        if let Some(room) = &self.room {
            match question {
                Question::Alone | Question::Beside => room.was_not_asked(),
                Question::Asked => room.unheard(ProbeFailure::Unreachable),
                Question::No | Question::Over => {}
            }
        }
        self.notify(shared);
        for call in waiting {
            // An error means that nobody waits for it.
            drop_caught(call.response.send(Err(FailedRequest::unsent(call.request, ErrorKind::Closed))));
        }
    }

    /// For the connection: whether the application takes several requests, as it has said.
    pub(super) fn set_multiplexing(&self, several: bool) {
        self.lock().question = Question::Over;
        if let Some(room) = &self.room {
            room.learn(several);
        }
    }

    /// For the connection: the application has not answered in time.
    pub(super) fn no_answer(&self) {
        self.lock().question = Question::Over;
        if let Some(room) = &self.room {
            room.unheard(ProbeFailure::Silent);
        }
    }

    /// Wakes who waits for a place.
    fn notify(&self, shared: MutexGuard<'_, ChannelState<B>>) {
        wake(shared, |shared| &mut shared.sender);
        if let Some(room) = &self.room {
            room.free();
        }
    }

    fn lock(&self) -> MutexGuard<'_, ChannelState<B>> {
        // Nothing in here panics while it holds the lock, and each change is whole.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B> ChannelState<B> {
    fn is_free(&self) -> bool {
        self.state == State::Open && self.reserved < self.capacity
    }

    fn is_to_ask_alone(&self) -> bool {
        self.question == Question::Alone && self.reserved == 0
    }
}

fn wake<B>(
    mut shared: MutexGuard<'_, ChannelState<B>>,
    which: fn(&mut ChannelState<B>) -> &mut Option<Waker>,
) {
    let waker = which(&mut shared).take();
    drop(shared);
    if let Some(waker) = waker {
        waker.wake();
    }
}
