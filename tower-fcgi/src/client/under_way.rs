//! The requests that are under way on one connection.

use std::error::Error as StdError;
use std::task::Context;

use fcgi_core::Key;
use fcgi_core::client::Connection as Protocol;
use http_body::Body;
use smallvec::SmallVec;
use tokio::time::Instant;

use super::error::Kind;
use super::exchange::{Caller, Exchange};

/// Bytes of a body that are sent before it is another request's turn: what one record holds, rounded down so that the next
/// one is aligned (FastCGI §3.3).
const TURN: usize = 65_528;

/// Requests that are under way, oldest first.
pub(super) struct UnderWay<B> {
    list: SmallVec<[Exchange<B>; 1]>,
    /// Whose turn to send it is.
    next: usize,
}

impl<B> UnderWay<B> {
    pub(super) fn new() -> Self {
        Self { list: SmallVec::new(), next: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn push(&mut self, exchange: Exchange<B>) {
        self.list.push(exchange);
    }

    pub(super) fn by_key(&mut self, key: Key) -> Option<&mut Exchange<B>> {
        self.list.iter_mut().find(|exchange| exchange.key == key)
    }

    /// Drops a request.
    pub(super) fn remove(&mut self, key: Key) {
        let Some(at) = self.list.iter().position(|exchange| exchange.key == key) else { return };
        if at < self.next {
            self.next -= 1;
        }
        if at + 1 == self.list.len() {
            // Where it is: it is large, and mostly the only one.
            self.list.truncate(at);
        } else {
            self.list.remove(at);
        }
    }

    /// Whether one at least was given up, and has not ended.
    pub(super) fn any_given_up(&self) -> bool {
        self.list.iter().any(Exchange::is_given_up)
    }

    /// Whether nobody waits for any of them.
    pub(super) fn all_given_up(&self) -> bool {
        self.list.iter().all(Exchange::is_given_up)
    }

    /// When the first of those that were given up is to have ended; `limit`: when one is that was given up since the last
    /// call.
    pub(super) fn deadline(&mut self, limit: impl Fn() -> Instant) -> Option<Instant> {
        let given_up = self.list.iter_mut().filter(|exchange| exchange.is_given_up());
        given_up.map(|exchange| *exchange.deadline.get_or_insert_with(&limit)).min()
    }

    /// The one with most unread bytes.
    pub(super) fn most_unread(&self) -> Option<Key> {
        let most = self.list.iter().max_by_key(|exchange| exchange.unread())?;
        (most.unread() > 0).then_some(most.key)
    }

    /// The connection is no more.
    pub(super) fn cut_off(&self) {
        for exchange in &self.list {
            exchange.cut_off();
        }
    }
}

impl<B> UnderWay<B>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Looks after the callers; whether one has gone. Its request is given up.
    pub(super) fn poll_callers(&mut self, protocol: &mut Protocol, cx: &mut Context<'_>) -> bool {
        let mut gone = false;
        for exchange in &mut self.list {
            if exchange.poll_caller(protocol, cx) == Caller::Gone {
                exchange.give_up();
                let _ = protocol.abort(exchange.key);
                gone = true;
            }
        }
        gone
    }

    pub(super) fn is_sending(&self) -> bool {
        self.list.iter().any(Exchange::is_sending)
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
        while quiet < self.list.len() && protocol.has_room() {
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
                    exchange.fail(kind, written);
                    let _ = protocol.abort(exchange.key);
                }
            }
            quiet = 0;
            progress = true;
        }
        progress
    }

    /// The connection has failed, and with it all of them.
    pub(super) fn fail(&mut self, kind: &Kind, written: u64) {
        for mut exchange in self.list.drain(..) {
            exchange.fail(kind.clone(), written);
        }
    }
}
