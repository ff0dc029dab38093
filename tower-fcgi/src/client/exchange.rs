//! One request and its answer.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use fcgi_core::client::Connection as Protocol;
use fcgi_core::{EndRequest, Key, Misuse, ProtocolStatus};
use http::{Method, Request, Response, StatusCode, request};
use http_body::Body;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Span;

use super::config::Config;
use super::dispatch::{Answer, Call, Unanswered};
use super::error::Kind;
use super::guard::{guard, let_go};
use super::request_body::Upload;
use super::response_body::{Length, ResponseBody};
use crate::body::{Cell, Delivered, Reader};
use crate::cgi::decode_response::{Head, Partial};
use crate::cgi::encode_request;

/// Bytes that the meta-variables of a browser's request take, with what is around them.
const PARAMS: usize = 2048;

/// A request that is under way.
pub(super) struct Exchange<B> {
    pub(super) key: Key,
    upload: Sending<B>,
    reply: Reply<B>,
    to_head: bool,
    /// To give the request back where that makes sense.
    parts: Option<request::Parts>,
    /// Bytes that the connection had written when this began.
    written_before: u64,
    /// When the application has to have ended it: once it is given up.
    pub(super) deadline: Option<Instant>,
    /// The caller's, in which everything of this request is logged.
    pub(super) span: Span,
}

enum Sending<B> {
    Body(Upload<B>),
    /// Its end was sent. What was not polled of the body is kept as long as it may be given back.
    Sent(Upload<B>),
    /// It goes no further: the caller or the application has given up.
    Stopped,
}

enum Reply<B> {
    Head {
        answer: oneshot::Sender<Answer<B>>,
        partial: Partial,
    },
    Body(Arc<Cell<Kind>>),
    /// The caller has all that it wants; the application may take its time over the end.
    Had,
    /// Nobody waits for it.
    GivenUp,
}

/// Whether the caller still wants the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    Waits,
    Gone,
    /// It was gone before, or has all that it wants.
    WasGone,
}

impl<B> Exchange<B> {
    /// The caller is gone, or was told why there is no answer: what is awaited is the request's end.
    pub(super) const fn is_given_up(&self) -> bool {
        matches!(self.reply, Reply::GivenUp)
    }

    /// Bytes of the answer that its reader has not taken.
    pub(super) fn unread(&self) -> usize {
        match &self.reply {
            Reply::Body(cell) => cell.unread(),
            Reply::Head { .. } | Reply::Had | Reply::GivenUp => 0,
        }
    }

    /// The connection is no more.
    pub(super) fn cut_off(&self) {
        if let Reply::Body(cell) = &self.reply {
            cell.break_off(Kind::Incomplete);
        }
    }
}

