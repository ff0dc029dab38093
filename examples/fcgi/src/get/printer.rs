//! Prints a response as it arrives.

use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use fcgi_core::EndRequest;
use serde_json::json;

use super::progress::Progress;
use crate::args::GetArgs;
use crate::client_connection::ResponseSink;
use crate::failure::Failure;
use crate::head::{self, Head};

pub(crate) struct ResponsePrinter {
    out: Box<dyn Write + Send>,
    progress: Progress,
    format: Format,
    state: State,
    /// Length of the body in bytes.
    length: u64,
    /// The body, only for JSON.
    body: Vec<u8>,
    stderr: Vec<u8>,
    /// The last output does not end with a newline.
    in_line: bool,
}

/// The output format.
enum Format {
    HeadAndBody,
    Body,
    /// Head and body are fields of the object.
    Json,
}

enum State {
    /// The received part of the head.
    Head(Vec<u8>),
    Body(Head),
}

impl ResponsePrinter {
    pub(crate) fn new(args: &GetArgs, out: Box<dyn Write + Send>, progress: Progress) -> Self {
        let format = match args {
            GetArgs { json: true, output: None, .. } => Format::Json,
            GetArgs { output: Some(_), .. } | GetArgs { body_only: true, .. } => Format::Body,
            _ => Format::HeadAndBody,
        };
        let state = State::Head(Vec::new());
        Self { out, progress, format, state, length: 0, body: Vec::new(), stderr: Vec::new(), in_line: false }
    }

    /// Returns the response's status, once the head is complete.
    pub(crate) fn status(&self) -> Option<u16> {
        self.head().map(|head| head.status)
    }

    /// Writes the remaining output.
    ///
    /// # Errors
    /// If writing fails.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.progress.clear();
        // An incomplete head is printed, too.
        if let (State::Head(text), Format::HeadAndBody | Format::Body) = (&self.state, &self.format) {
            self.out.write_all(text)?;
        }
        self.out.flush()
    }

    /// Returns a line about the end of the request.
    pub(crate) fn summary(&self, end: EndRequest, time: Duration) -> String {
        let status = self.status().map_or("no head".to_owned(), |status| status.to_string());
        let fault = self.head().and_then(|head| head.fault.as_ref());
        let fault = fault.map_or(String::new(), |fault| format!("; violates RFC 3875: {fault}"));
        let start = if self.in_line { "\n" } else { "" };
        format!(
            "{start}-- {status}, {} bytes of body, {} of STDERR; {:?}, application status {}; {:.1} ms{fault}",
            self.length,
            self.stderr.len(),
            end.protocol_status,
            end.app_status,
            time.as_secs_f64() * 1e3
        )
    }

    pub(crate) fn json(&self, end: EndRequest, time: Duration) -> serde_json::Value {
        json!({
            "status": self.status(),
            "headers": self.head().map(|head| &head.fields),
            "fault": self.head().and_then(|head| head.fault.as_ref()),
            "body": matches!(self.format, Format::Json).then(|| String::from_utf8_lossy(&self.body)),
            "body_bytes": self.length,
            "stderr": String::from_utf8_lossy(&self.stderr),
            "protocol_status": format!("{:?}", end.protocol_status),
            "app_status": end.app_status,
            "ms": time.as_secs_f64() * 1e3,
        })
    }

    const fn head(&self) -> Option<&Head> {
        match &self.state {
            State::Head(_) => None,
            State::Body(head) => Some(head),
        }
    }

    fn body(&mut self, chunk: &[u8]) -> Result<(), Failure> {
        self.length += chunk.len() as u64;
        let total =
            self.head().and_then(|head| head.value("content-length")).and_then(|length| length.parse().ok());
        self.progress.received(chunk.len(), total);
        match self.format {
            Format::Json => self.body.extend_from_slice(chunk),
            Format::HeadAndBody | Format::Body => self.out.write_all(chunk)?,
        }
        if let (Format::HeadAndBody, Some(last)) = (&self.format, chunk.last()) {
            self.in_line = *last != b'\n';
        }
        Ok(())
    }
}

impl ResponseSink for ResponsePrinter {
    fn stdout(&mut self, chunk: Bytes) -> Result<(), Failure> {
        let State::Head(text) = &mut self.state else { return self.body(&chunk) };
        text.extend_from_slice(&chunk);
        let Some(end) = head::end(text) else { return Ok(()) };
        let (head, rest) = (Head::parse(&text[..end]), text.split_off(end));
        if matches!(self.format, Format::HeadAndBody) {
            self.progress.clear();
            self.out.write_all(text)?;
        }
        self.state = State::Body(head);
        self.body(&rest)
    }

    fn stderr(&mut self, chunk: Bytes) -> Result<(), Failure> {
        self.stderr.extend_from_slice(&chunk);
        if !matches!(self.format, Format::Json) {
            self.progress.clear();
            io::stderr().write_all(&chunk)?;
            self.in_line = !chunk.ends_with(b"\n");
        }
        Ok(())
    }

    fn sent(&mut self, bytes: usize) {
        self.progress.sent(bytes);
    }
}
