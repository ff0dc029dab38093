//! Management records: about the connection, with the null id (FastCGI §4).

use super::kind::RecordType;

/// A variable that a web server can query with GET_VALUES (FastCGI §4.1).
///
/// FastCGI 1.0 has these three.
///
/// ```
/// use fcgi_core::Variable;
/// assert_eq!(Variable::MpxsConns.name(), "FCGI_MPXS_CONNS");
/// assert_eq!(Variable::from_name(b"FCGI_MAX_REQS"), Some(Variable::MaxReqs));
/// assert_eq!(Variable::from_name(b"PATH"), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Variable {
    /// Concurrent transport connections that the application accepts.
    MaxConns,
    /// Concurrent requests that the application accepts.
    MaxReqs,
    /// 1 if the application accepts concurrent requests on one connection, otherwise 0.
    MpxsConns,
}

impl Variable {
    /// All variables, in the order of the specification.
    pub const ALL: [Self; 3] = [Self::MaxConns, Self::MaxReqs, Self::MpxsConns];

    /// The name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MaxConns => "FCGI_MAX_CONNS",
            Self::MaxReqs => "FCGI_MAX_REQS",
            Self::MpxsConns => "FCGI_MPXS_CONNS",
        }
    }

    /// The variable with this name, if the specification has one.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|variable| variable.name().as_bytes() == name)
    }
}

/// The content of an UNKNOWN_TYPE record (FastCGI §4.2): the unknown type.
///
/// A server answers a management record that it does not know with it:
///
/// ```
/// use fcgi_core::{RecordDecoder, RecordEncoder, RecordType, RequestId, UnknownType};
/// let mut encoder = RecordEncoder::new();
/// let unknown = UnknownType(RecordType(99));
/// encoder.write_record(RecordType::UNKNOWN_TYPE, RequestId::NULL, &unknown.encode());
///
/// let sent = encoder.slices().collect::<Vec<_>>().concat();
/// let record = RecordDecoder::new().next(&mut &sent[..])?.expect("a record");
/// assert_eq!(UnknownType::decode(record.content.try_into()?), unknown);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnknownType(pub RecordType);

impl UnknownType {
    /// Bytes of the content.
    pub const LEN: usize = 8;

    /// Encodes the content; the reserved bytes are 0.
    #[must_use]
    pub const fn encode(self) -> [u8; Self::LEN] {
        [self.0.0, 0, 0, 0, 0, 0, 0, 0]
    }

    /// Decodes the content; ignores the reserved bytes.
    #[must_use]
    pub const fn decode(content: [u8; Self::LEN]) -> Self {
        let [kind, ..] = content;
        Self(RecordType(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_by_their_exact_name() {
        for variable in Variable::ALL {
            assert_eq!(Variable::from_name(variable.name().as_bytes()), Some(variable));
        }
        for other in [&b""[..], b"FCGI_MAX_CONN", b"fcgi_max_conns", b"FCGI_MAX_CONNS\0"] {
            assert_eq!(Variable::from_name(other), None);
        }
    }

    #[test]
    fn unknown_type_round_trip() {
        let unknown = UnknownType(RecordType(99));
        assert_eq!(unknown.encode(), [99, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(UnknownType::decode([99, 1, 2, 3, 4, 5, 6, 7]), unknown);
    }
}
