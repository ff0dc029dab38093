//! The requests that are under way on one connection.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::task::Context;
use std::time::Duration;

use fcgi_core::RequestKey;
use fcgi_core::client::Connection as Protocol;
use http_body::Body;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::error::ErrorKind;
use super::exchange::{CallerState, ClientExchange};
use super::guard::{drop_caught, drop_with};
use super::timeouts::{deadline_after, never};

/// Bytes of a body that are sent before it is another request's turn: what one record holds, rounded down so that the next
/// one is aligned (FastCGI §3.3).
const TURN: usize = 65_528;

/// Requests that are under way, oldest first.
pub(super) struct InFlight<B> {
    list: SmallVec<[ClientExchange<B>; 1]>,
    /// Whose turn to send it is.
    next: usize,
    /// When each one that was given up has to have ended.
    aborted: BTreeSet<(Instant, RequestKey)>,
    abort_timeout: Option<Duration>,
}

impl<B> InFlight<B> {
    pub(super) fn new(abort_timeout: Option<Duration>) -> Self {
        Self { list: SmallVec::new(), next: 0, aborted: BTreeSet::new(), abort_timeout }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn push(&mut self, exchange: ClientExchange<B>) {
        self.list.push(exchange);
    }

    pub(super) fn by_key(&mut self, key: RequestKey) -> Option<&mut ClientExchange<B>> {
        let at = self.position(key)?;
        self.list.get_mut(at)
    }

    fn position(&self, key: RequestKey) -> Option<usize> {
        let first = self.list.first()?.key;
        if self.list.last().is_some_and(|last| last.key < first) {
            // The keys of a connection have come round.
            return self.list.iter().position(|exchange| exchange.key == key);
        }
        self.list.binary_search_by_key(&key, |exchange| exchange.key).ok()
    }

    /// Drops a request.
    pub(super) fn remove(&mut self, key: RequestKey) {
        let Some(at) = self.position(key) else { return };
        if let Some(end) = self.list.get(at).and_then(|exchange| exchange.deadline) {
            self.aborted.remove(&(end, key));
        }
        if at < self.next {
            self.next -= 1;
        }
        if at + 1 == self.list.len() {
            // Where it is: it is large, and mostly the only one.
            drop_with(|| self.list.truncate(at));
        } else {
            drop_caught(self.list.remove(at));
        }
    }

    /// Whether one at least was given up, and has not ended.
    pub(super) fn any_aborted(&self) -> bool {
        !self.aborted.is_empty()
    }

    /// Whether nobody waits for any of them.
    pub(super) fn all_aborted(&self) -> bool {
        self.aborted.len() == self.list.len()
    }

    /// When the first of those that were given up has to have ended.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.aborted.first().map(|(end, _)| *end)
    }

    /// The one with most unread bytes.
    pub(super) fn largest_unread(&self) -> Option<RequestKey> {
        let most = self.list.iter().max_by_key(|exchange| exchange.unread())?;
        (most.unread() > 0).then_some(most.key)
    }

    /// The connection is no more.
    pub(super) fn cut_off(&mut self) {
        for exchange in self.list.drain(..) {
            exchange.cut_off();
            drop_caught(exchange);
        }
    }
}

impl<B> InFlight<B>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Gives a request up, and has the application abort it. With a reason, its caller is told.
    pub(super) fn abort(
        &mut self,
        key: RequestKey,
        why: Option<ErrorKind>,
        protocol: &mut Protocol,
        written: u64,
    ) {
        let end = self.abort_timeout.map_or_else(never, deadline_after);
        let Some(exchange) = self.by_key(key) else { return };
        match why {
            Some(kind) => exchange.fail(kind, written),
            None => exchange.abort(),
        }
        let end = *exchange.deadline.get_or_insert(end);
        self.aborted.insert((end, key));
        let _ = protocol.abort(key);
    }

    /// Looks after the callers; whether one has gone. Its request is given up.
    pub(super) fn poll_callers(
        &mut self,
        protocol: &mut Protocol,
        cx: &mut Context<'_>,
        written: u64,
    ) -> bool {
        let mut gone = false;
        for at in 0..self.list.len() {
            if let Some(exchange) = self.list.get_mut(at)
                && exchange.poll_caller(protocol, cx) == CallerState::Gone
            {
                let key = exchange.key;
                self.abort(key, None, protocol, written);
                gone = true;
            }
        }
        gone
    }

    pub(super) fn is_sending(&self) -> bool {
        self.list.iter().any(ClientExchange::is_sending)
    }

    pub(super) fn stop_uploads(&mut self) {
        for exchange in &mut self.list {
            exchange.stop_upload();
        }
    }

    /// Sends what there is of the bodies and room for, in turn; whether there was any. A body that is at fault is its own
    /// request's end alone.
    pub(super) fn poll_uploads(
        &mut self,
        protocol: &mut Protocol,
        cx: &mut Context<'_>,
        places: u16,
        written: u64,
    ) -> bool {
        // What is queued at once is before whatever others have, also if they come later.
        let most = if places > 1 { TURN } else { usize::MAX };
        let mut progress = false;
        // Requests in a row that had nothing to send.
        let mut quiet = 0;
        while quiet < self.list.len() && protocol.wants_body() {
            if self.next >= self.list.len() {
                self.next = 0;
            }
            let Some(exchange) = self.list.get_mut(self.next) else { break };
            self.next += 1;
            match exchange.poll_upload(protocol, cx, most) {
                Ok(false) => {
                    quiet += 1;
                    continue;
                }
                Ok(true) => {}
                Err(kind) => {
                    let key = exchange.key;
                    self.abort(key, Some(kind), protocol, written);
                }
            }
            quiet = 0;
            progress = true;
        }
        progress
    }

    /// The connection has failed, and with it all of them.
    pub(super) fn fail(&mut self, kind: &ErrorKind, written: u64) {
        self.aborted.clear();
        for mut exchange in self.list.drain(..) {
            exchange.fail(kind.clone(), written);
            drop_caught(exchange);
        }
    }
}
