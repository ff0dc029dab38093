//! What a request has got.

use fcgi_core::{EndRequest, ProtocolStatus, RecordType};

/// An answer, as far as it has come.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    end: Option<EndRequest>,
}

impl Answer {
    /// Takes a record in. `false`: one that must not come.
    pub(crate) fn take(&mut self, kind: RecordType, content: &[u8]) -> bool {
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

    /// Bytes of STDOUT so far.
    pub(crate) fn len(&self) -> usize {
        self.stdout.len()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Status and body of an answer that has ended as it should.
    pub(crate) fn whole(&self) -> Option<(u16, &[u8])> {
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
