//! An answer, printed as it comes.

use std::io::{self, Write};
use std::time::Duration;

use bytes::Bytes;
use fcgi_core::EndRequest;
use serde_json::json;

use super::progress::Progress;
use crate::args::GetArgs;
use crate::failure::Failure;
use crate::head::{self, Head};
use crate::link::Answer;

pub(crate) struct Printed {
    out: Box<dyn Write + Send>,
    progress: Progress,
    form: Form,
    state: State,
    /// Bytes of the body.
    length: u64,
    /// What is kept of the body for JSON; of STDERR always.
    body: Vec<u8>,
    stderr: Vec<u8>,
    /// What was shown last does not end its line.
    in_line: bool,
}

/// What goes to `out`.
enum Form {
    HeadAndBody,
    Body,
    /// The body is kept; the head is part of the object.
    Json,
}

enum State {
    /// What has come of the head.
    Head(Vec<u8>),
    Body(Head),
}

impl Printed {
    pub(crate) fn new(args: &GetArgs, out: Box<dyn Write + Send>, progress: Progress) -> Self {
        let form = match args {
            GetArgs { json: true, output: None, .. } => Form::Json,
            GetArgs { output: Some(_), .. } | GetArgs { body_only: true, .. } => Form::Body,
            _ => Form::HeadAndBody,
        };
        let state = State::Head(Vec::new());
        Self { out, progress, form, state, length: 0, body: Vec::new(), stderr: Vec::new(), in_line: false }
    }

    /// The answer's status, if its head has come.
    pub(crate) fn status(&self) -> Option<u16> {
        self.head().map(|head| head.status)
    }

    /// Writes out what waits.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.progress.clear();
        // What is no head is shown all the same.
        if let (State::Head(text), Form::HeadAndBody | Form::Body) = (&self.state, &self.form) {
            self.out.write_all(text)?;
        }
        self.out.flush()
    }

    /// The end of the request, in a line of its own.
    pub(crate) fn summary(&self, end: EndRequest, time: Duration) -> String {
        let status = self.status().map_or("no head".to_owned(), |status| status.to_string());
        let fault = self.head().and_then(|head| head.fault.as_ref());
        let fault = fault.map_or(String::new(), |fault| format!("; not as RFC 3875 has it: {fault}"));
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
            "body": matches!(self.form, Form::Json).then(|| String::from_utf8_lossy(&self.body)),
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

    fn body(&mut self, piece: &[u8]) -> Result<(), Failure> {
        self.length += piece.len() as u64;
        let whole =
            self.head().and_then(|head| head.value("content-length")).and_then(|length| length.parse().ok());
        self.progress.received(piece.len(), whole);
        match self.form {
            Form::Json => self.body.extend_from_slice(piece),
            Form::HeadAndBody | Form::Body => self.out.write_all(piece)?,
        }
        if let (Form::HeadAndBody, Some(last)) = (&self.form, piece.last()) {
            self.in_line = *last != b'\n';
        }
        Ok(())
    }
}

impl Answer for Printed {
    fn stdout(&mut self, piece: Bytes) -> Result<(), Failure> {
        let State::Head(text) = &mut self.state else { return self.body(&piece) };
        text.extend_from_slice(&piece);
        let Some(end) = head::end(text) else { return Ok(()) };
        let (head, rest) = (Head::parse(&text[..end]), text.split_off(end));
        if matches!(self.form, Form::HeadAndBody) {
            self.progress.clear();
            self.out.write_all(text)?;
        }
        self.state = State::Body(head);
        self.body(&rest)
    }

    fn stderr(&mut self, piece: Bytes) -> Result<(), Failure> {
        self.stderr.extend_from_slice(&piece);
        if !matches!(self.form, Form::Json) {
            self.progress.clear();
            io::stderr().write_all(&piece)?;
            self.in_line = !piece.ends_with(b"\n");
        }
        Ok(())
    }

    fn sent(&mut self, bytes: usize) {
        self.progress.sent(bytes);
    }
}
