//! Several listeners as one.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::task::Poll;

use axum::BoxError;
use axum::serve::Listener;

use super::address::Address;
use super::bind::bind_all;
use super::listener::FcgiListener;
use super::local_addresses::{local_addresses, report, unreported};
use crate::accept::accept;

/// Several listeners that are served as one.
///
/// They take turns: one with many waiting connections does not starve the others.
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
    /// Polled first the next time: the one after the listener that accepted last.
    first: usize,
}

impl<L> Listeners<L> {
    /// Starts with one listener. Add others with [`and`](Listeners::and).
    pub fn new(listener: L) -> Self {
        Self { listeners: vec![listener], first: 0 }
    }

    /// Adds a listener.
    #[must_use]
    pub fn and(mut self, listener: L) -> Self {
        self.listeners.push(listener);
        self
    }
}

impl Listeners<FcgiListener> {
    /// Listens on all of the addresses.
    ///
    /// [`systemd`](Address::Systemd) means all sockets that systemd passes (with that name, if there is one), and so may
    /// [`auto`](Address::Auto).
    ///
    /// # Errors
    /// If there is no address, or one cannot be bound: see [`FcgiListener::bind`]. Those before it are closed again.
    ///
    /// # Panics
    /// Outside a tokio runtime whose I/O is enabled.
    pub fn bind<A>(addresses: impl IntoIterator<Item = A>) -> io::Result<Self>
    where
        A: TryInto<Address, Error: Into<BoxError>>,
    {
        let mut listeners = Vec::new();
        for address in addresses {
            listeners.extend(bind_all(address)?);
        }
        Self::from_vec(listeners)
    }

    /// # Errors
    /// If there is no listener.
    pub(crate) fn from_vec(listeners: Vec<FcgiListener>) -> io::Result<Self> {
        if listeners.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no address to listen on was given"));
        }
        Ok(Self { listeners, first: 0 })
    }
}

impl<L: Listener<Addr: fmt::Debug>> Listener for Listeners<L> {
    type Io = L::Io;
    type Addr = L::Addr;

    /// # Cancel safety
    /// Requires that the listeners' own `accept` is cancel safe, as those of tokio, axum and this crate are: for each
    /// connection, the futures of all other listeners are dropped.
    async fn accept(&mut self) -> (L::Io, L::Addr) {
        let count = self.listeners.len();
        let first = self.first;
        // One box each, which is cheap beside a connection. A new future for each poll would lose its waker.
        let mut accepting: Vec<_> =
            self.listeners.iter_mut().map(|listener| Box::pin(accept(listener))).collect();
        let (accepted, index) = poll_fn(|cx| {
            for index in (first..count).chain(0..first) {
                if let Poll::Ready(accepted) = accepting[index].as_mut().poll(cx) {
                    return Poll::Ready((accepted, index));
                }
            }
            Poll::Pending
        })
        .await;
        drop(accepting);
        self.first = (index + 1) % count;
        accepted
    }

    /// The address of the first listener.
    fn local_addr(&self) -> io::Result<L::Addr> {
        report(|| self.listeners.iter().flat_map(local_addresses).collect());
        let first = self.listeners.first().ok_or(io::ErrorKind::NotFound)?;
        unreported(|| first.local_addr())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::pending;

    use super::*;

    /// A listener with some numbered connections waiting.
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
    async fn binding_no_address_is_an_error() {
        let error = Listeners::bind::<Address>([]).unwrap_err();
        assert_eq!(error.to_string(), "no address to listen on was given");
    }
}
