//! What has come for one request.

use fcgi_core::{EndRequest, ProtocolStatus, RecordType};

use super::rule::{Fault, fault};
use super::wire::Record;
use crate::head::{self, Head};

#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) stdout: Stream,
    pub(super) stderr: Stream,
    pub(super) end: Option<EndRequest>,
}

/// What was sent to a stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) bytes: Vec<u8>,
    /// The empty record has come.
    pub(super) ended: bool,
}

impl Answer {
    /// # Errors
    /// When it is no record of an answer, or comes too late.
    pub(super) fn take(&mut self, record: Record) -> Result<(), Fault> {
        if self.end.is_some() {
            return fault(format!("received {record} after END_REQUEST of its request"));
        }
        match record.kind {
            RecordType::STDOUT => self.stdout.take(record),
            RecordType::STDERR => self.stderr.take(record),
            RecordType::END_REQUEST => {
                let Ok(content) = record.content[..].try_into() else {
                    return fault(format!("END_REQUEST has {} bytes, not 8", record.content.len()));
                };
                self.end = Some(EndRequest::decode(content));
                Ok(())
            }
            _ => fault(format!("received {record} in a response")),
        }
    }

    /// How it was served; an answer that was waited for has an end.
    pub(super) fn protocol_status(&self) -> ProtocolStatus {
        self.end.map_or(ProtocolStatus::REQUEST_COMPLETE, |end| end.protocol_status)
    }

    /// # Errors
    /// When the application did not serve the request.
    pub(super) fn served(&self) -> Result<&Self, Fault> {
        match self.protocol_status() {
            ProtocolStatus::REQUEST_COMPLETE => Ok(self),
            refused => fault(format!("the request was rejected: {refused:?}")),
        }
    }

    /// The head, and the body.
    ///
    /// # Errors
    /// When there is no head.
    pub(super) fn parts(&self) -> Result<(Head, &[u8]), Fault> {
        let stdout = &self.stdout.bytes;
        let end = head::end(stdout).ok_or_else(|| Fault::new("STDOUT has no empty line to end the head"))?;
        Ok((Head::parse(&stdout[..end]), &stdout[end..]))
    }
}

impl Stream {
    fn take(&mut self, record: Record) -> Result<(), Fault> {
        if self.ended && !record.content.is_empty() {
            return fault(format!("received {record} after the stream's end"));
        }
        self.ended = record.content.is_empty();
        self.bytes.extend(record.content);
        Ok(())
    }
}
