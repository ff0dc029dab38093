//! A transport, handlers and bodies that behave randomly.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::random::Random;

/// The last bytes of a complete body.
pub(crate) const LAST: &[u8] = b"the end";

/// The application's end of a transport whose other end sends nothing more.
pub(crate) struct Transport {
    input: Vec<u8>,
    read: usize,
    output: Arc<Mutex<Vec<u8>>>,
    random: Random,
    /// Whether the transport may fail.
    breaks: bool,
    lost: bool,
    shut: bool,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Until the end of the web server's stream.
    hour: Option<Pin<Box<Sleep>>>,
    reader: Option<Waker>,
}

impl Transport {
    pub(crate) fn new(input: Vec<u8>, seed: u64, breaks: bool) -> (Self, Arc<Mutex<Vec<u8>>>) {
        let output = Arc::new(Mutex::new(Vec::new()));
        let transport = Self {
            input,
            read: 0,
            output: Arc::clone(&output),
            random: Random(seed),
            breaks,
            lost: false,
            shut: false,
            sleep: None,
            hour: None,
            reader: None,
        };
        (transport, output)
    }

    /// The most bytes of the next read or write.
    fn poll_most(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let Some(sleep) = &mut self.sleep {
            ready!(sleep.as_mut().poll(cx));
            self.sleep = None;
        } else if self.random.once_in(10) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        } else if self.random.once_in(20) {
            let long = Duration::from_millis(self.random.below(20_000) as u64);
            let mut asleep = Box::pin(sleep(long));
            if asleep.as_mut().poll(cx).is_pending() {
                self.sleep = Some(asleep);
                return Poll::Pending;
            }
        }
        if self.lost || (self.breaks && self.random.once_in(60)) {
            self.lost = true;
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Ready(Ok([1, 3, 8, 100, 70_000, usize::MAX][self.random.below(6)]))
    }
}

impl AsyncRead for Transport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.read == self.input.len() {
            let hour = self.hour.get_or_insert_with(|| Box::pin(sleep(Duration::from_secs(3600))));
            if hour.as_mut().poll(cx).is_ready() || self.shut {
                return Poll::Ready(Ok(()));
            }
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let most = ready!(self.poll_most(cx))?.min(buffer.remaining());
        let part = &self.input[self.read..];
        let part = &part[..most.min(part.len())];
        buffer.put_slice(part);
        let read = part.len();
        self.read += read;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        assert!(!self.shut, "write after shutdown");
        let most = ready!(self.poll_most(cx))?.min(bytes.len());
        self.output.lock().unwrap().extend_from_slice(&bytes[..most]);
        Poll::Ready(Ok(most))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_most(cx).map_ok(|_| ())
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_most(cx))?;
        self.shut = true;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(()))
    }
}

/// Counts what was not dropped yet.
#[derive(Clone, Default)]
pub(crate) struct Alive(Arc<AtomicUsize>);

impl Alive {
    pub(crate) fn now(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    pub(crate) fn one_more(&self) -> One {
        self.0.fetch_add(1, Ordering::SeqCst);
        One(self.clone())
    }
}

pub(crate) struct One(Alive);

impl Drop for One {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A handler's bug. It does not call the panic hook: the fuzzer's would end the process.
pub(crate) fn bug() -> ! {
    std::panic::resume_unwind(Box::new("a handler has a bug"))
}

/// A response body.
pub(crate) struct Chaos {
    pub(crate) random: Random,
    pub(crate) frames: usize,
    pub(crate) length: Option<u64>,
    pub(crate) sleep: Option<Pin<Box<Sleep>>>,
    pub(crate) _one: One,
}

impl Body for Chaos {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if let Some(sleep) = &mut self.sleep {
            ready!(sleep.as_mut().poll(cx));
            self.sleep = None;
        }
        if self.frames == 0 {
            return Poll::Ready(None);
        }
        match self.random.below(60) {
            0 => bug(),
            1 => return Poll::Ready(Some(Err(io::ErrorKind::Other.into()))),
            2..10 => {
                let long = Duration::from_millis(self.random.below(9000) as u64);
                self.sleep = Some(Box::pin(sleep(long)));
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            _ => self.frames -= 1,
        }
        let frame = match self.frames {
            0 => Bytes::from_static(LAST),
            _ => vec![b'x'; [0, 1, 100, 5000, 70_000][self.random.below(5)]].into(),
        };
        Poll::Ready(Some(Ok(Frame::data(frame))))
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
