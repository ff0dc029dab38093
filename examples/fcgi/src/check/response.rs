//! The response to a request.

use fcgi_core::{EndRequest, ProtocolStatus, RecordType};

use super::rule::{Fault, fault};
use super::wire::Record;
use crate::head::{self, Head};

#[derive(Debug, Default)]
pub(super) struct Response {
    pub(super) stdout: Stream,
    pub(super) stderr: Stream,
    pub(super) end: Option<EndRequest>,
}

/// A received stream.
#[derive(Debug, Default)]
pub(super) struct Stream {
    pub(super) bytes: Vec<u8>,
    /// The empty record was received.
    pub(super) ended: bool,
}

impl Response {
    /// Adds a record.
    ///
    /// # Errors
    /// If a response has no such record, or the record follows the end.
    pub(super) fn add(&mut self, record: Record) -> Result<(), Fault> {
        if self.end.is_some() {
            return fault(format!("received {record} after END_REQUEST of its request"));
        }
        match record.kind {
            RecordType::STDOUT => self.stdout.add(record),
            RecordType::STDERR => self.stderr.add(record),
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

    /// Returns the protocol status. A response that was waited for has one.
    pub(super) fn protocol_status(&self) -> ProtocolStatus {
        self.end.map_or(ProtocolStatus::REQUEST_COMPLETE, |end| end.protocol_status)
    }

    /// # Errors
    /// If the application rejected the request.
    pub(super) fn served(&self) -> Result<&Self, Fault> {
        match self.protocol_status() {
            ProtocolStatus::REQUEST_COMPLETE => Ok(self),
            rejected => fault(format!("the request was rejected: {rejected:?}")),
        }
    }

    /// Returns the head and the body.
    ///
    /// # Errors
    /// If the response has no head.
    pub(super) fn parts(&self) -> Result<(Head, &[u8]), Fault> {
        let stdout = &self.stdout.bytes;
        let end = head::end(stdout).ok_or_else(|| Fault::new("STDOUT has no empty line to end the head"))?;
        Ok((Head::parse(&stdout[..end]), &stdout[end..]))
    }
}

impl Stream {
    fn add(&mut self, record: Record) -> Result<(), Fault> {
        if self.ended && !record.content.is_empty() {
            return fault(format!("received {record} after the stream's end"));
        }
        self.ended = record.content.is_empty();
        self.bytes.extend(record.content);
        Ok(())
    }
}
