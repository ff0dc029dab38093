//! The requests in flight on one connection.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::task::Context;
use std::time::Duration;

use fcgi_core::RequestKey;
use fcgi_core::client::Connection as Protocol;
use http_body::Body;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::error::ErrorCause;
use super::exchange::{CallerState, ClientExchange};
use super::timeouts::{deadline_after, never};
use crate::progress::Progress;

/// Bytes of a body that are sent before the next body has its turn: one record, rounded down to a multiple of 8 so that the
/// next record is aligned (FastCGI §3.3).
const BYTES_PER_TURN: usize = 65_528;

/// The requests in flight, oldest first.
pub(super) struct InFlight<B> {
    exchanges: SmallVec<[ClientExchange<B>; 1]>,
    /// The index of the exchange whose body is next.
    next_upload: usize,
    /// The deadlines of aborted requests, and of others of which only the end is wanted.
    aborted: BTreeSet<(Instant, RequestKey)>,
    abort_timeout: Option<Duration>,
    /// The deadlines of requests whose callers have left.
    abandoned: BTreeSet<(Instant, RequestKey)>,
    on_abandoned: AbandonedRequests,
    /// The bytes that the connection had written when the deadlines of `abandoned` were last checked.
    written: u64,
}

/// How long the application may read nothing of a request whose caller has left, before it is aborted: as nginx's
/// `fastcgi_send_timeout`, which limits the time between two writes.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);

/// What happens to a request whose caller has left, once it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AbandonedRequests {
    Abort,
    /// The application may go on for this long; `None`: without a limit.
    Finish(Option<Duration>),
}

impl<B> InFlight<B> {
    pub(super) fn new(abort_timeout: Option<Duration>, on_abandoned: AbandonedRequests) -> Self {
        Self {
            exchanges: SmallVec::new(),
            next_upload: 0,
            aborted: BTreeSet::new(),
            abort_timeout,
            abandoned: BTreeSet::new(),
            on_abandoned,
            written: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.exchanges.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.exchanges.len()
    }

    pub(super) fn push(&mut self, exchange: ClientExchange<B>) {
        self.exchanges.push(exchange);
    }

    pub(super) fn by_key(&mut self, key: RequestKey) -> Option<&mut ClientExchange<B>> {
        let at = self.position(key)?;
        self.exchanges.get_mut(at)
    }

    fn position(&self, key: RequestKey) -> Option<usize> {
        let first = self.exchanges.first()?.key;
        if self.exchanges.last().is_some_and(|last| last.key < first) {
            // The keys have wrapped around.
            return self.exchanges.iter().position(|exchange| exchange.key == key);
        }
        self.exchanges.binary_search_by_key(&key, |exchange| exchange.key).ok()
    }

    /// Removes and drops an exchange.
    pub(super) fn remove(&mut self, key: RequestKey) {
        let Some(at) = self.position(key) else { return };
        if let Some(deadline) = self.exchanges.get(at).and_then(|exchange| exchange.abort_deadline) {
            self.aborted.remove(&(deadline, key));
        }
        self.forget_abandoned(key);
        if at < self.next_upload {
            self.next_upload -= 1;
        }
        if at + 1 == self.exchanges.len() {
            // In place: an exchange is large to move, and usually the only one.
            self.exchanges.truncate(at);
        } else {
            self.exchanges.remove(at);
        }
    }

    /// Whether any request in flight is aborted.
    pub(super) fn any_aborted(&self) -> bool {
        !self.aborted.is_empty()
    }

    /// Whether all requests in flight are aborted.
    pub(super) fn all_aborted(&self) -> bool {
        self.aborted.len() == self.exchanges.len()
    }

    /// The earliest deadline of an aborted request.
    pub(super) fn abort_deadline(&self) -> Option<Instant> {
        self.aborted.first().map(|(deadline, _)| *deadline)
    }

    /// The earliest deadline of a request whose caller has left.
    pub(super) fn abandoned_deadline(&self) -> Option<Instant> {
        self.abandoned.first().map(|(deadline, _)| *deadline)
    }

    fn forget_abandoned(&mut self, key: RequestKey) {
        if !self.abandoned.is_empty() {
            self.abandoned.retain(|(_, other)| *other != key);
        }
    }

    /// The request with the most unread bytes; `None` if there are no unread bytes.
    pub(super) fn largest_unread(&self) -> Option<RequestKey> {
        let largest = self.exchanges.iter().max_by_key(|exchange| exchange.unread())?;
        (largest.unread() > 0).then_some(largest.key)
    }

    /// Fails the bodies of all responses: the connection was dropped.
    pub(super) fn cut_off(&mut self) {
        for exchange in self.exchanges.drain(..) {
            exchange.cut_off();
        }
    }
}

impl<B> InFlight<B>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Aborts a request, and fails it with the reason unless its caller is gone.
    pub(super) fn abort(
        &mut self,
        key: RequestKey,
        reason: Option<ErrorCause>,
        protocol: &mut Protocol,
        written: u64,
    ) {
        let Some(exchange) = self.by_key(key) else { return };
        match reason {
            Some(kind) => exchange.fail(kind, written),
            None => exchange.abort(),
        }
        self.forget_abandoned(key);
        self.expect_end(key);
        let _ = protocol.abort(key);
    }

