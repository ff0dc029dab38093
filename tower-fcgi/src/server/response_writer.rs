//! The destinations of a response.

use std::time::Duration;

use bytes::Bytes;
use fcgi_core::RequestKey;

use super::request_summary::{RequestSummary, Summarize};
use crate::stats::{RecordedFailure, ResponseEnding, ResponseReport};

/// The destination of the response to one request.
pub(crate) trait ResponseWriter {
    /// Copies a part of the response.
    fn stdout(&mut self, text: &[u8]);
    /// Lets `write` append a part of the response to a buffer.
    fn stdout_with(&mut self, write: impl FnOnce(&mut Vec<u8>));
    /// Takes a part of the response.
    fn stdout_bytes(&mut self, bytes: Bytes);
    /// Starts a new record for what follows.
    fn split_record(&mut self);
    /// Writes one or several lines of error text.
    fn stderr(&mut self, line: &[u8]);
    /// Notes that lines were dropped, for the counters.
    fn stderr_dropped(&mut self, _: usize) {}
    /// Aborts the response. If none of it was written to the transport, what `write` appends replaces it; else it must not
    /// look complete.
    fn abort(&mut self, write: impl FnOnce(&mut Vec<u8>));
    /// Ends the response: complete, unless it was [aborted](Self::abort).
    fn end(&mut self);
    /// Makes the request the only one of its connection, for an upgrade. Returns `false` if it is not.
    fn take_over(&mut self) -> bool;
    /// Notes a failure, for the counters: after [`abort`](Self::abort), its reason.
    fn failed(&mut self, _: RecordedFailure) {}
    /// Notes how long the request waited until the service was ready, for the counters.
    fn waited(&mut self, _: Duration) {}
    /// Whether the caller should pause: the unwritten output has reached its limit.
    fn is_full(&self) -> bool;
    /// Identifies the request in the log.
    fn summary(&self) -> RequestSummary;
}

/// Writes to the connection's output.
#[derive(Debug)]
pub(crate) struct DirectWriter<'a> {
    protocol: &'a mut fcgi_core::server::Connection,
    key: RequestKey,
    /// Bytes of unwritten output at which it is full.
    limit: usize,
    report: ResponseReport,
    request: &'a dyn Summarize,
}

impl<'a> DirectWriter<'a> {
    pub(crate) const fn new(
        protocol: &'a mut fcgi_core::server::Connection,
        key: RequestKey,
        limit: usize,
        request: &'a dyn Summarize,
    ) -> Self {
        Self { protocol, key, limit, report: ResponseReport::NONE, request }
    }

    /// What was written.
    pub(crate) fn into_report(self) -> ResponseReport {
        self.report
    }

    #[inline]
    const fn wrote(&mut self, len: usize) {
        self.report.has_output = true;
        self.report.sent += len as u64;
    }
}

impl ResponseWriter for DirectWriter<'_> {
    // Errors are ignored in this `impl`: if the request was aborted or cancelled meanwhile, its output is dropped.
    fn stdout(&mut self, text: &[u8]) {
        if self.protocol.stdout(self.key, text).is_ok() {
            self.wrote(text.len());
        }
    }

    fn stdout_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut len = 0;
        let written = self.protocol.stdout_with(self.key, |out| {
            let before = out.len();
            write(out);
            len = out.len() - before;
        });
        if written.is_ok() {
            self.wrote(len);
        }
    }

    fn stdout_bytes(&mut self, bytes: Bytes) {
        let len = bytes.len();
        if self.protocol.stdout_bytes(self.key, bytes).is_ok() {
            self.wrote(len);
        }
    }

    fn split_record(&mut self) {
        self.protocol.output().split_record();
    }

    fn stderr(&mut self, line: &[u8]) {
        let lines = memchr::memchr_iter(b'\n', line).count() as u64 + 1;
        // In one record: Apache logs a line break in a record of its own as another line.
        match self.protocol.stderr(self.key, &[line, b"\n"].concat()) {
            Ok(()) => self.report.details().stderr_lines += lines,
            Err(_) => self.report.details().stderr_dropped += lines,
        }
    }

    fn abort(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut error = Vec::new();
        write(&mut error);
        match self.protocol.replace_response(self.key, &error) {
            Ok(true) => {
                self.report.ending = ResponseEnding::Replaced;
                self.report.sent = error.len() as u64;
            }
            Ok(false) => self.report.ending = ResponseEnding::Incomplete,
            Err(_) => {}
        }
    }

    fn end(&mut self) {
        match self.report.ending {
            ResponseEnding::Incomplete => {
                let _ = self.protocol.abort_response(self.key);
            }
            ending => {
                let ended = self.protocol.end_request(self.key, 0).is_ok();
                if ended && ending == ResponseEnding::Open {
                    self.report.ending = ResponseEnding::Complete;
                }
            }
        }
    }

    fn take_over(&mut self) -> bool {
        let is_upgraded = self.protocol.upgrade(self.key).is_ok();
        if is_upgraded {
            self.report.details().is_upgraded = true;
        }
        is_upgraded
    }

    fn stderr_dropped(&mut self, lines: usize) {
        self.report.details().stderr_dropped += lines as u64;
    }

    fn failed(&mut self, failure: RecordedFailure) {
        self.report.fail(failure);
    }

    fn waited(&mut self, waited: Duration) {
        self.report.details().waited = Some(waited);
    }

    fn is_full(&self) -> bool {
        self.protocol.output_len() >= self.limit
    }

    fn summary(&self) -> RequestSummary {
        self.request.summary()
    }
}

