//! Several listeners as one.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use axum::serve::Listener;

use super::address::Address;
use super::bind::bind_all;
use super::listener::FcgiListener;
use crate::accept::accept;

/// Several listeners that are served as one. They take turns: one that has many connections waiting does not
/// keep the others from theirs.
///
/// # Examples
/// ```no_run
/// use axum_fcgi::{Address, Listeners};
/// # async fn run(router: axum::Router, addresses: Vec<Address>) -> std::io::Result<()> {
/// axum_fcgi::serve(Listeners::bind(&addresses)?, router).await
/// # }
/// ```
#[derive(Debug)]
pub struct Listeners<L> {
    /// Never empty.
    listeners: Vec<L>,
    /// The one that is asked first, the next time: that after the one which accepted last.
    first: usize,
}

impl<L> Listeners<L> {
    /// One listener, to which [others](Listeners::and) are added.
    pub fn new(listener: L) -> Self {
        Self { listeners: vec![listener], first: 0 }
    }

    /// And another one.
    #[must_use]
    pub fn and(mut self, listener: L) -> Self {
        self.listeners.push(listener);
        self
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, L> {
        self.listeners.iter()
    }
}

impl Listeners<FcgiListener> {
    /// Listens at all of the addresses. [`systemd`](Address::Systemd) stands for all sockets that systemd passes
    /// (by that name, if it has one), and so may [`auto`](Address::Auto).
    ///
    /// # Errors
    /// When there is no address, or one cannot be listened at, as with [`FcgiListener::bind`]. Those before it
    /// are closed again.
    ///
    /// # Panics
    /// Outside a tokio runtime whose I/O is enabled.
    pub fn bind<'a>(addresses: impl IntoIterator<Item = &'a Address>) -> io::Result<Self> {
        let mut listeners = Vec::new();
        for address in addresses {
            listeners.extend(bind_all(address)?);
        }
        Self::of(listeners)
    }

    /// These, of which there must be one.
    pub(crate) fn of(listeners: Vec<FcgiListener>) -> io::Result<Self> {
        if listeners.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no address to listen at"));
        }
        Ok(Self { listeners, first: 0 })
    }
}

impl<L: Listener> Listener for Listeners<L> {
    type Io = L::Io;
    type Addr = L::Addr;

    /// # Cancel safety
    /// That of the listeners' own `accept`, which all of tokio's, axum's and this crate's have: all but one of
    /// their futures are dropped for each connection.
    async fn accept(&mut self) -> (L::Io, L::Addr) {
        let count = self.listeners.len();
        let first = self.first;
        // A box each: few, beside what a connection costs. One future for each poll would lose its waker.
        let mut accepting: Vec<_> =
            self.listeners.iter_mut().map(|listener| Box::pin(accept(listener))).collect();
        let (accepted, at) = poll_fn(|cx| {
            for at in (first..count).chain(0..first) {
                if let Poll::Ready(accepted) = accepting[at].as_mut().poll(cx) {
                    return Poll::Ready((accepted, at));
                }
            }
            Poll::Pending
        })
        .await;
        drop(accepting);
        self.first = (at + 1) % count;
        accepted
    }

    /// The address of the first one.
    fn local_addr(&self) -> io::Result<L::Addr> {
        let first = self.listeners.first().ok_or(io::ErrorKind::NotFound)?;
        first.local_addr()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::pending;

    use super::*;

    /// Has some connections waiting, each known by a number.
    struct Waiting(VecDeque<u32>);

    impl Listener for Waiting {
        type Io = tokio::io::Empty;
        type Addr = u32;

        async fn accept(&mut self) -> (Self::Io, u32) {
            match self.0.pop_front() {
                Some(number) => (tokio::io::empty(), number),
                None => pending().await,
            }
        }

        fn local_addr(&self) -> io::Result<u32> {
            Ok(0)
        }
    }

    #[tokio::test]
    async fn listeners_take_turns_and_none_starves() {
        let waiting = |numbers: &[u32]| Waiting(numbers.iter().copied().collect());
        let mut listeners =
            Listeners::new(waiting(&[10, 11, 12, 13, 14])).and(waiting(&[20])).and(waiting(&[30, 31]));
        let mut accepted = Vec::new();
        for _ in 0..8 {
            accepted.push(listeners.accept().await.1);
        }
        assert_eq!(accepted, [10, 20, 30, 11, 31, 12, 13, 14]);
    }

    #[tokio::test]
    async fn no_address_at_all_is_an_error() {
        let error = Listeners::bind(&[]).unwrap_err();
        assert_eq!(error.to_string(), "there is no address to listen at");
    }
}
