//! A response that the client may read slowly.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header::HeaderName;
use http_body::{Body as _, Frame, SizeHint};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::buffering::{Buffering, ResponseBuffering};
use super::channel::{ResponseChannel, ResponseEnd};
use super::chunk_queue::ChunkQueue;
use super::drain::Drain;
use super::poll_now::poll_now;
use crate::gateway::flush_first::FlushFirst;
use crate::request_log::RequestLog;

/// `X-Accel-Buffering`, with which an application turns buffering off.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Buffers the body of a response, if `buffering` says so.
///
/// If all of it was received already and fits into memory, that is all. Otherwise a task receives the rest, until `deadline`.
pub(in crate::gateway) fn buffer_response(
    body: Body,
    headers: &HeaderMap,
    buffering: &Buffering,
    deadline: Option<Instant>,
    request: RequestLog,
) -> Body {
    let refuses = |value: &axum::http::HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"no");
    // A response without content may end before the script does. Unbuffered, HTTP/2 ends it with the head.
    if buffering.responses == ResponseBuffering::Off
        || body.is_end_stream()
        || body.size_hint().exact() == Some(0)
        || headers.get(X_ACCEL_BUFFERING).is_some_and(refuses)
    {
        return body;
    }
    let hint = body.size_hint();
    let source = match Received::receive(body, buffering) {
        Received::Whole(whole) => ResponseSource::Whole(whole),
        Received::Part { body, chunks } => {
            let channel = Arc::new(ResponseChannel::new(chunks));
            let drain = Drain::new(body, Arc::clone(&channel), buffering, deadline, request);
            tokio::spawn(drain.run().in_current_span());
            ResponseSource::Channel(channel)
        }
    };
    Body::new(FlushFirst::new(BufferedBody { source, hint, delivered: 0 }))
}

/// What was received of a response without waiting.
enum Received {
    Whole(WholeResponse),
    Part { body: Body, chunks: ChunkQueue },
}

impl Received {
    fn receive(mut body: Body, buffering: &Buffering) -> Self {
        let mut chunks = ChunkQueue::new(buffering.reserve_memory());
        while chunks.len() <= buffering.response_memory as u64 {
            let frame = match poll_now(&mut body) {
                Poll::Pending => break,
                Poll::Ready(frame) => frame,
            };
            let end = match frame.transpose() {
                Ok(Some(frame)) => match frame.into_data() {
                    Ok(data) => match chunks.try_push(data) {
                        Ok(()) => continue,
                        Err(data) => {
                            chunks.push(data);
                            break;
                        }
                    },
                    Err(frame) => ResponseEnd::Clean(frame.into_trailers().ok()),
                },
                Ok(None) => ResponseEnd::Clean(None),
                Err(error) => ResponseEnd::Failed(error),
            };
            return Self::Whole(WholeResponse { chunks, end });
        }
        Self::Part { body, chunks }
    }
}

/// A response that was received completely, or failed.
struct WholeResponse {
    chunks: ChunkQueue,
    end: ResponseEnd,
}

impl WholeResponse {
    fn next(&mut self) -> Option<Result<Frame<Bytes>, axum::Error>> {
        if let Some(chunk) = self.chunks.pop() {
            return Some(Ok(Frame::data(chunk)));
        }
        match mem::replace(&mut self.end, ResponseEnd::Read) {
            ResponseEnd::Clean(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
            ResponseEnd::Failed(error) => Some(Err(error)),
            ResponseEnd::Open | ResponseEnd::Read | ResponseEnd::Closed => None,
        }
    }

    fn is_at_end(&self) -> bool {
        self.chunks.is_empty() && matches!(self.end, ResponseEnd::Clean(None) | ResponseEnd::Read)
    }
}

enum ResponseSource {
    Whole(WholeResponse),
    Channel(Arc<ResponseChannel>),
}

/// The body that the client reads.
struct BufferedBody {
    source: ResponseSource,
    /// What was known of the length before anything was received, so that the framing does not depend on how fast the
    /// application is.
    hint: SizeHint,
    delivered: u64,
}

impl http_body::Body for BufferedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = match &mut self.source {
            ResponseSource::Whole(whole) => Poll::Ready(whole.next()),
            ResponseSource::Channel(channel) => channel.poll_frame(cx),
        };
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(data) = frame.data_ref()
        {
            self.delivered += data.len() as u64;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        let is_at_end = match &self.source {
            ResponseSource::Whole(whole) => whole.is_at_end(),
            ResponseSource::Channel(channel) => channel.is_at_end(),
        };
        self.delivered > 0 && is_at_end
    }

    fn size_hint(&self) -> SizeHint {
        let left = |bytes: u64| bytes.saturating_sub(self.delivered);
        let mut hint = SizeHint::new();
        hint.set_lower(left(self.hint.lower()));
        if let Some(upper) = self.hint.upper() {
            hint.set_upper(left(upper));
        }
        hint
    }
}

impl Drop for BufferedBody {
    fn drop(&mut self) {
        if let ResponseSource::Channel(channel) = &self.source {
            channel.close();
        }
    }
}
