//! The steps of an exploration: records and commands.

use fcgi_core::{BeginRequest, RecordHeader, RecordType, RequestId, Role};

/// A record of the web server, or a command of the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Begin {
        id: u16,
        role: Role,
        keep_conn: bool,
    },
    Params(u16, ParamsContent),
    ParamsEnd(u16),
    /// STDIN with this many bytes.
    Stdin(u16, u16),
    StdinEnd(u16),
    /// DATA with this many bytes.
    Data(u16, u16),
    DataEnd(u16),
    Abort(u16),
    GetValues,
    /// A management record of an unknown type.
    UnknownManagement,
    /// A record of a request with an unknown type.
    UnknownOf(u16),
    /// A record in the wrong direction.
    Stdout(u16),
    /// A command for the last reported request of this id.
    Command(u16, Command),
    /// The application rejects the oldest incomplete head.
    Reject,
    StopAccepting,
}

/// The content of a PARAMS record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParamsContent {
    Complete,
    /// Ends inside a pair, and so do all that follow.
    Truncated,
    /// The first pair is longer than the limit.
    TooLong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Stdout,
    Stderr,
    ReadBody,
    ReadData,
    /// Releases everything that was read.
    ReleaseCapacity,
    DiscardBody,
    EndRequest,
    AbortResponse,
    AbandonResponse,
}

/// A record type that FastCGI does not define.
pub(crate) const UNKNOWN_TYPE: RecordType = RecordType(99);

impl Step {
    /// The encoded record, or `None` for a command.
    pub(crate) fn wire(self) -> Option<Vec<u8>> {
        let (kind, id, content) = match self {
            Self::Begin { id, role, keep_conn } => {
                (RecordType::BEGIN_REQUEST, id, BeginRequest { role, keep_conn }.encode().to_vec())
            }
            Self::Params(id, pairs) => (RecordType::PARAMS, id, pairs.encoded().to_vec()),
            Self::ParamsEnd(id) => (RecordType::PARAMS, id, Vec::new()),
            Self::Stdin(id, len) => (RecordType::STDIN, id, vec![byte_of(id); len.into()]),
            Self::StdinEnd(id) => (RecordType::STDIN, id, Vec::new()),
            Self::Data(id, len) => (RecordType::DATA, id, vec![byte_of(id); len.into()]),
            Self::DataEnd(id) => (RecordType::DATA, id, Vec::new()),
            Self::Abort(id) => (RecordType::ABORT_REQUEST, id, Vec::new()),
            Self::GetValues => (RecordType::GET_VALUES, 0, b"\x0f\x00FCGI_MPXS_CONNS".to_vec()),
            Self::UnknownManagement => (UNKNOWN_TYPE, 0, b"?".to_vec()),
            Self::UnknownOf(id) => (UNKNOWN_TYPE, id, b"?".to_vec()),
            Self::Stdout(id) => (RecordType::STDOUT, id, b"?".to_vec()),
            Self::Command(..) | Self::Reject | Self::StopAccepting => return None,
        };
        let content_len = u16::try_from(content.len()).unwrap();
        let header = RecordHeader { kind, id: RequestId(id), content_len, padding_len: 0 };
        Some([&header.encode()[..], &content].concat())
    }
}

impl ParamsContent {
    const fn encoded(self) -> &'static [u8] {
        match self {
            Self::Complete => b"\x01\x01Nv",
            // A value of 16 384 bytes, more than the other records complete.
            Self::Truncated => b"\x01\x80\x00\x40\x00",
            Self::TooLong => b"\xff\xff\xff\xff\xff\xff\xff\xff",
        }
    }
}

/// The bytes of bodies of this id, to detect mixed bodies.
pub(crate) fn byte_of(id: u16) -> u8 {
    u8::try_from(id % 256).unwrap()
}

/// Every step, for requests of these ids in these roles.
pub(crate) fn alphabet(ids: &[u16], roles: &[Role]) -> Vec<Step> {
    let mut steps = vec![Step::GetValues, Step::UnknownManagement, Step::Reject, Step::StopAccepting];
    for &id in ids {
        for &role in roles {
            steps.extend([true, false].map(|keep_conn| Step::Begin { id, role, keep_conn }));
        }
        steps.extend(
            [ParamsContent::Complete, ParamsContent::Truncated, ParamsContent::TooLong]
                .map(|pairs| Step::Params(id, pairs)),
        );
        steps.extend([Step::ParamsEnd(id), Step::Stdin(id, 1), Step::StdinEnd(id), Step::Abort(id)]);
        if roles.contains(&Role::FILTER) {
            steps.extend([Step::DataEnd(id), Step::Command(id, Command::ReadData)]);
        }
        steps.extend([Step::Data(id, 1), Step::UnknownOf(id), Step::Stdout(id)]);
        let commands = [
            Command::Stdout,
            Command::Stderr,
            Command::ReadBody,
            Command::ReleaseCapacity,
            Command::DiscardBody,
        ];
        steps.extend(commands.map(|command| Step::Command(id, command)));
        steps.extend(
            [Command::EndRequest, Command::AbortResponse, Command::AbandonResponse]
                .map(|command| Step::Command(id, command)),
        );
    }
    steps
}
