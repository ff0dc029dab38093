//! The settings of a balancer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::health::FailureLimit;
use super::member::Member;
use super::{Balance, BalanceState};
use crate::client::pool::Pool;

/// The settings of a [`Balance`], by [`Balance::builder`].
///
/// ```
/// use std::time::Duration;
///
/// use tokio::net::TcpStream;
/// use tower_fcgi::client::{Balance, Pool};
/// # type Body = http_body_util::Empty<bytes::Bytes>;
/// let servers = ["192.0.2.1:9000", "192.0.2.2:9000"];
/// let pools = servers.map(|server| Pool::builder(move || TcpStream::connect(server)).max_size(16).build());
/// let php: Balance<_, Body> = Balance::builder(pools).max_fails(3).fail_timeout(Duration::from_secs(30)).build();
/// ```
#[must_use = "a builder does nothing unless it builds"]
pub struct BalanceBuilder<C, B> {
    members: Box<[Member<C, B>]>,
    limit: FailureLimit,
}

impl<C, B> BalanceBuilder<C, B> {
    pub(super) fn new(pools: impl IntoIterator<Item = Pool<C, B>>) -> Self {
        Self {
            members: pools.into_iter().map(Member::new).collect(),
            limit: FailureLimit {
                max_fails: 1,
                fail_timeout: Duration::from_secs(10),
                max_head_wait: Some(Duration::from_secs(30)),
            },
        }
    }

    /// Sets how many failures make an application unavailable. Default: 1. With 0, failures do not count.
    pub fn max_fails(mut self, fails: u32) -> Self {
        self.limit.max_fails = fails;
        self
    }

    /// Sets the time within which these failures must happen, and how long the application is then unavailable. Default: 10 s.
    pub fn fail_timeout(mut self, timeout: Duration) -> Self {
        self.limit.fail_timeout = timeout;
        self
    }

    /// Sets how long an application may take for the head of a response before that is a failure. Default: 30 s. `None`: waiting
    /// is never a failure.
    ///
    /// The request itself goes on: its caller decides how long to wait. Set this to less than that, so that the failure is
    /// seen: a gateway waits for 60 s by default. The time starts when a connection takes the request. Requests whose bodies
    /// are not [in hand](crate::client::BodyInHand) do not count, because the application may be waiting for the client.
    pub fn max_head_wait(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.limit.max_head_wait = limit.into();
        self
    }

    /// Builds the service.
    ///
    /// # Panics
    /// If there is no pool.
    #[must_use]
    pub fn build(self) -> Balance<C, B> {
        assert!(!self.members.is_empty(), "a balancer needs at least one pool");
        let next = AtomicUsize::new(0);
        Balance { shared: Arc::new(BalanceState { members: self.members, next, limit: self.limit }) }
    }
}

impl<C, B> fmt::Debug for BalanceBuilder<C, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BalanceBuilder")
            .field("members", &self.members)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
