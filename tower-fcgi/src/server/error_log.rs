//! Writes the log lines of a request's code to the request's STDERR.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::mem;

use super::response_writer::ResponseWriter;

/// The error log of the web server, as a [`Write`] for loggers: STDERR (FastCGI §5.3) of the current request.
///
/// The current request is the one whose handler or response body is being polled on the current thread. Lines written
/// elsewhere, for example in a task or a thread that a handler has started, go to the standard error of the process: move a
/// [`Stderr`](crate::Stderr) there instead.
///
/// A write never waits, since loggers cannot. Lines written before the head of the response are buffered and sent after the
/// head, because nginx has room for only a few lines before it. Later lines are sent with the next part of the response.
/// Lines over 64 KiB at a time are dropped, and a last line has the number of dropped lines. If the web server aborts a
/// request before its response, its lines are dropped too.
///
/// Text from a client can forge lines in a log that shows it unescaped: log it with `{:?}`.
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
    /// The error log of the current request.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl Write for ErrorLog {
    /// Writes all of `text`, as lines: a line break is added if it does not end with one.
    ///
    /// # Errors
    /// Outside of a request, those of the process's standard error; within a request, none.
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

/// The most bytes of a request's lines that are buffered.
const MAX_BUFFERED: usize = 64 * 1024;

thread_local! {
    /// Whether code of a request is running.
    static IN_REQUEST: Cell<bool> = const { Cell::new(false) };
    /// Whether `LINES` is not empty. Separate, because it is read several times per request and is cheaper to read.
    static WRITTEN: Cell<bool> = const { Cell::new(false) };
    /// The lines that the current request has written.
    static LINES: RefCell<LogBuffer> = const { RefCell::new(LogBuffer::new()) };
}

/// A buffer of lines.
#[derive(Debug, Default)]
pub(crate) struct LogBuffer {
    text: Vec<u8>,
    /// The number of dropped lines.
    dropped: usize,
}

impl LogBuffer {
    const fn new() -> Self {
        Self { text: Vec::new(), dropped: 0 }
    }

    fn push(&mut self, text: &[u8]) {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        if self.text.len() + text.len() < MAX_BUFFERED {
            self.text.extend_from_slice(text);
            self.text.push(b'\n');
        } else {
            self.push_fitting(text);
        }
    }

    /// Buffers the whole lines of `text` that fit, and counts the others.
    #[cold]
    fn push_fitting(&mut self, text: &[u8]) {
        let room = MAX_BUFFERED.saturating_sub(self.text.len()).min(text.len());
        let fitting = memchr::memrchr(b'\n', &text[..room]).map_or(0, |end| end + 1);
        let (fitting, over) = text.split_at(fitting);
        self.text.extend_from_slice(fitting);
        self.dropped += memchr::memchr_iter(b'\n', over).count() + 1;
    }

    fn append(&mut self, later: &Self) {
        if !later.text.is_empty() {
            self.push(&later.text);
        }
        self.dropped += later.dropped;
    }

    fn flush_to(&self, writer: &mut impl ResponseWriter) {
        if let Some(text) = self.text.strip_suffix(b"\n") {
            writer.stderr(text);
        }
        if self.dropped > 0 {
            writer.stderr_dropped(self.dropped);
            writer.stderr(format!("{} more lines were dropped here", self.dropped).as_bytes());
        }
    }
}

/// The lines of a request whose head is not written yet.
#[derive(Debug, Default)]
pub(crate) struct DeferredLog(
    /// `None` while empty, as it usually is.
    Option<Box<LogBuffer>>,
);

impl DeferredLog {
    /// Takes the lines that were written since the last call.
    #[inline]
    pub(crate) fn collect(&mut self) {
        if WRITTEN.get() {
            self.0.get_or_insert_default().append(&take());
        }
    }

    /// Writes the taken lines, and those written since, to STDERR.
    pub(crate) fn flush_to(&mut self, writer: &mut impl ResponseWriter) {
        if let Some(lines) = self.0.take() {
            lines.flush_to(writer);
        }
        flush_to(writer);
    }
}

/// The scope in which code of a request runs, until it is [left](Self::leave). [`flush_to`] and [`DeferredLog::collect`] take
/// the lines that the code writes in it.
#[must_use = "it must be left"]
pub(crate) struct LogScope {
    /// The lines of an outer request, whose code polls this request's connection.
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

/// Runs `code` outside of the current request: what it logs is written to its STDERR in another way.
pub(crate) fn outside_request(code: impl FnOnce()) {
    let inside = IN_REQUEST.replace(false);
    code();
    IN_REQUEST.set(inside);
}

/// Whether the current request has written any lines.
#[inline]
pub(crate) fn is_written() -> bool {
    WRITTEN.get()
}

/// Writes the lines of the current request to STDERR.
#[inline]
pub(crate) fn flush_to(writer: &mut impl ResponseWriter) {
    if WRITTEN.get() {
        take().flush_to(writer);
    }
}

#[cold]
fn take() -> LogBuffer {
    WRITTEN.set(false);
    LINES.with_borrow_mut(mem::take)
}
