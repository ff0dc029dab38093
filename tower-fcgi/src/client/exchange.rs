//! One request and its response.
//!
//! ```text
//!   request    Streaming ── end of the body ──▶ Sent         either: ── fail, abort ──▶ Stopped
//!
//!   response   AwaitingHead ── head ──▶ Streaming ── body dropped after its last byte, overrun ──▶ Complete
//!                   │                      │
//!                   ├──────────────────────┼── the caller leaves ──▶ Abandoned ──┐
//!                   │                      │                                      │
//!                   └──────────────────────┴── END_REQUEST, fail, abort ──────────┴──▶ Detached
//! ```

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

use super::body_in_hand::BodyInHand;
use super::config::Config;
use super::dispatch::{Envelope, FailedRequest, ResponseResult, return_failed};
use super::error::{Error, ErrorCause};
use super::guard::{catch_panic, drop_caught, drop_parts};
use super::request_body::RequestUpload;
use super::request_log::exchange_event;
use super::response_body::{ExpectedLength, ResponseBody};
use crate::body::{BodyChannel, Receiver, SendOutcome};
use crate::buffer_pool;
use crate::cgi::decode_response::{DroppedHeaders, HeadParser, ResponseHead};
use crate::cgi::encode_request;
use crate::progress::Progress;

/// Initial capacity in bytes for the PARAMS of a request: enough for a browser's.
const PARAMS_BYTES: usize = 2048;

/// A request in flight.
pub(super) struct ClientExchange<B> {
    pub(super) key: RequestKey,
    upload: UploadState<B>,
    response: ResponseState<B>,
    head_only: bool,
    /// The head, in case the request must be returned to its caller.
    parts: Option<request::Parts>,
    /// The bytes that the connection had written when this request began.
    written_before: u64,
    /// Deadline for END_REQUEST after an abort (FastCGI §5.4).
    pub(super) abort_deadline: Option<Instant>,
    /// The caller's span.
    pub(super) span: Span,
}

enum UploadState<B> {
    Streaming(RequestUpload<B>),
    /// The end of STDIN was queued. Keeps a body that was never polled, in case the request must be returned.
    Sent {
        upload: RequestUpload<B>,
        /// The bytes that the connection has written once it was sent.
        end: u64,
    },
    /// The rest of the body is not sent: the request was aborted, has failed, or has its response.
    Stopped,
}

enum ResponseState<B> {
    AwaitingHead {
        caller: oneshot::Sender<ResponseResult<B>>,
        parser: HeadParser,
    },
    Streaming {
        cell: Arc<BodyChannel<ErrorCause>>,
        /// The bytes still to come, if Content-Length declares the body's length.
        left: Option<u64>,
    },
    /// The caller has all of the response, but END_REQUEST was not received yet.
    Complete,
    /// The caller is gone. The request is sent completely all the same, and what the application sends is dropped.
    Abandoned,
    /// The caller is gone, or received an error.
    Detached,
}

/// Whether the caller still wants the response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CallerState {
    Waiting,
    Gone,
    /// The response is complete or detached: there is no caller to check.
    Detached,
}

/// What was read from STDOUT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stdout {
    Expected,
    /// More than Content-Length promised.
    Overrun,
}

impl<B> ClientExchange<B> {
    /// Whether the caller is gone or received an error, so that only END_REQUEST is awaited.
    pub(super) const fn is_aborted(&self) -> bool {
        matches!(self.response, ResponseState::Detached)
    }

    /// The head of the request, unless it was returned to its caller.
    pub(super) const fn parts(&self) -> Option<&request::Parts> {
        self.parts.as_ref()
    }

    /// The bytes of the response's body that the caller has not read.
    pub(super) fn unread(&self) -> usize {
        match &self.response {
            ResponseState::Streaming { cell, .. } => cell.unread(),
            ResponseState::AwaitingHead { .. }
            | ResponseState::Complete
            | ResponseState::Abandoned
            | ResponseState::Detached => 0,
        }
    }

    fn drop_upload(&mut self) {
        let upload = std::mem::replace(&mut self.upload, UploadState::Stopped);
        drop_caught(upload, self.parts.as_ref(), &self.span);
    }

    /// Fails the response's body: the connection was dropped.
    pub(super) fn cut_off(&self) {
        if let ResponseState::Streaming { cell, .. } = &self.response {
            cell.fail(ErrorCause::Incomplete);
        }
    }
}