/// Buffers the output of one poll of a task's response.
#[derive(Debug)]
pub(crate) struct BufferedWriter<'a> {
    request: &'a RequestSummary,
    output: BufferedOutput,
}

/// The output of one poll of a task's response, for the connection.
#[derive(Debug, Default)]
pub(crate) struct BufferedOutput {
    chunks: Vec<Chunk>,
    /// Bytes in them.
    len: usize,
}

#[derive(Debug)]
enum Chunk {
    Text(Vec<u8>),
    Bytes(Bytes),
    Split,
    Stderr(Vec<u8>),
    StderrDropped(usize),
    Abort(Vec<u8>),
    Failed(RecordedFailure),
    Waited(Duration),
    End,
}

impl<'a> BufferedWriter<'a> {
    /// Bytes at which the buffer is full: few enough that several requests share a connection's output evenly.
    const MAX_BYTES: usize = 32 * 1024;
    /// Chunks at which the buffer is full.
    const MAX_CHUNKS: usize = 64;

    pub(crate) const fn new(request: &'a RequestSummary) -> Self {
        Self { request, output: BufferedOutput { chunks: Vec::new(), len: 0 } }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.output.chunks.is_empty()
    }

    /// Takes what was written, to send it to the connection.
    pub(crate) fn take(&mut self) -> BufferedOutput {
        std::mem::take(&mut self.output)
    }

    fn push(&mut self, chunk: Chunk, len: usize) {
        if matches!(&chunk, Chunk::Bytes(bytes) if bytes.is_empty()) {
            return;
        }
        self.output.chunks.push(chunk);
        self.output.len += len;
    }
}

impl BufferedOutput {
    /// Whether it has a part of the response, or its end. Error text and notes for the counters do not count.
    pub(crate) fn has_response(&self) -> bool {
        self.chunks
            .iter()
            .any(|chunk| matches!(chunk, Chunk::Text(_) | Chunk::Bytes(_) | Chunk::Abort(_) | Chunk::End))
    }

    /// Writes everything to `writer`, in order.
    pub(crate) fn drain_into(self, writer: &mut impl ResponseWriter) {
        for chunk in self.chunks {
            match chunk {
                Chunk::Text(text) => writer.stdout(&text),
                Chunk::Bytes(bytes) => writer.stdout_bytes(bytes),
                Chunk::Split => writer.split_record(),
                Chunk::Stderr(line) => writer.stderr(&line),
                Chunk::StderrDropped(lines) => writer.stderr_dropped(lines),
                Chunk::Abort(error) => writer.abort(|out| out.extend_from_slice(&error)),
                Chunk::Failed(failure) => writer.failed(failure),
                Chunk::Waited(waited) => writer.waited(waited),
                Chunk::End => writer.end(),
            }
        }
    }
}

impl ResponseWriter for BufferedWriter<'_> {
    fn stdout(&mut self, text: &[u8]) {
        self.push(Chunk::Text(text.to_vec()), text.len());
    }

    fn stdout_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut text = Vec::new();
        write(&mut text);
        let len = text.len();
        self.push(Chunk::Text(text), len);
    }

    fn stdout_bytes(&mut self, bytes: Bytes) {
        let len = bytes.len();
        self.push(Chunk::Bytes(bytes), len);
    }

    fn split_record(&mut self) {
        self.push(Chunk::Split, 0);
    }

    fn stderr(&mut self, line: &[u8]) {
        self.push(Chunk::Stderr(line.to_owned()), line.len());
    }

    /// Buffers the abort: the connection decides, by whether some of the response was written.
    fn abort(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut error = Vec::new();
        write(&mut error);
        let len = error.len();
        self.push(Chunk::Abort(error), len);
    }

    fn end(&mut self) {
        self.push(Chunk::End, 0);
    }

    fn stderr_dropped(&mut self, lines: usize) {
        self.push(Chunk::StderrDropped(lines), 0);
    }

    fn failed(&mut self, failure: RecordedFailure) {
        self.push(Chunk::Failed(failure), 0);
    }

    fn waited(&mut self, waited: Duration) {
        self.push(Chunk::Waited(waited), 0);
    }

    /// Returns `false`: a request runs in a task because others share its connection.
    fn take_over(&mut self) -> bool {
        false
    }

    fn is_full(&self) -> bool {
        self.output.len >= Self::MAX_BYTES || self.output.chunks.len() >= Self::MAX_CHUNKS
    }

    fn summary(&self) -> RequestSummary {
        self.request.clone()
    }
}
