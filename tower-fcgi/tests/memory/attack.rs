//! The input of a hostile peer.

use fcgi_core::{BeginRequest, RecordHeader, RecordType, RequestId, Role, encode_pair};

use crate::transport::Feed;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attack {
    /// Endless PARAMS, on all ids.
    EndlessParams,
    /// As many headers as fit into PARAMS, each as small as possible.
    ManyHeaders,
    /// Half a record.
    HalfRecord,
    /// Unread bodies, a byte in each record.
    SlowBytes,
    /// Unread bodies, each chunk among many useless bytes.
    PinnedBodies,
    /// Responses that the web server never reads.
    UnreadAnswers,
    /// Uses each id, and never ends its input.
    AllIds,
    /// Requests for an unsupported role, whose responses are never read.
    UnknownRole,
    /// GET_VALUES whose results are never read.
    Questions,
    /// A request whose handler drops the writes of lines to STDERR. The handler's attack, so not in `ALL`.
    Lines,
}

impl Attack {
    pub(crate) const ALL: [Self; 9] = [
        Self::EndlessParams,
        Self::ManyHeaders,
        Self::HalfRecord,
        Self::SlowBytes,
        Self::PinnedBodies,
        Self::UnreadAnswers,
        Self::AllIds,
        Self::UnknownRole,
        Self::Questions,
    ];

    /// Whether it reads the responses.
    pub(crate) const fn reads(self) -> bool {
        !matches!(self, Self::Lines | Self::UnreadAnswers | Self::UnknownRole | Self::Questions)
    }

    /// Bytes that it can send at least: an attack that is rejected at once tests nothing.
    pub(crate) const fn least(self) -> usize {
        match self {
            Self::HalfRecord => 8,
            Self::Lines => 50,
            Self::UnreadAnswers => 100,
            _ => 10_000,
        }
    }

    pub(crate) fn feed(self) -> Feed {
        let mut count = 0_u32;
        Box::new(move || {
            let turn = count;
            count += 1;
            let id = u16::try_from(turn % 65_535 + 1).unwrap();
            // The accepted requests.
            let one_of_32 = u16::try_from(turn % 32 + 1).unwrap();
            match self {
                Self::EndlessParams if turn < 32 => Some(begin(id, Role::RESPONDER)),
                Self::EndlessParams => Some(record(RecordType::PARAMS, one_of_32, &[1; 700])),
                Self::ManyHeaders => (turn < 100).then(|| many_headers(id)),
                Self::HalfRecord => (turn == 0).then(|| begin(1, Role::RESPONDER)[..12].to_vec()),
                Self::SlowBytes if turn < 32 => Some(head(id, "/wait")),
                Self::SlowBytes => Some(record(RecordType::STDIN, one_of_32, b"x")),
                Self::PinnedBodies if turn < 32 => Some(head(id, "/wait")),
                Self::PinnedBodies => {
                    // A read of 64 KiB has one chunk that is shared, and the rest belongs to no request.
                    let mut bytes = record(RecordType::STDIN, one_of_32, &[b'x'; 8192]);
                    bytes.extend(record(RecordType::STDIN, 60_000, &vec![0; 57_328]));
                    Some(bytes)
                }
                Self::Lines => (turn == 0).then(|| whole(id, "/lines")),
                Self::UnreadAnswers => (turn < 32).then(|| whole(id, "/endless")),
                Self::AllIds => Some(head(id, "/")),
                Self::UnknownRole => Some(begin(id, Role(9))),
                Self::Questions => {
                    let mut query = Vec::new();
                    encode_pair(&mut query, b"FCGI_MAX_CONNS", b"");
                    encode_pair(&mut query, b"FCGI_MAX_REQS", b"");
                    Some(record(RecordType::GET_VALUES, 0, &query))
                }
            }
        })
    }
}

/// One well-formed request.
pub(crate) fn honest() -> Feed {
    let mut request = Some(whole(1, "/"));
    Box::new(move || request.take())
}

fn record(kind: RecordType, id: u16, content: &[u8]) -> Vec<u8> {
    let header = RecordHeader::new(kind, RequestId(id), u16::try_from(content.len()).unwrap());
    [&header.encode(), content].concat()
}

fn begin(id: u16, role: Role) -> Vec<u8> {
    record(RecordType::BEGIN_REQUEST, id, &BeginRequest { role, keep_conn: true }.encode())
}

fn with_pairs(id: u16, uri: &str, more: &[u8]) -> Vec<u8> {
    let mut pairs = Vec::new();
    encode_pair(&mut pairs, b"REQUEST_METHOD", b"POST");
    encode_pair(&mut pairs, b"REQUEST_URI", uri.as_bytes());
    pairs.extend(more);
    [begin(id, Role::RESPONDER), record(RecordType::PARAMS, id, &pairs), record(RecordType::PARAMS, id, b"")]
        .concat()
}

fn head(id: u16, uri: &str) -> Vec<u8> {
    with_pairs(id, uri, &[])
}

fn whole(id: u16, uri: &str) -> Vec<u8> {
    [head(id, uri), record(RecordType::STDIN, id, b"")].concat()
}

fn many_headers(id: u16) -> Vec<u8> {
    let mut pairs = Vec::new();
    for number in 0..900 {
        encode_pair(&mut pairs, format!("HTTP_{number:X}").as_bytes(), b"");
    }
    with_pairs(id, "/wait", &pairs)
}
