//! The body of a request: STDIN, or a Filter's DATA, as an [`http_body::Body`].

mod channel;
mod error;

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

pub(crate) use self::channel::{BodyChannel, Receiver, SendOutcome};
pub use self::error::BodyError;
pub(crate) use self::error::BodyErrorKind;

/// The body of a request that came over FastCGI.
///
/// It ends exactly on the terminal STDIN record (FastCGI §5.3), not when CONTENT_LENGTH bytes have come, and
/// not when the connection is lost: a body that the web server cut short is a [`BodyError`], never a clean
/// end. It has no trailers.
///
/// In a [CGI program](crate::serve_cgi()), whose input has no such end, CONTENT_LENGTH bytes are all of it.
///
/// Reading it lets further input flow; leaving it unread holds the input back once the limits are reached;
/// dropping it drops what is left. A body that outlives its request gives an error.
///
/// `size_hint` is exact where the web server told a CONTENT_LENGTH.
///
/// A Filter has a second one: its DATA (FastCGI §6.4), with FCGI_DATA_LENGTH for the length. See
/// [`FilterData`](crate::FilterData).
pub struct RequestBody {
    source: Source,
    length: Length,
}

/// Where the bytes come from.
enum Source {
    /// There is nothing more: the body has ended, cleanly or not.
    Over,
    /// STDIN had ended before the request was dispatched: nothing is shared with the connection.
    Whole(VecDeque<Bytes>),
    /// STDIN goes on.
    Streaming(Arc<BodyChannel>),
}

/// CONTENT_LENGTH, kept honest.
#[derive(Debug, Clone, Copy)]
struct Length {
    /// Bytes that are still to come, where it was told how many.
    left: Option<u64>,
}

impl RequestBody {
    /// No bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self { source: Source::Over, length: Length { left: Some(0) } }
    }

    /// All of STDIN, with CONTENT_LENGTH as it was told.
    pub(crate) fn whole(chunks: VecDeque<Bytes>, content_length: Option<u64>) -> Self {
        if chunks.is_empty() && matches!(content_length, None | Some(0)) {
            return Self::empty();
        }
        Self { source: Source::Whole(chunks), length: Length { left: content_length } }
    }

    /// STDIN, as it comes into `cell`.
    pub(crate) const fn streaming(cell: Arc<BodyChannel>, content_length: Option<u64>) -> Self {
        Self { source: Source::Streaming(cell), length: Length { left: content_length } }
    }
}

impl Length {
    fn take(&mut self, bytes: usize) -> Result<(), BodyErrorKind> {
        if let Some(left) = &mut self.left {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            *left = left.checked_sub(bytes).ok_or(BodyErrorKind::TooLong)?;
        }
        Ok(())
    }

    const fn end(self) -> Result<(), BodyErrorKind> {
        match self.left {
            None | Some(0) => Ok(()),
            Some(_) => Err(BodyErrorKind::TooShort),
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let next = match &mut self.source {
            Source::Over => return Poll::Ready(None),
            Source::Whole(chunks) => Ok(chunks.pop_front()),
            Source::Streaming(cell) => std::task::ready!(cell.poll_chunk(cx)),
        };
        let length = &mut self.length;
        let checked = next.and_then(|chunk| {
            match &chunk {
                Some(chunk) => length.take(chunk.len())?,
                None => length.end()?,
            }
            Ok(chunk)
        });
        Poll::Ready(match checked {
            Ok(Some(chunk)) => Some(Ok(Frame::data(chunk))),
            Ok(None) => {
                self.source = Source::Over;
                None
            }
            Err(kind) => {
                if let Source::Streaming(cell) = &self.source {
                    cell.close();
                }
                self.source = Source::Over;
                self.length.left = None;
                Some(Err(kind.into()))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Over => true,
            Source::Whole(chunks) => chunks.is_empty() && self.length.end().is_ok(),
            Source::Streaming(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.source, self.length.left) {
            (Source::Over, _) => SizeHint::with_exact(0),
            (_, Some(left)) => SizeHint::with_exact(left),
            (Source::Whole(chunks), None) => {
                SizeHint::with_exact(chunks.iter().map(|chunk| chunk.len() as u64).sum())
            }
            (Source::Streaming(_), None) => SizeHint::default(),
        }
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if let Source::Streaming(cell) = &self.source {
            cell.close();
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").field("left", &self.length.left).finish_non_exhaustive()
    }
}
