//! The response to a request.

use fcgi_core::{EndRequest, ProtocolStatus, RecordType};

/// A response, as far as it was received.
#[derive(Debug, Default)]
pub(crate) struct Response {
    stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    end: Option<EndRequest>,
}

impl Response {
    /// Adds a record. `false` if the record is invalid here.
    pub(crate) fn add(&mut self, kind: RecordType, content: &[u8]) -> bool {
        if self.end.is_some() {
            return false;
        }
        match kind {
            RecordType::STDOUT => self.stdout.extend_from_slice(content),
            RecordType::STDERR => self.stderr.extend_from_slice(content),
            RecordType::END_REQUEST => {
                let Ok(content) = content.try_into() else { return false };
                self.end = Some(EndRequest::decode(content));
            }
            _ => return false,
        }
        true
    }

    /// Returns the number of STDOUT bytes received.
    pub(crate) fn len(&self) -> usize {
        self.stdout.len()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Returns the status and body if the response is complete.
    pub(crate) fn complete(&self) -> Option<(u16, &[u8])> {
        let end = self.end?;
        if end.protocol_status != ProtocolStatus::REQUEST_COMPLETE {
            return None;
        }
        let at = self.stdout.windows(4).position(|window| window == b"\r\n\r\n")?;
        let (head, body) = self.stdout.split_at(at + 4);
        let status = head.strip_prefix(b"Status: ")?.get(..3)?;
        Some((std::str::from_utf8(status).ok()?.parse().ok()?, body))
    }
}