impl<B> Exchange<B>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Begins a request, which needs a connection that [can](Protocol::can_begin). `None`: its body panicked before anything
    /// was sent.
    pub(super) fn begin(
        call: Call<B>,
        protocol: &mut Protocol,
        config: &Config,
        written: u64,
    ) -> Result<Option<Self>, Misuse> {
        protocol.can_begin()?;
        let (parts, body) = call.request.into_parts();
        let (upload, length) = match call.span.in_scope(|| guard(|| Upload::new(body, &parts.headers))) {
            Ok(upload) => upload,
            Err(kind) => {
                let unanswered = Unanswered { error: kind.into(), request: None, unsent: true };
                let_go((call.answer.send(Err(Box::new(unanswered))), parts));
                return Ok(None);
            }
        };
        let key = protocol.begin(config.role, config.keep_conn)?;
        protocol.params_with(key, |out| {
            out.reserve(PARAMS);
            encode_request::write(&parts, length, &config.params, out);
        })?;
        protocol.end_params(key)?;
        Ok(Some(Self {
            key,
            upload: Sending::Body(upload),
            reply: Reply::Head { answer: call.answer, partial: Partial::default() },
            to_head: parts.method == Method::HEAD,
            parts: Some(parts),
            written_before: written,
            deadline: None,
            span: call.span,
        }))
    }

    /// Whether the caller is there. Both its kinds of waiting wake the connection when it goes, and when it has
    /// read something.
    pub(super) fn poll_caller(&mut self, protocol: &mut Protocol, cx: &mut Context<'_>) -> Caller {
        let gone = match &mut self.reply {
            Reply::Head { answer, .. } => answer.poll_closed(cx).is_ready(),
            Reply::Body(cell) => {
                let (consumed, reader) = cell.consumed(Some(cx.waker()));
                protocol.consumed(self.key, consumed);
                if reader == Reader::Reads && Arc::strong_count(cell) == 1 {
                    // See its drop.
                    let _ = protocol.discard(self.key);
                    self.reply = Reply::Had;
                    self.stop_upload();
                    return Caller::WasGone;
                }
                reader == Reader::Gone
            }
            Reply::Had | Reply::GivenUp => return Caller::WasGone,
        };
        if gone { Caller::Gone } else { Caller::Waits }
    }

    /// Whether there is a body that goes on.
    pub(super) const fn is_sending(&self) -> bool {
        matches!(self.upload, Sending::Body(_))
    }

    /// Sends the next piece of the body, at most so many bytes; whether there was one.
    pub(super) fn poll_upload(
        &mut self,
        protocol: &mut Protocol,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Result<bool, Kind> {
        let Sending::Body(upload) = &mut self.upload else { return Ok(false) };
        let Poll::Ready(chunk) = self.span.in_scope(|| guard(|| upload.poll(cx, most)))? else {
            return Ok(false);
        };
        let sent = match chunk? {
            Some(chunk) => protocol.stdin_bytes(self.key, chunk),
            None => {
                let ended = protocol.end_stdin(self.key);
                if let Sending::Body(upload) = std::mem::replace(&mut self.upload, Sending::Stopped) {
                    self.upload = Sending::Sent(upload);
                }
                ended
            }
        };
        if sent.is_err() {
            // An Authorizer takes no body, and a request that is over none any more.
            self.drop_upload();
        }
        Ok(true)
    }

    /// Whether the whole body was sent.
    pub(super) const fn is_sent(&self) -> bool {
        matches!(self.upload, Sending::Sent(_))
    }

    /// Sends no more of the body.
    pub(super) fn stop_upload(&mut self) {
        if matches!(self.upload, Sending::Body(_)) {
            self.drop_upload();
        }
    }

    fn drop_upload(&mut self) {
        let_go(std::mem::replace(&mut self.upload, Sending::Stopped));
    }

    /// Takes what has come on STDOUT.
    pub(super) fn read(&mut self, protocol: &mut Protocol, config: &Config) -> Result<(), Kind> {
        let key = self.key;
        match &mut self.reply {
            Reply::Had | Reply::GivenUp => {}
            Reply::Body(cell) => {
                // Whether anybody reads it is asked elsewhere.
                cell.deliver(|chunks| {
                    let _ = protocol.read_stdout(key, chunks);
                    Delivered::More
                });
            }
            Reply::Head { partial, .. } => {
                let mut chunks = VecDeque::new();
                let _ = protocol.read_stdout(key, &mut chunks);
                while let Some(chunk) = chunks.pop_front() {
                    // What follows the head in this piece was charged as well, and is not held against the
                    // reader: it is less than one read.
                    protocol.consumed(key, chunk.len());
                    if let Some((head, rest)) = partial.push(chunk, config.head_bytes)? {
                        chunks.push_front(rest);
                        self.answer(head, chunks, protocol);
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// The head is there.
    fn answer(&mut self, head: Head, mut body: VecDeque<Bytes>, protocol: &mut Protocol) {
        let no_body =
            self.to_head || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let length = match head.length {
            _ if no_body => Length::NoBody,
            Some(length) => Length::Left(length),
            None => Length::Any,
        };
        let cell = Arc::new(Cell::default());
        if no_body {
            // It is nobody's.
            let _ = protocol.discard(self.key);
        } else {
            body.retain(|chunk| !chunk.is_empty());
            cell.deliver(|chunks| {
                *chunks = body;
                Delivered::More
            });
        }
        let mut response = Response::new(ResponseBody::new(Arc::clone(&cell), length));
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        *response.extensions_mut() = head.extensions;
        if let Reply::Head { answer, .. } = std::mem::replace(&mut self.reply, Reply::Body(cell)) {
            // An error means that the caller is gone, and so is the body: that is seen on the cell.
            let _ = answer.send(Ok(response));
        }
    }

    /// END_REQUEST has come, and everything before it was [read](Self::read).
    pub(super) fn end(&mut self, end: EndRequest, written: u64) {
        if end.app_status != 0 {
            tracing::debug!(parent: &self.span, status = end.app_status, "the application ended a request with a status");
        }
        let kind = match &self.reply {
            _ if end.protocol_status != ProtocolStatus::REQUEST_COMPLETE => {
                Kind::Refused(end.protocol_status)
            }
            Reply::Head { partial, .. } if partial.is_empty() => Kind::Head("there is none"),
            Reply::Head { .. } => Kind::Head("it does not end"),
            Reply::Body(cell) => {
                cell.deliver(|_| Delivered::Last);
                self.reply = Reply::GivenUp;
                return;
            }
            Reply::Had | Reply::GivenUp => return,
        };
        self.fail(kind, written);
    }

    /// Tells the caller that there is no answer, or no more of it.
    pub(super) fn fail(&mut self, kind: Kind, written: u64) {
        match std::mem::replace(&mut self.reply, Reply::GivenUp) {
            Reply::Had | Reply::GivenUp => {}
            Reply::Body(cell) => cell.break_off(kind),
            Reply::Head { answer, partial } => {
                let upload = std::mem::replace(&mut self.upload, Sending::Stopped);
                let body = match upload {
                    Sending::Body(upload) | Sending::Sent(upload) if partial.is_empty() => {
                        upload.into_whole()
                    }
                    other => {
                        let_go(other);
                        None
                    }
                };
                let request =
                    self.parts.take().zip(body).map(|(parts, body)| Request::from_parts(parts, body));
                let unsent = written == self.written_before;
                let_go(answer.send(Err(Box::new(Unanswered { error: kind.into(), request, unsent }))));
            }
        }
        self.stop_upload();
    }

    /// The caller is gone.
    pub(super) fn give_up(&mut self) {
        self.reply = Reply::GivenUp;
        self.stop_upload();
    }
}
