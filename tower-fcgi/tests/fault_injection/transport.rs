//! A transport in memory with all input available at once, which fails at one place in one way.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Where the transport fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// After this number of input bytes.
    Input(usize),
    /// After this number of output bytes.
    Output(usize),
    Flush,
    Shutdown,
}

/// How it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The bytes before it are sent separately.
    Short,
    /// Pending, and ready at once after that.
    Again,
    /// Pending for a second.
    Late,
    /// Pending forever; after an hour the web server ends its stream.
    Stall,
    /// The web server has reset the connection.
    Reset,
    /// The web server's stream ends, or a write returns 0.
    End,
    /// The byte is changed.
    Garbage,
}

impl Fault {
    pub(crate) const ALL: [Self; 7] =
        [Self::Short, Self::Again, Self::Late, Self::Stall, Self::Reset, Self::End, Self::Garbage];

    /// Whether it loses nothing.
    pub(crate) const fn is_harmless(self) -> bool {
        matches!(self, Self::Short | Self::Again | Self::Late)
    }
}

/// Both ends of the transport.
#[derive(Clone)]
pub(crate) struct Line {
    shared: Arc<Mutex<Shared>>,
}

pub(crate) struct Shared {
    input: Vec<u8>,
    pub(crate) read: usize,
    pub(crate) output: Vec<u8>,
    fault: Option<(Place, Fault)>,
    shut: bool,
    /// Whether the end of the web server's stream was reported.
    ended: bool,
    reader: Option<Waker>,
}

impl Line {
    pub(crate) fn new(input: Vec<u8>, fault: Option<(Place, Fault)>) -> Self {
        let shared =
            Shared { input, read: 0, output: Vec::new(), fault, shut: false, ended: false, reader: None };
        Self { shared: Arc::new(Mutex::new(shared)) }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    /// The application's end.
    pub(crate) fn transport(&self) -> Transport {
        Transport { line: self.clone(), hour: None, second: None }
    }

    /// The web server sends more.
    pub(crate) fn send(&self, bytes: &[u8]) {
        let mut shared = self.lock();
        shared.input.extend_from_slice(bytes);
        shared.wake_reader();
    }
}

impl Shared {
    fn wake_reader(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// The fault at this place.
    fn fault_at(&self, here: Place) -> Option<Fault> {
        self.fault.and_then(|(place, fault)| (place == here).then_some(fault))
    }

    /// How many of these bytes are sent before the fault.
    fn before_fault(&self, most: usize, here: Place) -> usize {
        match (self.fault, here) {
            (Some((Place::Input(at), _)), Place::Input(now)) if at > now => most.min(at - now),
            (Some((Place::Output(at), _)), Place::Output(now)) if at > now => most.min(at - now),
            _ => most,
        }
    }
}

/// The application's end of a [`Line`].
pub(crate) struct Transport {
    line: Line,
    /// Until the end of the web server's stream.
    hour: Option<Pin<Box<Sleep>>>,
    /// Until the end of [`Fault::Late`].
    second: Option<Pin<Box<Sleep>>>,
}

impl Transport {
    /// `Ready`: the fault has passed, or is not here; `false`: the stream has ended.
    fn poll_fault(&mut self, here: Place, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let fault = self.line.lock().fault_at(here);
        match fault {
            None => return Poll::Ready(Ok(true)),
            Some(Fault::End) => return Poll::Ready(Ok(false)),
            Some(Fault::Reset) => return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            Some(Fault::Stall) => return self.poll_hour(cx).map(|()| Ok(false)),
            Some(Fault::Again) => {
                self.line.lock().fault = None;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            Some(Fault::Late) => {
                let second = self.second.get_or_insert_with(|| Box::pin(sleep(Duration::from_secs(1))));
                ready!(second.as_mut().poll(cx));
            }
            Some(Fault::Short) => {}
            Some(Fault::Garbage) => {
                let shared = &mut *self.line.lock();
                if let Some(byte) = shared.input.get_mut(shared.read) {
                    *byte ^= 0xff;
                }
            }
        }
        self.line.lock().fault = None;
        Poll::Ready(Ok(true))
    }

    fn poll_hour(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let hour = self.hour.get_or_insert_with(|| Box::pin(sleep(Duration::from_secs(3600))));
        hour.as_mut().poll(cx)
    }

    /// The web server ends its stream when the application has, and after an hour at the latest.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.line.lock().shut || self.poll_hour(cx).is_ready() {
            self.line.lock().ended = true;
            return Poll::Ready(());
        }
        self.line.lock().reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let here = Place::Input(self.line.lock().read);
        if !ready!(self.poll_fault(here, cx))? {
            return Poll::Ready(Ok(()));
        }
        let waiting = {
            let shared = self.line.lock();
            if shared.ended { 0 } else { shared.input.len() - shared.read }
        };
        if waiting == 0 {
            return self.poll_end(cx).map(Ok);
        }
        let shared = &mut *self.line.lock();
        let most = shared.before_fault(waiting.min(buffer.remaining()), here);
        buffer.put_slice(&shared.input[shared.read..][..most]);
        shared.read += most;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        assert!(!self.line.lock().shut, "write after shutdown");
        let here = Place::Output(self.line.lock().output.len());
        if !ready!(self.poll_fault(here, cx))? {
            return Poll::Ready(Ok(0));
        }
        let shared = &mut *self.line.lock();
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let most = shared.before_fault(offered, here);
        shared.output.extend(slices.iter().flat_map(|slice| slice.iter()).take(most));
        Poll::Ready(Ok(most))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_fault(Place::Flush, cx).map_ok(|_| ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_fault(Place::Shutdown, cx))?;
        let mut shared = self.line.lock();
        shared.shut = true;
        shared.wake_reader();
        Poll::Ready(Ok(()))
    }
}