    /// Starts the abort timeout of a request: nothing but its end is wanted.
    pub(super) fn expect_end(&mut self, key: RequestKey) {
        let deadline = self.abort_timeout.map_or_else(never, deadline_after);
        let Some(exchange) = self.by_key(key) else { return };
        let deadline = *exchange.abort_deadline.get_or_insert(deadline);
        self.aborted.insert((deadline, key));
    }

    /// Handles the requests whose callers are gone: they are sent completely, if they are in hand, and aborted then unless the
    /// application may finish them.
    pub(super) fn poll_callers(
        &mut self,
        protocol: &mut Protocol,
        cx: &mut Context<'_>,
        written: u64,
    ) -> Progress {
        self.restart_send_timeouts(written);
        let mut progress = Progress::Blocked;
        for at in 0..self.exchanges.len() {
            let Some(exchange) = self.exchanges.get_mut(at) else { break };
            let key = exchange.key;
            if exchange.poll_caller(protocol, cx) == CallerState::Gone {
                progress = Progress::Made;
                if exchange.abandon(protocol) {
                    let limit = match self.on_abandoned {
                        AbandonedRequests::Abort => Some(SEND_TIMEOUT),
                        AbandonedRequests::Finish(limit) => limit,
                    };
                    self.abandoned.extend(limit.map(|limit| (deadline_after(limit), key)));
                } else {
                    self.abort(key, None, protocol, written);
                    continue;
                }
            }
            let Some(exchange) = self.exchanges.get(at) else { break };
            let finishes = exchange.is_sent() && matches!(self.on_abandoned, AbandonedRequests::Finish(_));
            if exchange.is_abandoned() && exchange.is_written(written) && !finishes {
                self.abort(key, None, protocol, written);
                progress = Progress::Made;
            }
        }
        progress
    }

    /// Restarts the timeouts for sending, if the connection has written more since the last call.
    fn restart_send_timeouts(&mut self, written: u64) {
        let has_written = std::mem::replace(&mut self.written, written) != written;
        if has_written && !self.abandoned.is_empty() && self.on_abandoned == AbandonedRequests::Abort {
            let deadline = deadline_after(SEND_TIMEOUT);
            self.abandoned =
                std::mem::take(&mut self.abandoned).into_iter().map(|(_, key)| (deadline, key)).collect();
        }
    }

    /// Aborts the request with the earliest [deadline](Self::abandoned_deadline).
    pub(super) fn abort_abandoned(&mut self, protocol: &mut Protocol, written: u64) {
        if let Some((_, key)) = self.abandoned.pop_first() {
            self.abort(key, None, protocol, written);
        }
    }

    pub(super) fn is_uploading(&self) -> bool {
        self.exchanges.iter().any(ClientExchange::is_uploading)
    }

    /// Whether all of each request was queued.
    pub(super) fn all_sent(&self) -> bool {
        self.exchanges.iter().all(ClientExchange::is_sent)
    }

    pub(super) fn stop_uploads(&mut self) {
        for exchange in &mut self.exchanges {
            exchange.stop_upload();
        }
    }

    /// Queues chunks of the bodies in turn, while the output has room. A body that fails aborts only its own request.
    pub(super) fn poll_uploads(
        &mut self,
        protocol: &mut Protocol,
        cx: &mut Context<'_>,
        capacity: u16,
        written: u64,
    ) -> Progress {
        // All that is queued now is sent before any later request's body, so limit it if requests share the connection.
        let limit = if capacity > 1 { BYTES_PER_TURN } else { usize::MAX };
        let mut progress = Progress::Blocked;
        // Consecutive exchanges that had nothing to send.
        let mut blocked = 0;
        while blocked < self.exchanges.len() && protocol.wants_body() {
            if self.next_upload >= self.exchanges.len() {
                self.next_upload = 0;
            }
            let Some(exchange) = self.exchanges.get_mut(self.next_upload) else { break };
            self.next_upload += 1;
            match exchange.poll_upload(protocol, cx, limit, written) {
                Ok(Progress::Blocked) if exchange.is_abandoned() && !exchange.is_body_in_hand() => {
                    // The rest is not in hand.
                    let key = exchange.key;
                    self.abort(key, None, protocol, written);
                }
                Ok(Progress::Blocked | Progress::Finished) => {
                    blocked += 1;
                    continue;
                }
                Ok(Progress::Made) => {}
                Err(kind) => {
                    let key = exchange.key;
                    self.abort(key, Some(kind), protocol, written);
                }
            }
            blocked = 0;
            progress = Progress::Made;
        }
        progress
    }

    /// Fails all requests: the connection has failed.
    pub(super) fn fail(&mut self, kind: &ErrorCause, written: u64) {
        self.aborted.clear();
        self.abandoned.clear();
        for mut exchange in self.exchanges.drain(..) {
            exchange.fail(kind.clone(), written);
        }
    }
}
