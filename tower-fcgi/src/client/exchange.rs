//! One request and its answer.

use std::collections::VecDeque;
use std::error::Error as StdError;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use fcgi_core::client::Connection as Protocol;
use fcgi_core::{EndRequest, ProtocolStatus, RequestKey, UserError};
use http::{Method, Request, Response, StatusCode, request};
use http_body::Body;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing::Span;

use super::config::Config;
use super::dispatch::{Envelope, FailedRequest, ResponseSender};
use super::error::ErrorKind;
use super::guard::{catch_panic, drop_caught};
use super::request_body::RequestUpload;
use super::response_body::{Length, ResponseBody};
use crate::body::{BodyChannel, Receiver, SendOutcome};
use crate::buffer_pool;
use crate::cgi::decode_response::{HeadParser, ResponseHead};
use crate::cgi::encode_request;

/// Bytes that the meta-variables of a browser's request take, with what is around them.
const PARAMS: usize = 2048;

/// A request that is under way.
pub(super) struct ClientExchange<B> {
    pub(super) key: RequestKey,
    upload: UploadState<B>,
    response: ResponseState<B>,
    head_only: bool,
    /// To give the request back where that makes sense.
    parts: Option<request::Parts>,
    /// Bytes that the connection had written when this began.
    written_before: u64,
    /// When the application has to have ended it: once it is given up.
    pub(super) deadline: Option<Instant>,
    /// The caller's, in which everything of this request is logged.
    pub(super) span: Span,
}

enum UploadState<B> {
    Body(RequestUpload<B>),
    /// Its end was sent. What was not polled of the body is kept as long as it may be given back.
    Sent(RequestUpload<B>),
    /// It goes no further: the caller or the application has given up.
    Stopped,
}

enum ResponseState<B> {
    AwaitingHead {
        answer: oneshot::Sender<ResponseSender<B>>,
        partial: HeadParser,
    },
    Streaming(Arc<BodyChannel<ErrorKind>>),
    /// The caller has all that it wants; the application may take its time over the end.
    Complete,
    /// Nobody waits for it.
    Detached,
}

/// Whether the caller still wants the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallerState {
    Waiting,
    Gone,
    /// It was gone before, or has all that it wants.
    WasGone,
}

impl<B> ClientExchange<B> {
    /// The caller is gone, or was told why there is no answer: what is awaited is the request's end.
    pub(super) const fn is_aborted(&self) -> bool {
        matches!(self.response, ResponseState::Detached)
    }

    /// Bytes of the answer that its reader has not taken.
    pub(super) fn unread(&self) -> usize {
        match &self.response {
            ResponseState::Streaming(cell) => cell.unread(),
            ResponseState::AwaitingHead { .. } | ResponseState::Complete | ResponseState::Detached => 0,
        }
    }

    /// The connection is no more.
    pub(super) fn cut_off(&self) {
        if let ResponseState::Streaming(cell) = &self.response {
            cell.fail(ErrorKind::Incomplete);
        }
    }
}

