//! What can happen to a connection, one thing at a time.

use fcgi_core::{BeginRequest, RecordHeader, RecordType, RequestId, Role};

/// A record of the web server's, or a command of the application's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Begin {
        id: u16,
        role: Role,
        keep_conn: bool,
    },
    Params(u16, Pairs),
    ParamsEnd(u16),
    /// STDIN of so many bytes.
    Stdin(u16, u16),
    StdinEnd(u16),
    /// DATA of so many bytes.
    Data(u16, u16),
    DataEnd(u16),
    Abort(u16),
    GetValues,
    /// A management record of a type that there is not.
    Unknown,
    /// A request's record of a type that there is not.
    UnknownOf(u16),
    /// A record that only an application sends.
    Stdout(u16),
    /// The application does something with the last request of this id that it was told of.
    Command(u16, Command),
    /// The application answers the oldest request whose PARAMS have not ended.
    Refuse,
    /// The application wants the connection to end.
    Close,
}

/// The content of a PARAMS record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pairs {
    Whole,
    /// It ends inside a pair, and so do all that follow it.
    Half,
    /// The first pair says that it is longer than the limit.
    TooLong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Answer,
    Log,
    Read,
    ReadData,
    /// All that was read was used.
    Consume,
    Discard,
    End,
    Fail,
    Abandon,
}

/// A type of records that FastCGI does not have.
pub(crate) const NO_TYPE: RecordType = RecordType(99);

impl Step {
    /// The record, if it is one.
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
            Self::Unknown => (NO_TYPE, 0, b"?".to_vec()),
            Self::UnknownOf(id) => (NO_TYPE, id, b"?".to_vec()),
            Self::Stdout(id) => (RecordType::STDOUT, id, b"?".to_vec()),
            Self::Command(..) | Self::Refuse | Self::Close => return None,
        };
        let content_len = u16::try_from(content.len()).unwrap();
        let header = RecordHeader { kind, id: RequestId(id), content_len, padding_len: 0 };
        Some([&header.encode()[..], &content].concat())
    }
}

impl Pairs {
    const fn encoded(self) -> &'static [u8] {
        match self {
            Self::Whole => b"\x01\x01Nv",
            // A value of 16 384 bytes: none of what else is sent here is enough to complete it.
            Self::Half => b"\x01\x80\x00\x40\x00",
            Self::TooLong => b"\xff\xff\xff\xff\xff\xff\xff\xff",
        }
    }
}

/// What the bodies of an id are made of: nothing of one may come into another's.
pub(crate) fn byte_of(id: u16) -> u8 {
    u8::try_from(id % 256).unwrap()
}

/// Every step, for requests of these ids in these roles.
pub(crate) fn alphabet(ids: &[u16], roles: &[Role]) -> Vec<Step> {
    let mut steps = vec![Step::GetValues, Step::Unknown, Step::Refuse, Step::Close];
    for &id in ids {
        for &role in roles {
            steps.extend([true, false].map(|keep_conn| Step::Begin { id, role, keep_conn }));
        }
        steps.extend([Pairs::Whole, Pairs::Half, Pairs::TooLong].map(|pairs| Step::Params(id, pairs)));
        steps.extend([Step::ParamsEnd(id), Step::Stdin(id, 1), Step::StdinEnd(id), Step::Abort(id)]);
        if roles.contains(&Role::FILTER) {
            steps.extend([Step::DataEnd(id), Step::Command(id, Command::ReadData)]);
        }
        steps.extend([Step::Data(id, 1), Step::UnknownOf(id), Step::Stdout(id)]);
        let commands = [Command::Answer, Command::Log, Command::Read, Command::Consume, Command::Discard];
        steps.extend(commands.map(|command| Step::Command(id, command)));
        steps.extend(
            [Command::End, Command::Fail, Command::Abandon].map(|command| Step::Command(id, command)),
        );
    }
    steps
}
