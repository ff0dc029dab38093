//! A request's STDERR, for the application.

use std::fmt;

use fcgi_core::{RequestId, RequestKey};

use super::handle::ConnectionHandle;
use super::stderr_queue::StderrClosed;

/// A request's STDERR (FastCGI §5.3), which the web server writes to its error log. The client never gets it.
///
/// Get it with [`Params::stderr`](crate::Params::stderr). A clone writes to the same stream. It can be moved into the
/// response's body, or into a task that outlives the request, and does not keep the request alive there.
///
/// ```
/// use std::convert::Infallible;
///
/// use http::{Request, Response};
/// use tower_fcgi::{Params, RequestBody, Stderr, StderrClosed};
///
/// async fn report(stderr: &Stderr) -> Result<(), StderrClosed> {
///     stderr.write("the disk is nearly full").await
/// }
///
/// async fn handler(request: Request<RequestBody>) -> Result<Response<String>, Infallible> {
///     if let Some(stderr) = request.extensions().get().and_then(Params::stderr) {
///         // An error says that the request has ended, so there is no client either.
///         let _ = report(&stderr).await;
///     }
///     Ok(Response::new("Hello!".to_owned()))
/// }
/// # let _ = tower::service_fn(handler);
/// ```
#[derive(Clone)]
pub struct Stderr {
    connection: ConnectionHandle,
    /// `None` in a CGI program, which has one request.
    key: Option<RequestKey>,
    id: Option<RequestId>,
}

impl Stderr {
    pub(crate) fn new(connection: &ConnectionHandle, key: RequestKey, id: RequestId) -> Self {
        Self { connection: connection.clone(), key: Some(key), id: Some(id) }
    }

    /// The standard error of a CGI program.
    pub(crate) fn of_program(program: &ConnectionHandle) -> Self {
        Self { connection: program.clone(), key: None, id: None }
    }

    /// The connection of the request, and the request's id on it.
    pub(crate) const fn request(&self) -> (&ConnectionHandle, Option<RequestId>) {
        (&self.connection, self.id)
    }

    /// Writes a line, and waits until it is in the connection's output: before the rest of the response.
    ///
    /// If the web server reads slowly, the future completes late, so that lines cannot pile up: the connection buffers at most
    /// 64 KiB of waiting lines, or one longer line, including those whose futures were dropped. The others stay in their
    /// futures.
    ///
    /// A line break is added. Line breaks in the text are kept, and nothing is escaped: text from a client can forge lines
    /// in a log that shows it unescaped, so write it with `{:?}`.
    ///
    /// Lines of over 8 KiB are split into records ([`Limits::max_stderr_record`](crate::Limits::max_stderr_record)), each of
    /// which some web servers log as a line of its own.
    ///
    /// Write only a few lines before the head of the response: nginx reads them into the buffer for the head
    /// (`fastcgi_buffer_size`, 4 KiB), and lines that do not fit together with the head can cost the response ("too big
    /// header", a 502) or delay it. After the head there is no such limit.
    ///
    /// # Errors
    /// [`StderrClosed`] once the request has ended: answered completely, aborted by the web server, or gone with its
    /// connection.
    ///
    /// # Cancel safety
    /// If the future is dropped before it completes, the line is usually not written, but it may be.
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
