//! The body of a request: STDIN or a Filter's DATA, as an [`http_body::Body`].

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::InputChannel;
use super::channel::BodyRest;
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
/// `size_hint` is exact if the web server sent a CONTENT_LENGTH, and once STDIN has ended. As over HTTP, a request of HTTP/1.x
/// without Content-Length and Transfer-Encoding has no body: `size_hint` is exactly 0 and `is_end_stream` true, even if the
/// record that ends STDIN comes later. A web server that sends a body all the same breaks HTTP's rules, but no byte is
/// lost: poll the body to read it.
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
    Streaming(Arc<InputChannel>),
}

/// The bytes of a body that still follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeclaredBodyLength {
    /// By CONTENT_LENGTH: more or less is an error.
    Exactly(u64),
    /// None, by HTTP's rules. But any number may.
    NoneExpected,
    /// Any number may.
    Unknown,
}

impl From<Option<u64>> for DeclaredBodyLength {
    fn from(content_length: Option<u64>) -> Self {
        content_length.map_or(Self::Unknown, Self::Exactly)
    }
}

impl RequestBody {
    /// A body without bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self { source: Source::Ended, length: DeclaredBodyLength::Exactly(0) }
    }

    /// A body that was received completely, and the length that the web server sent.
    pub(crate) fn whole(chunks: VecDeque<Bytes>, content_length: Option<u64>) -> Self {
        if chunks.is_empty() && matches!(content_length, None | Some(0)) {
            return Self::empty();
        }
        Self { source: Source::Whole(chunks), length: content_length.into() }
    }

    /// A stream that is received through `channel`.
    pub(crate) const fn streaming(channel: Arc<InputChannel>, length: DeclaredBodyLength) -> Self {
        Self { source: Source::Streaming(channel), length }
    }

    /// Whether no more bytes can come: the web server has ended the body, and all of it was read. Unlike
    /// [`is_end_stream`](Body::is_end_stream), this is never only a conclusion from HTTP's rules, so the body can be
    /// replaced by an empty one.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        match &self.source {
            Source::Ended => true,
            Source::Whole(chunks) => chunks.is_empty() && self.length.end().is_ok(),
            Source::Streaming(_) => false,
        }
    }
}

impl DeclaredBodyLength {
    fn take(&mut self, bytes: usize) -> Result<(), BodyErrorKind> {
        if let Self::Exactly(left) = self {
            let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
            *left = left.checked_sub(bytes).ok_or(BodyErrorKind::TooLong)?;
        }
        Ok(())
    }

    const fn end(self) -> Result<(), BodyErrorKind> {
        match self {
            Self::Exactly(0) | Self::NoneExpected | Self::Unknown => Ok(()),
            Self::Exactly(_) => Err(BodyErrorKind::TooShort),
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
                self.length = DeclaredBodyLength::Unknown;
                Some(Err(BodyError::new(kind)))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        match (&self.source, self.length) {
            (Source::Streaming(channel), DeclaredBodyLength::NoneExpected) => {
                matches!(channel.rest(), Some(BodyRest::NothingYet | BodyRest::Exactly(0)))
            }
            (Source::Streaming(channel), DeclaredBodyLength::Unknown) => {
                channel.rest() == Some(BodyRest::Exactly(0))
            }
            _ => self.has_ended(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.source, self.length) {
            (Source::Ended, _) => SizeHint::with_exact(0),
            (_, DeclaredBodyLength::Exactly(left)) => SizeHint::with_exact(left),
            (Source::Whole(chunks), _) => {
                SizeHint::with_exact(chunks.iter().map(|chunk| chunk.len() as u64).sum())
            }
            (Source::Streaming(channel), length) => match channel.rest() {
                Some(BodyRest::Exactly(rest)) => SizeHint::with_exact(rest),
                Some(BodyRest::NothingYet) if length == DeclaredBodyLength::NoneExpected => {
                    SizeHint::with_exact(0)
                }
                Some(BodyRest::NothingYet) | None => SizeHint::default(),
            },
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
        f.debug_struct("RequestBody").field("length", &self.length).finish_non_exhaustive()
    }
}
