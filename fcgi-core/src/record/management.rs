//! Records about the connection itself, which carry the null id (FastCGI §4).

use super::RecordType;

/// The variables that a web server can ask for with GET_VALUES (FastCGI §4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// Transport connections that the application will accept at once.
    MaxConns,
    /// Requests that the application will accept at once.
    MaxReqs,
    /// 1 if the application takes several requests on one connection at once, else 0.
    MpxsConns,
}

impl Variable {
    /// All of them, in the specification's order.
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

    /// The variable of that name, if the specification has one.
    #[must_use]
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|variable| variable.name().as_bytes() == name)
    }
}

/// The content of an UNKNOWN_TYPE record (FastCGI §4.2): the type that was not understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownType(pub RecordType);

impl UnknownType {
    /// Bytes of the content, always.
    pub const LEN: usize = 8;

    /// The content's bytes; the reserved bytes are 0.
    #[must_use]
    pub const fn encode(self) -> [u8; Self::LEN] {
        [self.0.0, 0, 0, 0, 0, 0, 0, 0]
    }

    /// Reads the content; the reserved bytes are not looked at.
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
    fn unknown_type_there_and_back() {
        let unknown = UnknownType(RecordType(99));
        assert_eq!(unknown.encode(), [99, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(UnknownType::decode([99, 1, 2, 3, 4, 5, 6, 7]), unknown);
    }
}