impl<B> ClientExchange<B>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Begins a request, which needs a connection that [can](Protocol::can_begin). `None`: its body panicked before anything
    /// was sent.
    pub(super) fn begin(
        call: Envelope<B>,
        protocol: &mut Protocol,
        config: &Config,
        written: u64,
    ) -> Result<Option<Self>, UserError> {
        protocol.can_begin()?;
        let (parts, body) = call.request.into_parts();
        let (upload, length) =
            match call.span.in_scope(|| catch_panic(|| RequestUpload::new(body, &parts.headers))) {
                Ok(upload) => upload,
                Err(kind) => {
                    let unanswered = FailedRequest { error: kind.into(), request: None, unsent: true };
                    drop_caught((call.response.send(Err(Box::new(unanswered))), parts));
                    return Ok(None);
                }
            };
        let key = protocol.begin(config.role, config.keep_conn)?;
        protocol.params_with(key, |out| {
            out.reserve(PARAMS);
            encode_request::write(&parts, length, &config.extra_params, out);
        })?;
        protocol.end_params(key)?;
        Ok(Some(Self {
            key,
            upload: UploadState::Body(upload),
            response: ResponseState::AwaitingHead { answer: call.response, partial: HeadParser::default() },
            head_only: parts.method == Method::HEAD,
            parts: Some(parts),
            written_before: written,
            deadline: None,
            span: call.span,
        }))
    }

    /// Whether the caller is there. Both its kinds of waiting wake the connection when it goes, and when it has
    /// read something.
    pub(super) fn poll_caller(&mut self, protocol: &mut Protocol, cx: &mut Context<'_>) -> CallerState {
        let gone = match &mut self.response {
            ResponseState::AwaitingHead { answer, .. } => answer.poll_closed(cx).is_ready(),
            ResponseState::Streaming(cell) => {
                let (consumed, reader) = cell.take_consumed(Some(cx.waker()));
                protocol.release_capacity(self.key, consumed);
                if reader == Receiver::Open && Arc::strong_count(cell) == 1 {
                    // See its drop.
                    let _ = protocol.discard(self.key);
                    self.response = ResponseState::Complete;
                    self.stop_upload();
                    return CallerState::WasGone;
                }
                reader == Receiver::Dropped
            }
            ResponseState::Complete | ResponseState::Detached => return CallerState::WasGone,
        };
        if gone { CallerState::Gone } else { CallerState::Waiting }
    }

    /// Whether there is a body that goes on.
    pub(super) const fn is_sending(&self) -> bool {
        matches!(self.upload, UploadState::Body(_))
    }

    /// Sends the next piece of the body, at most so many bytes; whether there was one.
    pub(super) fn poll_upload(
        &mut self,
        protocol: &mut Protocol,
        cx: &mut Context<'_>,
        most: usize,
    ) -> Result<bool, ErrorKind> {
        let UploadState::Body(upload) = &mut self.upload else { return Ok(false) };
        let Poll::Ready(chunk) = self.span.in_scope(|| catch_panic(|| upload.poll(cx, most)))? else {
            return Ok(false);
        };
        let sent = match chunk? {
            Some(chunk) => protocol.stdin_bytes(self.key, chunk),
            None => {
                let ended = protocol.end_stdin(self.key);
                if let UploadState::Body(upload) = std::mem::replace(&mut self.upload, UploadState::Stopped) {
                    self.upload = UploadState::Sent(upload);
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
        matches!(self.upload, UploadState::Sent(_))
    }

    /// Sends no more of the body.
    pub(super) fn stop_upload(&mut self) {
        if matches!(self.upload, UploadState::Body(_)) {
            self.drop_upload();
        }
    }

    fn drop_upload(&mut self) {
        drop_caught(std::mem::replace(&mut self.upload, UploadState::Stopped));
    }

    /// Takes what has come on STDOUT.
    pub(super) fn read(&mut self, protocol: &mut Protocol, config: &Config) -> Result<(), ErrorKind> {
        let key = self.key;
        match &mut self.response {
            ResponseState::Complete | ResponseState::Detached => {}
            ResponseState::Streaming(cell) => {
                // Whether anybody reads it is asked elsewhere.
                buffer_pool::with_chunks(|chunks| {
                    let _ = protocol.read_stdout(key, chunks);
                    cell.send(chunks, SendOutcome::More);
                });
            }
            ResponseState::AwaitingHead { partial, .. } => {
                let mut chunks = VecDeque::new();
                let _ = protocol.read_stdout(key, &mut chunks);
                while let Some(chunk) = chunks.pop_front() {
                    // What follows the head in this piece was charged as well, and is not held against the
                    // reader: it is less than one read.
                    protocol.release_capacity(key, chunk.len());
                    if let Some((head, rest)) = partial.push(chunk, config.max_head_bytes)? {
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
    fn answer(&mut self, head: ResponseHead, mut body: VecDeque<Bytes>, protocol: &mut Protocol) {
        let no_body =
            self.head_only || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let length = match head.length {
            _ if no_body => Length::NoBody,
            Some(length) => Length::Left(length),
            None => Length::Any,
        };
        let cell = Arc::new(BodyChannel::default());
        if no_body {
            // It is nobody's.
            let _ = protocol.discard(self.key);
        } else {
            body.retain(|chunk| !chunk.is_empty());
            cell.send(&mut body, SendOutcome::More);
        }
        let mut response = Response::new(ResponseBody::new(Arc::clone(&cell), length));
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        *response.extensions_mut() = head.extensions;
        if let ResponseState::AwaitingHead { answer, .. } =
            std::mem::replace(&mut self.response, ResponseState::Streaming(cell))
        {
            // An error means that the caller is gone, and so is the body: that is seen on the cell.
            let _ = answer.send(Ok(response));
        }
    }

    /// END_REQUEST has come, and everything before it was [read](Self::read).
    pub(super) fn end(&mut self, end: EndRequest, written: u64) {
        if end.app_status != 0 {
            tracing::debug!(parent: &self.span, status = end.app_status, "the application ended a request with a status");
        }
        let kind = match &self.response {
            _ if end.protocol_status != ProtocolStatus::REQUEST_COMPLETE => {
                ErrorKind::Rejected(end.protocol_status)
            }
            ResponseState::AwaitingHead { partial, .. } if partial.is_empty() => {
                ErrorKind::InvalidHead("there is none")
            }
            ResponseState::AwaitingHead { .. } => ErrorKind::InvalidHead("it does not end"),
            ResponseState::Streaming(cell) => {
                cell.send(&mut VecDeque::new(), SendOutcome::Last);
                self.response = ResponseState::Detached;
                return;
            }
            ResponseState::Complete | ResponseState::Detached => return,
        };
        self.fail(kind, written);
    }

    /// Tells the caller that there is no answer, or no more of it.
    pub(super) fn fail(&mut self, kind: ErrorKind, written: u64) {
        match std::mem::replace(&mut self.response, ResponseState::Detached) {
            ResponseState::Complete | ResponseState::Detached => {}
            ResponseState::Streaming(cell) => cell.fail(kind),
            ResponseState::AwaitingHead { answer, partial } => {
                let upload = std::mem::replace(&mut self.upload, UploadState::Stopped);
                let body = match upload {
                    UploadState::Body(upload) | UploadState::Sent(upload) if partial.is_empty() => {
                        upload.into_whole()
                    }
                    other => {
                        drop_caught(other);
                        None
                    }
                };
                let request =
                    self.parts.take().zip(body).map(|(parts, body)| Request::from_parts(parts, body));
                let unsent = written == self.written_before;
                drop_caught(answer.send(Err(Box::new(FailedRequest {
                    error: kind.into(),
                    request,
                    unsent,
                }))));
            }
        }
        self.stop_upload();
    }

    /// The caller is gone.
    pub(super) fn abort(&mut self) {
        self.response = ResponseState::Detached;
        self.stop_upload();
    }
}
