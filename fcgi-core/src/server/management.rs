//! Management records. The connection responds to them itself (FastCGI §4.1: they "should not involve the
//! application proper").

use alloc::string::ToString as _;
use alloc::vec::Vec;

use super::connection::Connection;
use crate::codec::Fragment;
use crate::error::ProtocolErrorKind;
use crate::name_value::{NameValuePairs, encode_pair};
use crate::record::{Direction, RecordType, RequestId, UnknownType, Variable};

impl Connection {
    /// Handles a record with the null id, or GET_VALUES with any id.
    pub(super) fn management_record(&mut self, fragment: Fragment<'_>) -> Result<(), ProtocolErrorKind> {
        let header = fragment.header;
        match (header.kind, header.kind.direction()) {
            (RecordType::GET_VALUES, _) if header.id.is_null() => self.get_values(fragment),
            (_, Direction::ToApplication) => Err(ProtocolErrorKind::InvalidRequestId),
            (_, Direction::ToWebServer) => Err(ProtocolErrorKind::WrongDirection),
            // FastCGI §4.2: respond to an unknown type.
            (kind, Direction::Unknown) => {
                if fragment.is_last {
                    self.send_management(RecordType::UNKNOWN_TYPE, &UnknownType(kind).encode());
                }
                Ok(())
            }
        }
    }

    fn get_values(&mut self, fragment: Fragment<'_>) -> Result<(), ProtocolErrorKind> {
        if usize::from(fragment.header.content_len) > self.config.limits.max_management_bytes {
            return Err(ProtocolErrorKind::ManagementTooLong);
        }
        if fragment.is_first {
            self.management.clear();
        }
        self.management.extend_from_slice(fragment.content);
        if !fragment.is_last {
            return Ok(());
        }
        // FastCGI §4.1: the result contains the known variables of the query, whatever their values there. Each only
        // once: repeated names must not enlarge the result.
        let mut variables: Vec<Variable> = Vec::new();
        for pair in NameValuePairs::new(&self.management) {
            let (name, _) = pair?;
            match Variable::from_name(name) {
                Some(variable) if !variables.contains(&variable) => variables.push(variable),
                Some(_) | None => {}
            }
        }
        self.management.clear();
        let mut content = Vec::new();
        for variable in variables {
            let value = self.config.value(variable).to_string();
            encode_pair(&mut content, variable.name().as_bytes(), value.as_bytes());
        }
        self.send_management(RecordType::GET_VALUES_RESULT, &content);
        Ok(())
    }

    fn send_management(&mut self, kind: RecordType, content: &[u8]) {
        self.send_control(|connection| connection.output.write_record(kind, RequestId::NULL, content));
    }
}
