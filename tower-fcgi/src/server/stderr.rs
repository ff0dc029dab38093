//! Error text of the application, on its way to the web server's log.

use std::fmt;

use fcgi_core::RequestKey;

use super::handle::ConnectionHandle;
use super::stderr_queue::StderrClosed;

/// A request's STDERR (FastCGI §5.3): what is written there is in the web server's own error log, beside the
/// request that it is about, and never at the client.
///
/// [`Params::stderr`](crate::Params::stderr) gives it. A clone writes to the same stream. It may be moved
/// into the response's body, or into a task that outlives the request; it keeps nothing alive there.
#[derive(Clone)]
pub struct Stderr {
    connection: ConnectionHandle,
    /// `None` in a CGI program, which has one request.
    key: Option<RequestKey>,
}

impl Stderr {
    pub(crate) fn new(connection: &ConnectionHandle, key: RequestKey) -> Self {
        Self { connection: connection.clone(), key: Some(key) }
    }

    /// The standard error of a CGI program.
    pub(crate) fn of_program(program: &ConnectionHandle) -> Self {
        Self { connection: program.clone(), key: None }
    }

    /// Writes a line, and waits until it has its place in the connection's output: before all of the answer
    /// that is given after that. While the web server is slow to read, that takes as long as the web server
    /// does, so that a flood of lines does not pile up: of those that wait, at most 64 KiB of a connection, or one
    /// that is longer, are held by the connection, also where their futures were dropped. The others are held by their
    /// futures.
    ///
    /// A line break is added. One that is inside stays there, and nothing is escaped: what comes from a
    /// client can forge lines in a log that shows the text as it is, so write it with `{:?}`.
    ///
    /// Lines of over 8 KiB go out in several records
    /// ([`Limits::max_stderr_record`](crate::Limits::max_stderr_record)); some web servers put each on a line of its
    /// own.
    ///
    /// Write no more than a few lines before the answer's head is out: nginx reads them into the buffer that
    /// it has for the head (`fastcgi_buffer_size`, 4 KiB), and what does not fit there together with the head
    /// can cost the answer ("too big header", a 502), or hold it up. Behind the head there is no such bound.
    ///
    /// # Errors
    /// [`StderrClosed`] once the request is over: answered to its end, given up by the web server, or gone
    /// with its connection.
    ///
    /// # Cancel safety
    /// A line whose future is dropped before it is ready is mostly not written, but it may be.
    pub async fn write(&self, line: impl Into<Vec<u8>>) -> Result<(), StderrClosed> {
        let mut text = line.into();
        text.push(b'\n');
        let queued = self.connection.stderr().push(self.key, text).await?;
        self.connection.wake();
        queued.await.map_err(|_| StderrClosed)
    }
}

impl fmt::Debug for Stderr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stderr").finish_non_exhaustive()
    }
}
