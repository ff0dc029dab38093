//! Records in: each goes to its request, and what the request's state makes of it is done here.

use bytes::Bytes;

use super::Connection;
use super::event::Event;
use crate::codec::Fragment;
use crate::error::{Rule, Violation};
use crate::name_value::Pairs;
use crate::params::Params;
use crate::record::{EndRequest, RecordHeader, RecordType, RequestId, Sender, UnknownType};
use crate::server::request_state::Content;

impl Connection {
    pub(super) fn receive_from(&mut self, mut input: &[u8], owner: Option<&Bytes>) -> Result<(), Violation> {
        if let Some(violation) = self.broken {
            return Err(violation);
        }
        loop {
            let broken = match self.deframer.next(&mut input) {
                Ok(Some(fragment)) => match self.fragment(fragment, owner) {
                    Ok(()) => continue,
                    Err(rule) => Violation { rule, id: fragment.header.id },
                },
                Ok(None) => return Ok(()),
                Err(violation) => violation,
            };
            self.broken = Some(broken);
            return Err(broken);
        }
    }

    fn fragment(&mut self, fragment: Fragment<'_>, owner: Option<&Bytes>) -> Result<(), Rule> {
        let RecordHeader { kind, id, .. } = fragment.header;
        let of_connection = matches!(kind, RecordType::GET_VALUES_RESULT | RecordType::UNKNOWN_TYPE);
        match kind.sender() {
            Sender::WebServer => Err(Rule::Direction),
            // A later version's additions do no harm.
            Sender::Unknown => Ok(()),
            // FastCGI §3.3: the null id is for management records, and these have no other.
            Sender::Application if id.is_null() != of_connection => Err(Rule::RequestId),
            Sender::Application => match kind {
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
    ) -> Result<(), Rule> {
        let entry = self.table.by_id(id).ok_or(Rule::UnknownRequest)?;
        let charged = if fragment.header.content_len == 0 {
            entry.state.stdout_end();
            0
        } else if entry.state.stdout()? == Content::Keep {
            entry.stdout.inbox.push(fragment.content, owner)
        } else {
            0
        };
        self.unread = self.unread.saturating_add(charged);
        if charged > 0 && !entry.stdout.announced {
            entry.stdout.announced = true;
            self.events.push_back(Event::Stdout(entry.key));
        }
        Ok(())
    }

    fn stderr_record(
        &mut self,
        id: RequestId,
        fragment: Fragment<'_>,
        owner: Option<&Bytes>,
    ) -> Result<(), Rule> {
        let entry = self.table.by_id(id).ok_or(Rule::UnknownRequest)?;
        if fragment.content.is_empty() || entry.state.stderr() == Content::Drop {
            return Ok(());
        }
        let charged = entry.stderr.inbox.push(fragment.content, owner);
        self.unread = self.unread.saturating_add(charged);
        if charged > 0 && !entry.stderr.announced {
            entry.stderr.announced = true;
            self.events.push_back(Event::Stderr(entry.key));
        }
        Ok(())
    }

    fn end_record(&mut self, id: RequestId, fragment: Fragment<'_>) -> Result<(), Rule> {
        if usize::from(fragment.header.content_len) != EndRequest::LEN {
            return Err(Rule::EndLength);
        }
        // Before its content is whole, so that the error does not hang on how the bytes were cut.
        if self.table.by_id(id).is_none() {
            return Err(Rule::UnknownRequest);
        }
        let end = match fragment.content.try_into() {
            // Mostly it comes at once.
            Ok(content) => EndRequest::decode(content),
            Err(_) if !self.gather(fragment) => return Ok(()),
            Err(_) => {
                let content = self.partial.as_slice().try_into().map_err(|_| Rule::EndLength)?;
                self.partial.clear();
                EndRequest::decode(content)
            }
        };
        let (key, unsent) = self.table.end(id).ok_or(Rule::UnknownRequest)?;
        if self.keep_conn {
            // The application keeps the id until its streams have ended. What it has not been sent of them it
            // did not want.
            for stream in unsent {
                self.output.end_stream(stream, id);
            }
        }
        self.events.push_back(Event::End(key, end));
        self.table.settle(key);
        Ok(())
    }

    fn values_record(&mut self, fragment: Fragment<'_>) -> Result<(), Rule> {
        if usize::from(fragment.header.content_len) > self.config.management_bytes {
            return Err(Rule::ManagementLength);
        }
        if !self.gather(fragment) {
            return Ok(());
        }
        let content = Bytes::from(core::mem::take(&mut self.partial));
        let mut pairs: usize = 0;
        for pair in Pairs::new(&content) {
            pair?;
            pairs = pairs.saturating_add(1);
        }
        if let Some(left) = self.queries.checked_sub(1) {
            self.queries = left;
            self.events.push_back(Event::Values(Params::from_whole(content, pairs)));
        }
        Ok(())
    }

    fn unknown_type_record(&mut self, fragment: Fragment<'_>) -> Result<(), Rule> {
        if usize::from(fragment.header.content_len) != UnknownType::LEN {
            return Err(Rule::UnknownTypeLength);
        }
        if !self.gather(fragment) {
            return Ok(());
        }
        let content = self.partial.as_slice().try_into().map_err(|_| Rule::UnknownTypeLength)?;
        let UnknownType(kind) = UnknownType::decode(content);
        self.partial.clear();
        // Nothing else is sent that an application might not know.
        if kind == RecordType::GET_VALUES
            && let Some(left) = self.queries.checked_sub(1)
        {
            self.queries = left;
            self.events.push_back(Event::ValuesUnknown);
        }
        Ok(())
    }

    /// Puts the content of a record together, whose length was checked; whether it is whole.
    fn gather(&mut self, fragment: Fragment<'_>) -> bool {
        if fragment.starts {
            self.partial.clear();
        }
        self.partial.extend_from_slice(fragment.content);
        fragment.ends
    }
}
