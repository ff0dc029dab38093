//! The body of a response.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::error::{Error, ErrorCause};
use crate::body::BodyChannel;

/// The body of a response that was received over FastCGI.
///
/// It ends with END_REQUEST (FastCGI §5.5). If the response is cut off or shorter than its Content-Length, the body returns
/// an [`Error`], never a clean end. A longer one is cut to its Content-Length, with a warning in the log. It has no trailers.
///
/// Reading it resumes paused input. Dropping it before its end aborts the request with ABORT_REQUEST (§5.4), unless all bytes
/// of its Content-Length were read or the response has no body: then the application ends the request.
///
/// ```
/// use bytes::Bytes;
/// use http::Response;
/// use http_body_util::BodyExt as _;
/// use tower_fcgi::client::{Error, ResponseBody};
///
/// /// The whole body, which is complete if there is no error.
/// async fn whole(response: Response<ResponseBody>) -> Result<Bytes, Error> {
///     Ok(response.into_body().collect().await?.to_bytes())
/// }
/// ```
pub struct ResponseBody {
    /// `None` after the end, clean or not.
    cell: Option<Arc<BodyChannel<ErrorCause>>>,
    length: ExpectedLength,
}

/// How many bytes of a body are still to come.
#[derive(Debug, Clone, Copy)]
pub(super) enum ExpectedLength {
    /// Any number.
    Any,
    /// This many more, by Content-Length.
    Left(u64),
    /// None: a response to HEAD, a 204 or a 304 (RFC 9110 §6.4.1). What the application sends is dropped.
    NoBody,
}

impl ResponseBody {
    pub(super) const fn new(cell: Arc<BodyChannel<ErrorCause>>, length: ExpectedLength) -> Self {
        Self { cell: Some(cell), length }
    }
}

impl ExpectedLength {
    const fn take(&mut self, bytes: usize) {
        if let Self::Left(left) = self {
            // The connection delivers no more than that.
            *left = left.saturating_sub(bytes as u64);
        }
    }

    const fn end(self) -> Result<(), ErrorCause> {
        match self {
            Self::Any | Self::NoBody | Self::Left(0) => Ok(()),
            Self::Left(_) => Err(ErrorCause::TooShort),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        let Some(cell) = &this.cell else { return Poll::Ready(None) };
        let checked = ready!(cell.poll_chunk(cx)).and_then(|chunk| {
            match &chunk {
                Some(chunk) => this.length.take(chunk.len()),
                None => this.length.end()?,
            }
            Ok(chunk)
        });
        Poll::Ready(match checked {
            Ok(Some(chunk)) => Some(Ok(Frame::data(chunk))),
            Ok(None) => {
                this.cell = None;
                None
            }
            Err(kind) => {
                cell.close();
                this.cell = None;
                Some(Err(kind.into()))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.cell.is_none() || matches!(self.length, ExpectedLength::NoBody)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.cell, self.length) {
            // Not exact: an HTTP server would make it the Content-Length of a response to HEAD.
            (_, ExpectedLength::NoBody) => SizeHint::default(),
            (None, _) => SizeHint::with_exact(0),
            (Some(_), ExpectedLength::Left(left)) => SizeHint::with_exact(left),
            (Some(_), ExpectedLength::Any) => SizeHint::default(),
        }
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        // A body that was read completely or has no bytes does not abort the request: the connection detects that it holds
        // the only reference.
        if let (Some(cell), ExpectedLength::Any | ExpectedLength::Left(1..)) = (&self.cell, self.length) {
            cell.close();
        }
    }
}

impl fmt::Debug for ResponseBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseBody").field("length", &self.length).finish_non_exhaustive()
    }
}
