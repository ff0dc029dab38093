//! The state that the two sides of an upgrade share.

use std::io;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};

use super::on_upgrade::{UpgradeError, UpgradeErrorKind};
use crate::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that the application has written, and that were not moved to STDOUT, at which its writes wait.
pub(crate) const MAX_BUFFERED: usize = 64 * 1024;

/// The state of an upgrade, and the bytes that the application writes.
///
/// ```text
/// Offered ──▶ Accepted ──▶ Finished ──▶ Closed
///    │ └────▶ Declined        the request has ended ▲
///    └──────▶ Refused         (also from Accepted) ─┘
/// ```
#[derive(Debug)]
pub(super) struct UpgradeChannel {
    shared: Mutex<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: UpgradeState,
    buffer: BytesMut,
    /// The wakers of the clones of `OnUpgrade` that wait for the upgrade.
    waiting: Vec<Waker>,
    /// The waker of an application that waits for room in `buffer`.
    writer: Option<Waker>,
    /// The waker of a driver that waits for bytes.
    driver: Option<Waker>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum UpgradeState {
    /// The handler may respond with a 101.
    Offered,
    /// The handler has dropped the offer.
    Declined,
    /// The response is not a 101, or STDIN has ended before it.
    Refused,
    /// The head with the 101 was written.
    Accepted,
    /// The application has ended its direction.
    Finished,
    /// The request has ended.
    Closed,
}

impl Default for UpgradeChannel {
    fn default() -> Self {
        let shared = Shared {
            state: UpgradeState::Offered,
            buffer: BytesMut::new(),
            waiting: Vec::new(),
            writer: None,
            driver: None,
        };
        Self { shared: Mutex::new(shared) }
    }
}

/// The application's side.
impl UpgradeChannel {
    /// Ready when the upgrade was accepted or refused.
    pub(super) fn poll_accepted(&self, cx: &Context<'_>) -> Poll<Result<(), UpgradeError>> {
        let mut shared = self.lock();
        match shared.state {
            UpgradeState::Offered => {
                if !shared.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
                    shared.waiting.push(cx.waker().clone());
                }
                Poll::Pending
            }
            UpgradeState::Refused => Poll::Ready(Err(UpgradeError::new(UpgradeErrorKind::Refused))),
            UpgradeState::Declined | UpgradeState::Closed => {
                Poll::Ready(Err(UpgradeError::new(UpgradeErrorKind::Closed)))
            }
            UpgradeState::Accepted | UpgradeState::Finished => Poll::Ready(Ok(())),
        }
    }

    /// Buffers some of `bytes`, and returns how many.
    pub(super) fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut shared = self.lock();
        if shared.state != UpgradeState::Accepted {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = MAX_BUFFERED.saturating_sub(shared.buffer.len());
        if room == 0 && !bytes.is_empty() {
            shared.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let written = bytes.len().min(room);
        shared.buffer.extend_from_slice(bytes.get(..written).unwrap_or(bytes));
        wake(shared, |shared| shared.driver.take());
        Poll::Ready(Ok(written))
    }

    /// Ends the application's direction, or declines the offer.
    pub(super) fn finish(&self) {
        let mut shared = self.lock();
        shared.state = match shared.state {
            UpgradeState::Offered => UpgradeState::Declined,
            UpgradeState::Accepted => UpgradeState::Finished,
            state => state,
        };
        wake(shared, |shared| shared.driver.take());
    }
}

/// The connection's side.
impl UpgradeChannel {
    /// Whether a handler still holds the offer.
    pub(super) fn is_held(&self) -> bool {
        !matches!(self.lock().state, UpgradeState::Declined)
    }

    /// Refuses the offer, and returns `true`, unless it was accepted, declined or refused before.
    pub(super) fn refuse(&self) -> bool {
        let mut shared = self.lock();
        let is_offered = shared.state == UpgradeState::Offered;
        if is_offered {
            shared.state = UpgradeState::Refused;
            wake(shared, |shared| std::mem::take(&mut shared.waiting));
        }
        is_offered
    }

    pub(super) fn is_refused(&self) -> bool {
        self.lock().state == UpgradeState::Refused
    }

    /// Accepts the offer: the head with the 101 was written. If the handler has dropped the offer since it responded, its
    /// direction has ended.
    pub(super) fn accept(&self) {
        let mut shared = self.lock();
        shared.state = match shared.state {
            UpgradeState::Offered => UpgradeState::Accepted,
            UpgradeState::Declined => UpgradeState::Finished,
            state => state,
        };
        wake(shared, |shared| std::mem::take(&mut shared.waiting));
    }

    /// Polls for the bytes that the application has written. `None`: its direction has ended.
    pub(super) fn poll_output(&self, cx: &Context<'_>) -> Poll<Option<Bytes>> {
        let mut shared = self.lock();
        if shared.buffer.is_empty() {
            if shared.state != UpgradeState::Accepted {
                return Poll::Ready(None);
            }
            shared.driver = Some(cx.waker().clone());
            return Poll::Pending;
        }
        // All of it, so that an idle stream holds no buffer.
        let bytes = std::mem::take(&mut shared.buffer).freeze();
        wake(shared, |shared| shared.writer.take());
        Poll::Ready(Some(bytes))
    }

    /// The request has ended: no more bytes are taken.
    pub(super) fn close(&self) {
        let mut shared = self.lock();
        shared.state = match shared.state {
            UpgradeState::Offered | UpgradeState::Refused => UpgradeState::Refused,
            _ => UpgradeState::Closed,
        };
        shared.buffer = BytesMut::new();
        wake(shared, |shared| {
            let mut wakers = std::mem::take(&mut shared.waiting);
            wakers.extend(shared.writer.take());
            wakers
        });
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        // A poisoned state is consistent: no code panics while the lock is held.
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes tasks after the lock is released.
fn wake<W: IntoIterator<Item = Waker>>(
    mut shared: MutexGuard<'_, Shared>,
    take: impl FnOnce(&mut Shared) -> W,
) {
    let wakers = take(&mut shared);
    drop(shared);
    for waker in wakers {
        waker.wake();
    }
}
