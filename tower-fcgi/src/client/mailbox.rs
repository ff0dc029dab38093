//! Where a request is handed from its sender to the connection.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use http::{Request, Response};
use tokio::sync::oneshot;

use super::body::ResponseBody;
use super::error::{Error, Kind};

/// A request, and where its answer goes.
pub(super) struct Call<B> {
    pub(super) request: Request<B>,
    pub(super) answer: oneshot::Sender<Answer<B>>,
}

pub(super) type Answer<B> = Result<Response<ResponseBody>, Box<Unanswered<B>>>;

/// A request without an answer.
pub(super) struct Unanswered<B> {
    pub(super) error: Error,
    /// The request, where nothing of its body was taken and nothing of an answer came.
    pub(super) request: Option<Request<B>>,
    /// Not a byte of it was written.
    pub(super) unsent: bool,
}

impl<B> Unanswered<B> {
    /// Of a request that no connection has taken.
    pub(super) fn unsent(request: Request<B>, kind: Kind) -> Box<Self> {
        Box::new(Self { error: kind.into(), request: Some(request), unsent: true })
    }
}

/// A place for one request.
///
/// The lock is held for a few instructions, and nothing is woken under it.
pub(super) struct Mailbox<B> {
    shared: Mutex<Shared<B>>,
}

struct Shared<B> {
    slot: Slot<B>,
    /// Nobody will put a request in any more.
    sender_gone: bool,
    sender: Option<Waker>,
    connection: Option<Waker>,
}

enum Slot<B> {
    /// A request may be put in.
    Ready,
    /// It waits for the connection.
    Full(Box<Call<B>>),
    /// The connection has one under way.
    Busy,
    /// The connection takes no more.
    Closed,
}

impl<B> Mailbox<B> {
    pub(super) fn new() -> Arc<Self> {
        let shared = Shared { slot: Slot::Ready, sender_gone: false, sender: None, connection: None };
        Arc::new(Self { shared: Mutex::new(shared) })
    }

    /// For the sender: whether a request may be put in.
    pub(super) fn poll_ready(&self, cx: &Context<'_>) -> Poll<Result<(), Error>> {
        let mut shared = self.lock();
        match shared.slot {
            Slot::Ready => Poll::Ready(Ok(())),
            Slot::Closed => Poll::Ready(Err(Kind::Closed.into())),
            Slot::Full(_) | Slot::Busy => {
                shared.sender = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    /// For the sender: puts a request in, or gives it back.
    pub(super) fn put(&self, call: Box<Call<B>>) -> Result<(), Box<Call<B>>> {
        let mut shared = self.lock();
        if !matches!(shared.slot, Slot::Ready) {
            return Err(call);
        }
        shared.slot = Slot::Full(call);
        wake(shared, |shared| &mut shared.connection);
        Ok(())
    }

    /// For the sender: it is gone.
    pub(super) fn forget_sender(&self) {
        let mut shared = self.lock();
        shared.sender_gone = true;
        wake(shared, |shared| &mut shared.connection);
    }

    pub(super) fn is_closed(&self) -> bool {
        matches!(self.lock().slot, Slot::Closed)
    }

    /// For the connection: the next request; `None` if there will be none.
    pub(super) fn poll_take(&self, cx: &Context<'_>) -> Poll<Option<Call<B>>> {
        let mut shared = self.lock();
        match std::mem::replace(&mut shared.slot, Slot::Busy) {
            Slot::Full(call) => return Poll::Ready(Some(*call)),
            slot => shared.slot = slot,
        }
        if shared.sender_gone || matches!(shared.slot, Slot::Closed) {
            return Poll::Ready(None);
        }
        shared.connection = Some(cx.waker().clone());
        Poll::Pending
    }

    /// For the connection: it is ready for the next one.
    pub(super) fn reopen(&self) {
        let mut shared = self.lock();
        if matches!(shared.slot, Slot::Busy) {
            shared.slot = Slot::Ready;
            wake(shared, |shared| &mut shared.sender);
        }
    }

    /// For the connection: it has ended. A request that nobody has taken is given back.
    pub(super) fn close(&self) {
        let mut shared = self.lock();
        let slot = std::mem::replace(&mut shared.slot, Slot::Closed);
        wake(shared, |shared| &mut shared.sender);
        if let Slot::Full(call) = slot {
            // An error means that nobody waits for it.
            let _ = call.answer.send(Err(Unanswered::unsent(call.request, Kind::Closed)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shared<B>> {
        // Nothing in here panics while it holds the lock, and each change is whole.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake<B>(mut shared: MutexGuard<'_, Shared<B>>, which: fn(&mut Shared<B>) -> &mut Option<Waker>) {
    let waker = which(&mut shared).take();
    drop(shared);
    if let Some(waker) = waker {
        waker.wake();
    }
}
