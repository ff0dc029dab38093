//! Sends the body of a request as STDIN.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::header::{CONTENT_LENGTH, HeaderMap};
use http_body::Body;

use super::error::ErrorCause;
use crate::cgi::encode_request::RequestBodyLength;
use crate::cgi::{parse_decimal, trim_ows};

/// The length in bytes of a request's body, as [`client`](crate::client) tells it to the application (RFC 3875 §4.1.2): the
/// body's exact size, else the Content-Length in `headers`. `None` if neither is known, or if Content-Length is not all
/// digits (RFC 9110 §8.6).
///
/// ```
/// use http::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
/// use http_body_util::Full;
/// use tower_fcgi::client::body_length;
///
/// let body = Full::new(&b"Hello!"[..]);
/// assert_eq!(body_length(&body, &HeaderMap::new()), Some(6));
/// # let (_sender, body) = http_body_util::channel::Channel::<&[u8]>::new(1);
///
/// // A body that streams does not know its size.
/// let mut headers = HeaderMap::new();
/// headers.insert(CONTENT_LENGTH, HeaderValue::from_static("6"));
/// assert_eq!(body_length(&body, &headers), Some(6));
/// headers.insert(CONTENT_LENGTH, HeaderValue::from_static("+6"));
/// assert_eq!(body_length(&body, &headers), None);
/// ```
pub fn body_length<B: Body>(body: &B, headers: &HeaderMap) -> Option<u64> {
    body.size_hint().exact().or_else(|| declared_length(headers))
}

fn declared_length(headers: &HeaderMap) -> Option<u64> {
    parse_decimal(trim_ows(headers.get(CONTENT_LENGTH)?.as_bytes()))
}

/// The upload of a request's body. Fails if the body does not have its declared length (RFC 9110 §8.6).
pub(super) struct RequestUpload<B> {
    state: BodySource<B>,
    /// The bytes still to come, if the length is declared.
    left: Option<u64>,
    /// The rest of a frame that was longer than one chunk; not empty.
    rest: Option<Box<Bytes>>,
}

enum BodySource<B> {
    /// The body was not polled, and can be returned.
    Untouched(B),
    Streaming(Pin<Box<B>>),
    Ended,
}

impl<B> RequestUpload<B>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// The upload of `body`, and the [length](body_length) to send. An empty body without a Content-Length
    /// counts as no body.
    pub(super) fn new(body: B, headers: &HeaderMap) -> (Self, RequestBodyLength) {
        let left = body_length(&body, headers);
        let length = match left {
            Some(0) if declared_length(headers).is_none() => RequestBodyLength::NoBody,
            Some(length) => RequestBodyLength::Known(length),
            None => RequestBodyLength::Unknown,
        };
        (Self { state: BodySource::Untouched(body), left, rest: None }, length)
    }

    /// Whether the rest of the body has an end: one of unknown length may have none.
    pub(super) fn is_bounded(&self) -> bool {
        match &self.state {
            BodySource::Untouched(body) => self.left.is_some() || body.is_end_stream(),
            BodySource::Streaming(_) => self.left.is_some(),
            BodySource::Ended => true,
        }
    }

    /// Polls for the next chunk, at most `limit` bytes; `None` at the end.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        limit: usize,
    ) -> Poll<Result<Option<Bytes>, ErrorCause>> {
        let mut rest = match self.rest.take() {
            Some(rest) => rest,
            None => match ready!(self.poll_body(cx))? {
                Some(bytes) if bytes.len() > limit => Box::new(bytes),
                bytes => return Poll::Ready(Ok(bytes)),
            },
        };
        let chunk = rest.split_to(limit.min(rest.len()));
        self.rest = Some(rest).filter(|rest| !rest.is_empty());
        Poll::Ready(Ok(Some(chunk)))
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ErrorCause>> {
        if let BodySource::Untouched(body) = &self.state {
            if body.is_end_stream() {
                // Do not poll an empty body, so that it can be returned.
                return Poll::Ready(self.end());
            }
            if let BodySource::Untouched(body) = std::mem::replace(&mut self.state, BodySource::Ended) {
                self.state = BodySource::Streaming(Box::pin(body));
            }
        }
        // Poll in place: a body that panics must be dropped later, not during the unwinding.
        while let BodySource::Streaming(body) = &mut self.state {
            let Some(frame) = ready!(body.as_mut().poll_frame(cx)) else { return Poll::Ready(self.end()) };
            let frame = frame.map_err(ErrorCause::request_body)?;
            // RFC 3875 has no trailers.
            let Ok(mut data) = frame.into_data() else { continue };
            if !data.has_remaining() {
                continue;
            }
            self.count(data.remaining())?;
            return Poll::Ready(Ok(Some(data.copy_to_bytes(data.remaining()))));
        }
        Poll::Ready(Ok(None))
    }

    /// The body if it was not polled, or else what is left of it.
    pub(super) fn into_untouched(self) -> (Option<B>, Option<Self>) {
        match self.state {
            BodySource::Untouched(body) => (Some(body), None),
            state => (None, Some(Self { state, ..self })),
        }
    }

    /// Takes the body out if it was polled. Call after its end.
    pub(super) fn take_polled(&mut self) -> Option<Pin<Box<B>>> {
        match std::mem::replace(&mut self.state, BodySource::Ended) {
            BodySource::Streaming(body) => Some(body),
            state => {
                self.state = state;
                None
            }
        }
    }

    fn count(&mut self, bytes: usize) -> Result<(), ErrorCause> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(bytes as u64).ok_or(ErrorCause::RequestLength)?;
        }
        Ok(())
    }

    const fn end(&self) -> Result<Option<Bytes>, ErrorCause> {
        match self.left {
            None | Some(0) => Ok(None),
            Some(_) => Err(ErrorCause::RequestLength),
        }
    }
}