impl<B> ClientExchange<B>
where
    B: Body,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    /// Begins a request. `None` if it failed before anything was sent: its body panicked, or a variable is too long.
    ///
    /// # Errors
    /// The protocol [cannot begin](Protocol::can_begin) a request.
    pub(super) fn begin(
        envelope: Envelope<B>,
        protocol: &mut Protocol,
        config: &Config,
        written: u64,
    ) -> Result<Option<Self>, UserError> {
        protocol.can_begin()?;
        let Envelope { request, response, span } = envelope;
        let (parts, body) = request.into_parts();
        let (upload, length) =
            match span.in_scope(|| catch_panic(|| RequestUpload::new(body, &parts.headers))) {
                Ok(upload) => upload,
                Err(kind) => {
                    fail_unsent(response, kind);
                    drop_parts(parts, &span);
                    return Ok(None);
                }
            };
        let begun = protocol.begin_with_params(config.role, config.keep_conn, |out| {
            out.reserve(PARAMS_BYTES);
            encode_request::write(&parts, length, &config.extra_params, out);
        });
        let key = match begun {
            Ok(key) => key,
            Err(UserError::PairTooLong) => {
                let name = encode_request::too_long(&parts, length, &config.extra_params);
                fail_unsent(response, ErrorCause::ParamTooLong(name));
                drop_caught(upload, Some(&parts), &span);
                drop_parts(parts, &span);
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(Some(Self {
            key,
            upload: UploadState::Streaming(upload),
            response: ResponseState::AwaitingHead { caller: response, parser: HeadParser::default() },
            head_only: parts.method == Method::HEAD,
            parts: Some(parts),
            written_before: written,
            abort_deadline: None,
            span,
        }))
    }

    /// Releases the capacity of what the caller has read, and returns the caller's state. Registers the waker for the next
    /// change of either.
    pub(super) fn poll_caller(&mut self, protocol: &mut Protocol, cx: &mut Context<'_>) -> CallerState {
        let gone = match &mut self.response {
            ResponseState::AwaitingHead { caller, .. } => caller.poll_closed(cx).is_ready(),
            ResponseState::Streaming { cell, .. } => {
                // First: a body that is dropped closes its channel before it lets go of it.
                let is_alone = Arc::strong_count(cell) == 1;
                let (consumed, reader) = cell.take_consumed(Some(cx.waker()));
                protocol.release_capacity(self.key, consumed);
                if reader == Receiver::Open && is_alone {
                    // The body was dropped after its last byte: see the `Drop` of `ResponseBody`.
                    self.response = ResponseState::Complete;
                    self.stop_upload();
                    return CallerState::Detached;
                }
                reader == Receiver::Dropped
            }
            ResponseState::Complete | ResponseState::Abandoned | ResponseState::Detached => {
                return CallerState::Detached;
            }
        };
        if gone { CallerState::Gone } else { CallerState::Waiting }
    }

    /// Whether some of the body remains to be sent.
    pub(super) const fn is_uploading(&self) -> bool {
        matches!(self.upload, UploadState::Streaming(_))
    }

    /// Sends the next chunk of the body, at most `limit` bytes, or its end. `Finished` after the end.
    pub(super) fn poll_upload(
        &mut self,
        protocol: &mut Protocol,
        cx: &mut Context<'_>,
        limit: usize,
        written: u64,
    ) -> Result<Progress, ErrorCause> {
        let UploadState::Streaming(upload) = &mut self.upload else { return Ok(Progress::Finished) };
        let Poll::Ready(chunk) = self.span.in_scope(|| catch_panic(|| upload.poll(cx, limit)))? else {
            return Ok(Progress::Blocked);
        };
        let sent = match chunk? {
            Some(chunk) => protocol.stdin_bytes(self.key, chunk),
            None => {
                let ended = protocol.end_stdin(self.key);
                if let UploadState::Streaming(mut upload) =
                    std::mem::replace(&mut self.upload, UploadState::Stopped)
                {
                    drop_caught(upload.take_polled(), self.parts.as_ref(), &self.span);
                    let end = written + protocol.output_len() as u64;
                    self.upload = UploadState::Sent { upload, end };
                }
                ended
            }
        };
        if sent.is_err() {
            // FastCGI §6.3: an Authorizer has no STDIN. Or the request has ended.
            self.drop_upload();
        }
        Ok(Progress::Made)
    }

    /// Whether all of the request was queued.
    pub(super) const fn is_sent(&self) -> bool {
        matches!(self.upload, UploadState::Sent { .. })
    }

    /// Whether all of the request was among the first `written` bytes of the connection, or its rest is never sent.
    pub(super) const fn is_written(&self, written: u64) -> bool {
        match self.upload {
            UploadState::Streaming(_) => false,
            UploadState::Sent { end, .. } => end <= written,
            UploadState::Stopped => true,
        }
    }

    /// Drops the response: the caller is gone. Returns whether the rest of the request may be in hand, so that it can be
    /// sent.
    pub(super) fn abandon(&mut self, protocol: &mut Protocol) -> bool {
        self.response = ResponseState::Abandoned;
        let _ = protocol.discard(self.key);
        match &self.upload {
            UploadState::Streaming(upload) => upload.is_bounded(),
            UploadState::Sent { .. } => true,
            UploadState::Stopped => false,
        }
    }

    pub(super) const fn is_abandoned(&self) -> bool {
        matches!(self.response, ResponseState::Abandoned)
    }

    /// Whether the rest of the body arrives although the caller is gone.
    pub(super) fn is_body_in_hand(&self) -> bool {
        self.parts.as_ref().is_some_and(|parts| parts.extensions.get::<BodyInHand>().is_some())
    }

    /// Drops the rest of the body.
    pub(super) fn stop_upload(&mut self) {
        if self.is_uploading() {
            self.drop_upload();
        }
    }

    /// Reads STDOUT into the response.
    pub(super) fn read(&mut self, protocol: &mut Protocol, config: &Config) -> Result<Stdout, ErrorCause> {
        let key = self.key;
        let overrun = match &mut self.response {
            ResponseState::Abandoned | ResponseState::Detached => false,
            ResponseState::Complete => buffer_pool::with_chunks(|chunks| {
                let _ = protocol.read_stdout(key, chunks);
                chunks.iter().any(|chunk| !chunk.is_empty())
            }),
            ResponseState::Streaming { cell, left } => {
                // `poll_caller` checks whether the body was dropped.
                buffer_pool::with_chunks(|chunks| {
                    let _ = protocol.read_stdout(key, chunks);
                    let overrun = truncate(chunks, left);
                    cell.send(chunks, if overrun { SendOutcome::Last } else { SendOutcome::More });
                    overrun
                })
            }
            ResponseState::AwaitingHead { parser, .. } => {
                let mut chunks = VecDeque::new();
                let _ = protocol.read_stdout(key, &mut chunks);
                while let Some(chunk) = chunks.pop_front() {
                    // Also for the bytes of the body after the head, at most one read: the window does not count them.
                    protocol.release_capacity(key, chunk.len());
                    let pushed =
                        parser.push(chunk, config.max_head_bytes).map_err(ErrorCause::InvalidHead)?;
                    if let Some((head, rest)) = pushed {
                        chunks.push_front(rest);
                        return Ok(self.respond(head, chunks, protocol));
                    }
                }
                false
            }
        };
        Ok(if overrun { self.overrun(protocol) } else { Stdout::Expected })
    }

    /// Completes a response that is longer than its Content-Length: its caller has what was promised. Further output is
    /// dropped.
    #[cold]
    fn overrun(&mut self, protocol: &mut Protocol) -> Stdout {
        self.span.in_scope(|| {
            exchange_event!(
                warn,
                self.parts(),
                "the application's response is longer than its Content-Length: the rest is dropped"
            );
        });
        self.response = ResponseState::Complete;
        let _ = protocol.discard(self.key);
        self.stop_upload();
        Stdout::Overrun
    }

    /// Sends the head to the caller.
    fn respond(&mut self, head: ResponseHead, mut body: VecDeque<Bytes>, protocol: &mut Protocol) -> Stdout {
        if let Some(dropped) = &head.dropped {
            let DroppedHeaders { name, error, count } = dropped;
            self.span.in_scope(|| {
                exchange_event!(
                    warn,
                    self.parts(),
                    header = %name,
                    %error,
                    count,
                    "dropped a response header that HTTP cannot carry"
                );
            });
        }
        let no_body =
            self.head_only || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let length = match head.length {
            _ if no_body => ExpectedLength::NoBody,
            Some(length) => ExpectedLength::Left(length),
            None => ExpectedLength::Any,
        };
        let cell = Arc::new(BodyChannel::default());
        let mut left = head.length.filter(|_| !no_body);
        let mut overrun = false;
        if no_body {
            // RFC 9110 §6.4.1: these responses have no content; drop what follows the head.
            let _ = protocol.discard(self.key);
        } else {
            body.retain(|chunk| !chunk.is_empty());
            overrun = truncate(&mut body, &mut left);
            cell.send(&mut body, if overrun { SendOutcome::Last } else { SendOutcome::More });
        }
        let mut response = Response::new(ResponseBody::new(Arc::clone(&cell), length));
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        *response.extensions_mut() = head.extensions;
        if let ResponseState::AwaitingHead { caller, .. } =
            std::mem::replace(&mut self.response, ResponseState::Streaming { cell, left })
        {
            // On an error the caller is gone, and its body was dropped, which `poll_caller` detects.
            let _ = caller.send(Ok(response));
        }
        if overrun { self.overrun(protocol) } else { Stdout::Expected }
    }

    /// Handles END_REQUEST (FastCGI §5.5). STDOUT was [read](Self::read) completely before.
    pub(super) fn end(&mut self, end: EndRequest, written: u64) {
        if end.app_status != 0 {
            tracing::debug!(parent: &self.span, status = end.app_status, "the application ended a request with an exit status");
        }
        let kind = match &self.response {
            _ if end.protocol_status != ProtocolStatus::REQUEST_COMPLETE => {
                ErrorCause::Rejected(end.protocol_status)
            }
            ResponseState::AwaitingHead { parser, .. } => ErrorCause::InvalidHead(parser.end()),
            ResponseState::Streaming { cell, .. } => {
                cell.send(&mut VecDeque::new(), SendOutcome::Last);
                self.response = ResponseState::Detached;
                return;
            }
            ResponseState::Complete | ResponseState::Abandoned | ResponseState::Detached => return,
        };
        self.fail(kind, written);
    }

    /// Fails the response: with an error to the caller before the head, else with an error of the body.
    pub(super) fn fail(&mut self, kind: ErrorCause, written: u64) {
        match std::mem::replace(&mut self.response, ResponseState::Detached) {
            ResponseState::Complete | ResponseState::Abandoned | ResponseState::Detached => {}
            ResponseState::Streaming { cell, .. } => cell.fail(kind),
            ResponseState::AwaitingHead { caller, parser } => {
                let upload = std::mem::replace(&mut self.upload, UploadState::Stopped);
                let (body, rest) = match upload {
                    UploadState::Streaming(upload) | UploadState::Sent { upload, .. }
                        if parser.is_empty() =>
                    {
                        upload.into_untouched()
                    }
                    UploadState::Streaming(upload) | UploadState::Sent { upload, .. } => (None, Some(upload)),
                    UploadState::Stopped => (None, None),
                };
                drop_caught(rest, self.parts.as_ref(), &self.span);
                let request = body.and_then(|body| Some(Request::from_parts(self.parts.take()?, body)));
                // A body that fails ends only its own request, whose records are queued and will be written.
                let error = Error::from(kind);
                let unsent = written == self.written_before && !error.is_request_body();
                return_failed(caller, FailedRequest { error, request, unsent }, &self.span);
            }
        }
        self.stop_upload();
    }

    /// Drops the response and the rest of the request's body: the caller is gone.
    pub(super) fn abort(&mut self) {
        self.response = ResponseState::Detached;
        self.stop_upload();
    }
}

/// Removes the bytes behind the first `left` ones, which are then subtracted from it. Returns whether there were any.
fn truncate(chunks: &mut VecDeque<Bytes>, left: &mut Option<u64>) -> bool {
    let Some(left) = left else { return false };
    for at in 0..chunks.len() {
        let len = chunks[at].len();
        match left.checked_sub(len as u64) {
            Some(rest) => *left = rest,
            None => {
                // Less than `len`.
                chunks[at].truncate(*left as usize);
                chunks.truncate(if *left == 0 { at } else { at + 1 });
                *left = 0;
                return true;
            }
        }
    }
    false
}

impl<B> Drop for ClientExchange<B> {
    /// Drops what is the caller's, without a panic.
    fn drop(&mut self) {
        self.drop_upload();
        if let Some(parts) = self.parts.take() {
            drop_parts(parts, &self.span);
        }
    }
}

/// Fails a request of which nothing was sent.
fn fail_unsent<B>(response: oneshot::Sender<ResponseResult<B>>, kind: ErrorCause) {
    let failed = FailedRequest { error: kind.into(), request: None, unsent: true };
    // On an error the caller is gone.
    let _ = response.send(Err(Box::new(failed)));
}
