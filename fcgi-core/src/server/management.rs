//! Management records, which are answered here (FastCGI §4.1: they "should not involve the application
//! proper").

use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::Connection;
use crate::codec::Fragment;
use crate::error::Rule;
use crate::name_value::{Pairs, encode_pair};
use crate::record::{RecordType, RequestId, Sender, UnknownType, Variable};

impl Connection {
    /// A record that is, or claims to be, about the connection: its id is null, or it is GET_VALUES.
    pub(super) fn management_record(&mut self, fragment: Fragment<'_>) -> Result<(), Rule> {
        let header = fragment.header;
        match (header.kind, header.kind.sender()) {
            (RecordType::GET_VALUES, _) if header.id.is_null() => self.get_values(fragment),
            (_, Sender::WebServer) => Err(Rule::RequestId),
            (_, Sender::Application) => Err(Rule::Direction),
            (kind, Sender::Unknown) => {
                if fragment.ends {
                    self.answer(RecordType::UNKNOWN_TYPE, &UnknownType(kind).encode());
                }
                Ok(())
            }
        }
    }

    fn get_values(&mut self, fragment: Fragment<'_>) -> Result<(), Rule> {
        if usize::from(fragment.header.content_len) > self.config.limits.management_bytes {
            return Err(Rule::ManagementLength);
        }
        if fragment.starts {
            self.management.clear();
        }
        self.management.extend_from_slice(fragment.content);
        if !fragment.ends {
            return Ok(());
        }
        // FastCGI §4.1: the names that are asked for and known, each once, whatever their values in the
        // query.
        let mut asked: Vec<Variable> = Vec::new();
        for pair in Pairs::new(&self.management) {
            let (name, _) = pair?;
            match Variable::from_name(name) {
                Some(variable) if !asked.contains(&variable) => asked.push(variable),
                Some(_) | None => {}
            }
        }
        self.management.clear();
        let mut content = Vec::new();
        for variable in asked {
            let value = self.config.value(variable).to_string();
            encode_pair(&mut content, variable.name().as_bytes(), value.as_bytes());
        }
        self.answer(RecordType::GET_VALUES_RESULT, &content);
        Ok(())
    }

    fn answer(&mut self, kind: RecordType, content: &[u8]) {
        self.answer_here(|connection| connection.output.record(kind, RequestId::NULL, content));
    }
}
