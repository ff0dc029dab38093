//! The type of a record.

use core::fmt;

/// The type of a record (FastCGI §8, the `FCGI_…` record types).
///
/// An open code space: an unknown value is not a decoding error, since §4.2 defines a response to it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RecordType(pub u8);

impl RecordType {
    /// A web server begins a request (§5.1).
    pub const BEGIN_REQUEST: Self = Self(1);
    /// A web server aborts a request (§5.4).
    pub const ABORT_REQUEST: Self = Self(2);
    /// An application ends a request (§5.5).
    pub const END_REQUEST: Self = Self(3);
    /// A stream of name-value pairs to the application (§5.2).
    pub const PARAMS: Self = Self(4);
    /// The request body, a stream to the application (§5.3).
    pub const STDIN: Self = Self(5);
    /// The response, a stream to the web server (§5.3).
    pub const STDOUT: Self = Self(6);
    /// Error text, a stream to the web server (§5.3).
    pub const STDERR: Self = Self(7);
    /// A Filter's second input, a stream to the application (§5.3, §6.4).
    pub const DATA: Self = Self(8);
    /// A web server queries variables (§4.1).
    pub const GET_VALUES: Self = Self(9);
    /// An application's response to [`GET_VALUES`](Self::GET_VALUES) (§4.1).
    pub const GET_VALUES_RESULT: Self = Self(10);
    /// An application's response to a management record of an unknown type (§4.2).
    pub const UNKNOWN_TYPE: Self = Self(11);

    /// The direction in which records of this type are sent.
    #[must_use]
    pub const fn direction(self) -> Direction {
        match self {
            Self::BEGIN_REQUEST
            | Self::ABORT_REQUEST
            | Self::PARAMS
            | Self::STDIN
            | Self::DATA
            | Self::GET_VALUES => Direction::ToApplication,
            Self::END_REQUEST
            | Self::STDOUT
            | Self::STDERR
            | Self::GET_VALUES_RESULT
            | Self::UNKNOWN_TYPE => Direction::ToWebServer,
            _ => Direction::Unknown,
        }
    }
}

/// The direction in which records of a [`RecordType`] are sent.
///
/// ```
/// use fcgi_core::{Direction, RecordType};
/// assert_eq!(RecordType::STDIN.direction(), Direction::ToApplication);
/// assert_eq!(RecordType::STDOUT.direction(), Direction::ToWebServer);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From web servers to applications.
    ToApplication,
    /// From applications to web servers.
    ToWebServer,
    /// Unknown: the specification has no such type.
    Unknown,
}

impl fmt::Debug for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::BEGIN_REQUEST => "BEGIN_REQUEST",
            Self::ABORT_REQUEST => "ABORT_REQUEST",
            Self::END_REQUEST => "END_REQUEST",
            Self::PARAMS => "PARAMS",
            Self::STDIN => "STDIN",
            Self::STDOUT => "STDOUT",
            Self::STDERR => "STDERR",
            Self::DATA => "DATA",
            Self::GET_VALUES => "GET_VALUES",
            Self::GET_VALUES_RESULT => "GET_VALUES_RESULT",
            Self::UNKNOWN_TYPE => "UNKNOWN_TYPE",
            Self(other) => return write!(f, "RecordType({other})"),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn every_record_type_has_number_name_and_direction() {
        let cases = [
            (1, "BEGIN_REQUEST", Direction::ToApplication),
            (2, "ABORT_REQUEST", Direction::ToApplication),
            (3, "END_REQUEST", Direction::ToWebServer),
            (4, "PARAMS", Direction::ToApplication),
            (5, "STDIN", Direction::ToApplication),
            (6, "STDOUT", Direction::ToWebServer),
            (7, "STDERR", Direction::ToWebServer),
            (8, "DATA", Direction::ToApplication),
            (9, "GET_VALUES", Direction::ToApplication),
            (10, "GET_VALUES_RESULT", Direction::ToWebServer),
            (11, "UNKNOWN_TYPE", Direction::ToWebServer),
            (0, "RecordType(0)", Direction::Unknown),
            (12, "RecordType(12)", Direction::Unknown),
            (255, "RecordType(255)", Direction::Unknown),
        ];
        for (number, name, direction) in cases {
            assert_eq!(format!("{:?}", RecordType(number)), name);
            assert_eq!(RecordType(number).direction(), direction, "{name}");
        }
    }
}
