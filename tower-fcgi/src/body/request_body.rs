//! The body of a request: STDIN or a Filter's DATA, as an [`http_body::Body`].

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::channel::BodyChannel;
use super::error::{BodyError, BodyErrorKind};

/// The body of a request, as the web server sends it.
///
/// It ends with the empty STDIN record (FastCGI §5.3), not after CONTENT_LENGTH bytes and not when the connection is lost: a
/// body that the web server cuts short is a [`BodyError`], never a clean end. It has no trailers.
///
/// In a [CGI program](crate::serve_cgi()), whose input has no such record, it has CONTENT_LENGTH bytes (RFC 3875 §4.2).
///
/// Reading it lets input flow. An unread body pauses the input once the limits are reached, and a dropped one is
/// discarded. A body that outlives its request returns an error.
///
/// `size_hint` is exact if the web server sent a CONTENT_LENGTH.
///
/// A Filter has a second body: its DATA (FastCGI §6.4), with the length FCGI_DATA_LENGTH. See
/// [`FilterData`](crate::FilterData).
pub struct RequestBody {
    source: Source,
    length: DeclaredBodyLength,
}

/// Where the bytes come from.
enum Source {
    /// The body has ended, cleanly or not.
    Ended,
    /// The stream had ended before the request was dispatched: nothing is shared with the connection.
    Whole(VecDeque<Bytes>),
    /// The stream is still open.
    Streaming(Arc<BodyChannel>),
}

/// Checks the bytes of a body against CONTENT_LENGTH.
#[derive(Debug, Clone, Copy)]
struct DeclaredBodyLength {
    /// Bytes that must still follow. `None`: any number may.
    left: Option<u64>,
}

impl RequestBody {
    /// A body without bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self { source: Source::Ended, length: DeclaredBodyLength { left: Some(0) } }
    }

    /// A body that was received completely, and the length that the web server sent.
    pub(crate) fn whole(chunks: VecDeque<Bytes>, content_length: Option<u64>) -> Self {
        if chunks.is_empty() && matches!(content_length, None | Some(0)) {
            return Self::empty();
        }
        Self { source: Source::Whole(chunks), length: DeclaredBodyLength { left: content_length } }
    }

    /// A stream that is received through `channel`.
    pub(crate) const fn streaming(channel: Arc<BodyChannel>, content_length: Option<u64>) -> Self {
        Self { source: Source::Streaming(channel), length: DeclaredBodyLength { left: content_length } }
    }
}

impl DeclaredBodyLength {
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
            Source::Ended => return Poll::Ready(None),
            Source::Whole(chunks) => Ok(chunks.pop_front()),
            Source::Streaming(channel) => std::task::ready!(channel.poll_chunk(cx)),
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
                self.source = Source::Ended;
                None
            }
            Err(kind) => {
                if let Source::Streaming(channel) = &self.source {
                    channel.close();
                }
                self.source = Source::Ended;
                self.length.left = None;
                Some(Err(kind.into()))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Ended => true,
            Source::Whole(chunks) => chunks.is_empty() && self.length.end().is_ok(),
            Source::Streaming(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.source, self.length.left) {
            (Source::Ended, _) => SizeHint::with_exact(0),
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
        if let Source::Streaming(channel) = &self.source {
            channel.close();
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").field("left", &self.length.left).finish_non_exhaustive()
    }
}
