//! Records in: each goes to its request, and what the request's state makes of it is done here.

use bytes::Bytes;

use super::Connection;
use super::event::Event;
use crate::codec::Fragment;
use crate::error::{ProtocolError, ProtocolErrorKind};
use crate::name_value::NameValuePairs;
use crate::params::Params;
use crate::record::{Direction, EndRequest, RecordHeader, RecordType, RequestId, UnknownType};
use crate::server::request_state::RecordAction;

impl Connection {
    pub(super) fn receive_from(
        &mut self,
        mut input: &[u8],
        owner: Option<&Bytes>,
    ) -> Result<(), ProtocolError> {
        if let Some(violation) = self.protocol_error {
            return Err(violation);
        }
        loop {
            let broken = match self.decoder.next(&mut input) {
                Ok(Some(fragment)) => match self.fragment(fragment, owner) {
                    Ok(()) => continue,
                    Err(rule) => ProtocolError { kind: rule, request_id: fragment.header.id },
                },
                Ok(None) => return Ok(()),
                Err(violation) => violation,
            };
            self.protocol_error = Some(broken);
            return Err(broken);
        }
    }

    fn fragment(&mut self, fragment: Fragment<'_>, owner: Option<&Bytes>) -> Result<(), ProtocolErrorKind> {
        let RecordHeader { kind, id, .. } = fragment.header;
        let of_connection = matches!(kind, RecordType::GET_VALUES_RESULT | RecordType::UNKNOWN_TYPE);
        match kind.direction() {
            Direction::ToApplication => Err(ProtocolErrorKind::WrongDirection),
            // A later version's additions do no harm.
            Direction::Unknown => Ok(()),
            // FastCGI §3.3: the null id is for management records, and these have no other.
            Direction::ToWebServer if id.is_null() != of_connection => {
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
        let charged = if fragment.header.content_len == 0 {
            entry.state.stdout_end();
            0
        } else if entry.state.stdout()? == RecordAction::Deliver {
            entry.stdout.buffer.push(fragment.content, owner)
        } else {
            0
        };
        self.unread_bytes = self.unread_bytes.saturating_add(charged);
        if charged > 0 && !entry.stdout.readable_queued {
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
        let charged = entry.stderr.buffer.push(fragment.content, owner);
        self.unread_bytes = self.unread_bytes.saturating_add(charged);
        if charged > 0 && !entry.stderr.readable_queued {
            entry.stderr.readable_queued = true;
            self.events.push_back(Event::StderrReadable(entry.key));
        }
        Ok(())
    }

    fn end_record(&mut self, id: RequestId, fragment: Fragment<'_>) -> Result<(), ProtocolErrorKind> {
        if usize::from(fragment.header.content_len) != EndRequest::LEN {
            return Err(ProtocolErrorKind::InvalidEndLength);
        }
        // Before its content is whole, so that the error does not hang on how the bytes were cut.
        if self.requests.by_id(id).is_none() {
            return Err(ProtocolErrorKind::UnknownRequest);
        }
        let end = match fragment.content.try_into() {
            // Mostly it comes at once.
            Ok(content) => EndRequest::decode(content),
            Err(_) if !self.gather(fragment) => return Ok(()),
            Err(_) => {
                let content =
                    self.partial.as_slice().try_into().map_err(|_| ProtocolErrorKind::InvalidEndLength)?;
                self.partial.clear();
                EndRequest::decode(content)
            }
        };
        let (key, unsent) = self.requests.end(id).ok_or(ProtocolErrorKind::UnknownRequest)?;
        if self.keep_conn {
            // The application keeps the id until its streams have ended. What it has not been sent of them it
            // did not want.
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
        if !self.gather(fragment) {
            return Ok(());
        }
        let content = Bytes::from(core::mem::take(&mut self.partial));
        let mut pairs: usize = 0;
        for pair in NameValuePairs::new(&content) {
            pair?;
            pairs = pairs.saturating_add(1);
        }
        if let Some(left) = self.queries.checked_sub(1) {
            self.queries = left;
            self.events.push_back(Event::Values(Params::from_whole(content, pairs)));
        }
        Ok(())
    }

    fn unknown_type_record(&mut self, fragment: Fragment<'_>) -> Result<(), ProtocolErrorKind> {
        if usize::from(fragment.header.content_len) != UnknownType::LEN {
            return Err(ProtocolErrorKind::InvalidUnknownTypeLength);
        }
        if !self.gather(fragment) {
            return Ok(());
        }
        let content =
            self.partial.as_slice().try_into().map_err(|_| ProtocolErrorKind::InvalidUnknownTypeLength)?;
        let UnknownType(kind) = UnknownType::decode(content);
        self.partial.clear();
        // Nothing else is sent that an application might not know.
        if kind == RecordType::GET_VALUES
            && let Some(left) = self.queries.checked_sub(1)
        {
            self.queries = left;
            self.events.push_back(Event::ValuesUnsupported);
        }
        Ok(())
    }

    /// Puts the content of a record together, whose length was checked; whether it is whole.
    fn gather(&mut self, fragment: Fragment<'_>) -> bool {
        if fragment.is_first {
            self.partial.clear();
        }
        self.partial.extend_from_slice(fragment.content);
        fragment.is_last
    }
}
