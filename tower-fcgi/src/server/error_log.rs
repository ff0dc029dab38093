//! What the code of a request logs, on its way to that request's STDERR.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::mem;

use super::response_writer::ResponseWriter;

/// The error log of the web server, as a [`Write`] for loggers: STDERR (FastCGI §5.3) of the request whose code
/// writes.
///
/// That is the request whose handler, or whose response's body, is being polled on the current thread. What is
/// written anywhere else, so also in a task or a thread that a handler has started, goes to the standard error of
/// the process; [`Stderr`](crate::Stderr) can be moved there.
///
/// Nothing waits here, as loggers cannot. What is written before the head of the answer is out follows the head,
/// since nginx has room for a few lines at most before it; a handler that waits keeps its lines until it answers.
/// What is written after that goes out with the next piece of the answer. More than 64 KiB at a time are dropped, and
/// a last line has the number of lines that were. So are the lines of a request that the web server gives up before it is
/// answered.
///
/// What comes from a client can forge lines in a log that shows the text as it is: log it with `{:?}`.
///
/// # Examples
/// ```
/// use tower_fcgi::ErrorLog;
/// use tracing_subscriber::filter::LevelFilter;
/// use tracing_subscriber::prelude::*;
///
/// // The web server writes the time beside each line.
/// let to_web_server = tracing_subscriber::fmt::layer()
///     .with_ansi(false)
///     .without_time()
///     .with_writer(ErrorLog::new)
///     .with_filter(LevelFilter::WARN);
/// let subscriber = tracing_subscriber::registry().with(to_web_server);
/// # tracing::subscriber::with_default(subscriber, || {});
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct ErrorLog(());

impl ErrorLog {
    /// There is one; this names it.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl Write for ErrorLog {
    /// Takes all of `text`. It is taken as lines: where it does not end with a line break, one is added.
    ///
    /// # Errors
    /// Only those of the process's standard error, outside of a request.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        if !IN_REQUEST.get() {
            return io::stderr().write(text);
        }
        LINES.with_borrow_mut(|lines| lines.push(text));
        WRITTEN.set(true);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes of a request's lines that wait at a time.
const MAX_BUFFERED: usize = 64 * 1024;

thread_local! {
    /// Whether the code of a request is running.
    static IN_REQUEST: Cell<bool> = const { Cell::new(false) };
    /// Whether there is anything in `LINES`. It is looked at several times a request, and this is the cheaper look.
    static WRITTEN: Cell<bool> = const { Cell::new(false) };
    /// What the code of the request that runs has written.
    static LINES: RefCell<LogBuffer> = const { RefCell::new(LogBuffer::new()) };
}

/// Lines that wait for a sink.
#[derive(Debug, Default)]
pub(crate) struct LogBuffer {
    text: Vec<u8>,
    /// Lines that there was no room for.
    lost: usize,
}

impl LogBuffer {
    const fn new() -> Self {
        Self { text: Vec::new(), lost: 0 }
    }

    fn push(&mut self, text: &[u8]) {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        if self.text.len() + text.len() < MAX_BUFFERED {
            self.text.extend_from_slice(text);
            self.text.push(b'\n');
        } else {
            self.push_what_fits(text);
        }
    }

    /// The whole lines at the front of `text` that there is room for; the others are counted.
    #[cold]
    fn push_what_fits(&mut self, text: &[u8]) {
        let room = MAX_BUFFERED.saturating_sub(self.text.len()).min(text.len());
        let fitting = memchr::memrchr(b'\n', &text[..room]).map_or(0, |end| end + 1);
        let (fitting, over) = text.split_at(fitting);
        self.text.extend_from_slice(fitting);
        self.lost += memchr::memchr_iter(b'\n', over).count() + 1;
    }

    fn append(&mut self, later: &Self) {
        if !later.text.is_empty() {
            self.push(&later.text);
        }
        self.lost += later.lost;
    }

    fn pour(&self, sink: &mut impl ResponseWriter) {
        if let Some(text) = self.text.strip_suffix(b"\n") {
            sink.stderr(text);
        }
        if self.lost > 0 {
            sink.stderr(format!("{} more lines were dropped here", self.lost).as_bytes());
        }
    }
}

/// Lines of a request whose head is not out.
#[derive(Debug, Default)]
pub(crate) struct DeferredLog(
    /// Nearly always none, in every connection.
    Option<Box<LogBuffer>>,
);

impl DeferredLog {
    /// Takes over what was written.
    #[inline]
    pub(crate) fn collect(&mut self) {
        if WRITTEN.get() {
            self.0.get_or_insert_default().append(&take());
        }
    }

    /// Puts what is held, and what was written after that, into a sink.
    pub(crate) fn pour(&mut self, sink: &mut impl ResponseWriter) {
        if let Some(lines) = self.0.take() {
            lines.pour(sink);
        }
        pour(sink);
    }
}

/// The code of a request runs until this is [left](Scope::leave). What it writes is there for [`pour`] and
/// [`Held::collect`] until then.
#[must_use = "it is to be left"]
pub(crate) struct LogScope {
    /// Of another request, whose code drives this one's connection.
    outer: Option<Box<LogBuffer>>,
    nested: bool,
}

impl LogScope {
    #[inline]
    pub(crate) fn enter() -> Self {
        let nested = IN_REQUEST.replace(true);
        let outer = if WRITTEN.get() { Some(Box::new(take())) } else { None };
        Self { outer, nested }
    }

    #[inline]
    pub(crate) fn leave(self) {
        IN_REQUEST.set(self.nested);
        if let Some(outer) = self.outer {
            restore(*outer);
        }
    }
}

#[cold]
fn restore(outer: LogBuffer) {
    LINES.replace(outer);
    WRITTEN.set(true);
}

/// Whether there is anything for [`pour`] or [`Held::collect`].
#[inline]
pub(crate) fn is_written() -> bool {
    WRITTEN.get()
}

/// Puts what was written into a sink.
#[inline]
pub(crate) fn pour(sink: &mut impl ResponseWriter) {
    if WRITTEN.get() {
        take().pour(sink);
    }
}

#[cold]
fn take() -> LogBuffer {
    WRITTEN.set(false);
    LINES.with_borrow_mut(mem::take)
}
