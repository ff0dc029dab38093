//! The body of a request on its way to STDIN.

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http::header::{CONTENT_LENGTH, HeaderMap};
use http_body::Body;

use super::error::ErrorKind;
use super::guard::drop_caught;
use crate::cgi::decimal;

/// A body that is being sent, never more of it than it said.
pub(super) struct RequestUpload<B> {
    state: State<B>,
    /// Bytes that are still to come, where it is known how many.
    left: Option<u64>,
    /// What was taken of it and is yet to be sent, where it was too much for once; not empty.
    rest: Option<Box<Bytes>>,
}

enum State<B> {
    /// Nothing of it was taken.
    Whole(B),
    Begun(Pin<Box<B>>),
    /// There is no more of it.
    Over,
}

impl<B> RequestUpload<B>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// And the length that the application is to be told: what the body knows of itself, else what the request
    /// says. None where there is nothing to send and nobody has said so.
    pub(super) fn new(body: B, headers: &HeaderMap) -> (Self, Option<u64>) {
        let said = headers.get(CONTENT_LENGTH).and_then(|length| decimal(length.as_bytes()));
        let exact = body.size_hint().exact();
        let left = exact.or(said);
        let told = left.filter(|length| *length > 0 || said.is_some());
        (Self { state: State::Whole(body), left, rest: None }, told)
    }

    /// The next bytes, at most so many; `None` at the end.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Poll<Result<Option<Bytes>, ErrorKind>> {
        let mut rest = match self.rest.take() {
            Some(rest) => rest,
            None => match ready!(self.poll_body(cx))? {
                Some(bytes) if bytes.len() > most => Box::new(bytes),
                bytes => return Poll::Ready(Ok(bytes)),
            },
        };
        let part = rest.split_to(most.min(rest.len()));
        self.rest = Some(rest).filter(|rest| !rest.is_empty());
        Poll::Ready(Ok(Some(part)))
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, ErrorKind>> {
        if let State::Whole(body) = &self.state {
            if body.is_end_stream() {
                // Not polled, so that it can be given back.
                return Poll::Ready(self.end());
            }
            if let State::Whole(body) = std::mem::replace(&mut self.state, State::Over) {
                self.state = State::Begun(Box::pin(body));
            }
        }
        // It is polled where it lies: one that panics is dropped later, and not while that unwinds.
        while let State::Begun(body) = &mut self.state {
            let Some(frame) = ready!(body.as_mut().poll_frame(cx)) else {
                self.let_go();
                return Poll::Ready(self.end());
            };
            let frame = frame.map_err(ErrorKind::request_body)?;
            // CGI has no trailers.
            let Ok(mut data) = frame.into_data() else { continue };
            if !data.has_remaining() {
                continue;
            }
            self.take(data.remaining())?;
            return Poll::Ready(Ok(Some(data.copy_to_bytes(data.remaining()))));
        }
        Poll::Ready(Ok(None))
    }

    /// The body, where nothing of it was taken.
    pub(super) fn into_whole(mut self) -> Option<B> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::Whole(body) => Some(body),
            State::Begun(body) => {
                drop_caught(body);
                None
            }
            State::Over => None,
        }
    }

    /// Drops the body.
    pub(super) fn let_go(&mut self) {
        drop_caught(std::mem::replace(&mut self.state, State::Over));
    }

    fn take(&mut self, bytes: usize) -> Result<(), ErrorKind> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(bytes as u64).ok_or(ErrorKind::RequestLength)?;
        }
        Ok(())
    }

    const fn end(&self) -> Result<Option<Bytes>, ErrorKind> {
        match self.left {
            None | Some(0) => Ok(None),
            Some(_) => Err(ErrorKind::RequestLength),
        }
    }
}
