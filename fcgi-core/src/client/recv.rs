//! Receives records: finds the request, queries its state, and applies the result.

use bytes::Bytes;

use super::connection::Connection;
use super::event::Event;
use crate::codec::Fragment;
use crate::error::{ProtocolError, ProtocolErrorKind};
use crate::name_value::NameValuePairs;
use crate::params::Params;
use crate::record::{Direction, EndRequest, RecordHeader, RecordType, RequestId, UnknownType};
use crate::record_action::RecordAction;

impl Connection {
    /// Receives bytes from the application, and uses all of them.
    ///
    /// # Errors
    /// The application broke a rule of the protocol. Every later call fails with the same error.
    pub fn receive(&mut self, input: &[u8]) -> Result<(), ProtocolError> {
        self.receive_from(input, None)
    }

    /// Like [`receive`](Self::receive), without a copy of large pieces of responses.
    ///
    /// They are slices, and keep the whole buffer of `input` alive. Pieces below 8 192 bytes, or below an eighth of `input`,
    /// are copied.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_shared(&mut self, input: &Bytes) -> Result<(), ProtocolError> {
        self.receive_from(input, Some(input))
    }

    fn receive_from(&mut self, mut input: &[u8], owner: Option<&Bytes>) -> Result<(), ProtocolError> {
        if let Some(error) = self.protocol_error {
            return Err(error);
        }
        loop {
            let error = match self.decoder.next(&mut input) {
                Ok(Some(fragment)) => match self.fragment(fragment, owner) {
                    Ok(()) => continue,
                    Err(kind) => ProtocolError { kind, request_id: fragment.header.id },
                },
                Ok(None) => return Ok(()),
                Err(error) => error,
            };
            self.protocol_error = Some(error);
            return Err(error);
        }
    }

    fn fragment(&mut self, fragment: Fragment<'_>, owner: Option<&Bytes>) -> Result<(), ProtocolErrorKind> {
        let RecordHeader { kind, id, .. } = fragment.header;
        let is_management = matches!(kind, RecordType::GET_VALUES_RESULT | RecordType::UNKNOWN_TYPE);
        match kind.direction() {
            Direction::ToApplication => Err(ProtocolErrorKind::WrongDirection),
            // Ignore unknown types: a later version may add some.
            Direction::Unknown => Ok(()),
            // FastCGI §3.3: management records have the null id, and no other record has it.
            Direction::ToWebServer if id.is_null() != is_management => {
                Err(ProtocolErrorKind::InvalidRequestId)
            }
            Direction::ToWebServer => match kind {
                RecordType::STDOUT => self.stdout_record(id, fragment, owner),
                RecordType::STDERR => self.stderr_record(id, fragment, owner),
                RecordType::END_REQUEST => self.end_record(id, fragment),
                RecordType::GET_VALUES_RESULT => self.values_record(fragment),
                _ => self.unknown_type_record(fragment),
            },
        }
    }

    fn stdout_record(
        &mut self,
        id: RequestId,
        fragment: Fragment<'_>,
        owner: Option<&Bytes>,
    ) -> Result<(), ProtocolErrorKind> {
        let entry = self.requests.by_id(id).ok_or(ProtocolErrorKind::UnknownRequest)?;
        let received = if fragment.header.content_len == 0 {
            entry.state.stdout_end();
            0
        } else if entry.state.stdout()? == RecordAction::Deliver {
            entry.stdout.buffer.push(fragment.content, owner)
        } else {
            0
        };
        self.unread_bytes = self.unread_bytes.saturating_add(received);
        if received > 0 && !entry.stdout.readable_queued {
            entry.stdout.readable_queued = true;
            self.events.push_back(Event::StdoutReadable(entry.key));
        }
        Ok(())
    }

    fn stderr_record(
        &mut self,
        id: RequestId,
        fragment: Fragment<'_>,
        owner: Option<&Bytes>,
    ) -> Result<(), ProtocolErrorKind> {
        let entry = self.requests.by_id(id).ok_or(ProtocolErrorKind::UnknownRequest)?;
        if fragment.content.is_empty() || entry.state.stderr() == RecordAction::Ignore {
            return Ok(());
        }
        let received = entry.stderr.buffer.push(fragment.content, owner);
        self.unread_bytes = self.unread_bytes.saturating_add(received);
        if received > 0 && !entry.stderr.readable_queued {
            entry.stderr.readable_queued = true;
            self.events.push_back(Event::StderrReadable(entry.key));
        }
        Ok(())
    }

    fn end_record(&mut self, id: RequestId, fragment: Fragment<'_>) -> Result<(), ProtocolErrorKind> {
        if usize::from(fragment.header.content_len) != EndRequest::LEN {
            return Err(ProtocolErrorKind::InvalidEndLength);
        }
        // Check before the content is complete: the error must not depend on how the bytes were split.
        if self.requests.by_id(id).is_none() {
            return Err(ProtocolErrorKind::UnknownRequest);
        }
        let end = match fragment.content.try_into() {
            // Fast path: usually the record arrives in one piece.
            Ok(content) => EndRequest::decode(content),
            Err(_) if !self.collect(fragment) => return Ok(()),
            Err(_) => {
                let content =
                    self.partial.as_slice().try_into().map_err(|_| ProtocolErrorKind::InvalidEndLength)?;
                self.partial.clear();
                EndRequest::decode(content)
            }
        };
        let (key, unsent) = self.requests.end(id).ok_or(ProtocolErrorKind::UnknownRequest)?;
        if self.keep_conn {
            // The application keeps the id until its streams have ended. It has not used the rest of them.
            for stream in unsent {
                self.output.write_stream_end(stream, id);
            }
        }
        self.events.push_back(Event::RequestEnded(key, end));
        self.requests.remove_if_done(key);
        Ok(())
    }

    fn values_record(&mut self, fragment: Fragment<'_>) -> Result<(), ProtocolErrorKind> {
        if usize::from(fragment.header.content_len) > self.config.max_management_bytes {
            return Err(ProtocolErrorKind::ManagementTooLong);
        }
        if !self.collect(fragment) {
            return Ok(());
        }
        let content = Bytes::from(core::mem::take(&mut self.partial));
        let mut pairs: usize = 0;
        for pair in NameValuePairs::new(&content) {
            pair?;
            pairs = pairs.saturating_add(1);
        }
        if let Some(remaining) = self.queries.checked_sub(1) {
            self.queries = remaining;
            self.events.push_back(Event::Values(Params::from_encoded(content, pairs)));
        }
        Ok(())
    }

    fn unknown_type_record(&mut self, fragment: Fragment<'_>) -> Result<(), ProtocolErrorKind> {
        if usize::from(fragment.header.content_len) != UnknownType::LEN {
            return Err(ProtocolErrorKind::InvalidUnknownTypeLength);
        }
        if !self.collect(fragment) {
            return Ok(());
        }
        let content =
            self.partial.as_slice().try_into().map_err(|_| ProtocolErrorKind::InvalidUnknownTypeLength)?;
        let UnknownType(kind) = UnknownType::decode(content);
        self.partial.clear();
        // FastCGI §4.2: no other record of ours can have an unknown type.
        if kind == RecordType::GET_VALUES
            && let Some(remaining) = self.queries.checked_sub(1)
        {
            self.queries = remaining;
            self.events.push_back(Event::ValuesUnsupported);
        }
        Ok(())
    }

    /// Collects the content of a record, whose length was checked, in `partial`. Returns whether it is complete.
    fn collect(&mut self, fragment: Fragment<'_>) -> bool {
        if fragment.is_first {
            self.partial.clear();
        }
        self.partial.extend_from_slice(fragment.content);
        fragment.is_last
    }
}
