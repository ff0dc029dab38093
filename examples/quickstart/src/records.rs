//! What passed between the web server and the application, decoded as far as people want to read it.

use std::fmt::Write as _;

use fcgi_core::{BeginRequest, EndRequest, NameValuePairs, RecordType};
use serde::Serialize;

/// Something to show on the page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// On the wire between the web server and the application.
    Step(Step),
    /// A request as the web server got it from the browser.
    Http(HttpRequest),
}

/// What the web server makes records of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpRequest {
    /// The page's number for it: the header `X-Exchange`.
    pub exchange: String,
    /// The request line and the headers.
    pub head: String,
}

/// One thing that happened on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Of which request, counted since the program's start.
    pub request: u64,
    /// Who did it.
    pub from: Peer,
    /// Microseconds since the first byte of the request's BEGIN_REQUEST was complete at the web server.
    pub micros: u64,
    /// What was done.
    #[serde(flatten)]
    pub what: What,
}

/// An end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "their names say it")]
pub enum Peer {
    WebServer,
    Application,
}

/// What a peer did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "camelCase")]
pub enum What {
    /// It sent a record.
    #[serde(rename_all = "camelCase")]
    Record {
        /// The specification's name of its type.
        kind: String,
        /// The request id on the wire.
        id: u16,
        /// Of the content; the header's eight and the padding come on top.
        bytes: usize,
        /// Bytes of padding.
        padding: u8,
        /// What the content says.
        content: Content,
    },
    /// It sent more records of a stream than anyone wants to see.
    LeftOut {
        /// Of this type,
        kind: String,
        /// so many,
        records: u64,
        /// with so many bytes of content.
        bytes: u64,
    },
    /// It closed its direction of the connection.
    Closed,
}

/// The content of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum Content {
    /// None, and none is expected.
    Nothing,
    /// None, which ends a stream (FastCGI §3.3).
    EndOfStream,
    /// Of BEGIN_REQUEST.
    #[serde(rename_all = "camelCase")]
    Begin {
        /// What the application is asked to be.
        role: String,
        /// Whether the connection is to be left open.
        keep_conn: bool,
    },
    /// Of PARAMS: the pairs that are complete with this record.
    Params {
        /// Names and values.
        pairs: Vec<(String, String)>,
    },
    /// Of any other stream, where it is text.
    Text {
        /// The beginning.
        text: String,
        /// Bytes that are not shown.
        more: usize,
    },
    /// Anything else.
    Bytes {
        /// The beginning, in hexadecimal digits.
        hex: String,
        /// Bytes that are not shown.
        more: usize,
    },
    /// Of END_REQUEST.
    #[serde(rename_all = "camelCase")]
    End {
        /// What a CGI program's exit status would be.
        app_status: u32,
        /// The specification's name of the outcome.
        protocol_status: String,
    },
}

impl Content {
    /// Bytes of a text that are shown.
    const TEXT: usize = 2048;
    /// Bytes of anything else that are shown.
    const BYTES: usize = 256;

    /// Of a record of this type. `pending` has what earlier PARAMS left of a pair, and gets what this one leaves.
    pub(crate) fn decode(kind: RecordType, content: &[u8], pending: &mut Vec<u8>) -> Self {
        let is_stream = matches!(
            kind,
            RecordType::PARAMS
                | RecordType::STDIN
                | RecordType::DATA
                | RecordType::STDOUT
                | RecordType::STDERR
        );
        match (kind, content.try_into()) {
            _ if content.is_empty() => {
                if is_stream {
                    Self::EndOfStream
                } else {
                    Self::Nothing
                }
            }
            (RecordType::PARAMS, _) => {
                pending.extend_from_slice(content);
                Self::Params { pairs: whole_pairs(pending) }
            }
            (RecordType::BEGIN_REQUEST, Ok(content)) => {
                let begin = BeginRequest::decode(content);
                Self::Begin { role: format!("{:?}", begin.role), keep_conn: begin.keep_conn }
            }
            (RecordType::END_REQUEST, Ok(content)) => {
                let EndRequest { app_status, protocol_status } = EndRequest::decode(content);
                Self::End { app_status, protocol_status: format!("{protocol_status:?}") }
            }
            _ => Self::preview(content),
        }
    }

    fn preview(content: &[u8]) -> Self {
        let start = &content[..content.len().min(Self::TEXT)];
        // The cut may go through a character.
        let text = match str::from_utf8(start) {
            Ok(text) => Some(text),
            Err(error) if error.error_len().is_none() => str::from_utf8(&start[..error.valid_up_to()]).ok(),
            Err(_) => None,
        };
        let is_readable = |text: &&str| !text.chars().any(|c| c.is_control() && !"\t\r\n".contains(c));
        if let Some(text) = text.filter(is_readable) {
            return Self::Text { text: text.to_owned(), more: content.len() - text.len() };
        }
        let start = &content[..content.len().min(Self::BYTES)];
        let mut hex = String::with_capacity(3 * start.len());
        for byte in start {
            let _ = write!(hex, "{byte:02x} ");
        }
        hex.truncate(hex.trim_end().len());
        Self::Bytes { hex, more: content.len() - start.len() }
    }
}

/// Takes the pairs that are complete from the front of `pending`.
fn whole_pairs(pending: &mut Vec<u8>) -> Vec<(String, String)> {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let mut found = Vec::new();
    let mut pairs = NameValuePairs::new(pending);
    let mut left = pending.len();
    while let Some(Ok((name, value))) = pairs.next() {
        found.push((text(name), text(value)));
        left = pairs.rest().len();
    }
    pending.drain(..pending.len() - left);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(kind: RecordType, content: &[u8]) -> Content {
        Content::decode(kind, content, &mut Vec::new())
    }

    #[test]
    fn each_type_says_what_it_means() {
        assert_eq!(
            decode(RecordType::BEGIN_REQUEST, &[0, 1, 1, 0, 0, 0, 0, 0]),
            Content::Begin { role: "RESPONDER".to_owned(), keep_conn: true }
        );
        assert_eq!(
            decode(RecordType::END_REQUEST, &[0, 0, 0, 7, 0, 0, 0, 0]),
            Content::End { app_status: 7, protocol_status: "REQUEST_COMPLETE".to_owned() }
        );
        assert_eq!(decode(RecordType::ABORT_REQUEST, b""), Content::Nothing);
        assert_eq!(decode(RecordType::STDIN, b""), Content::EndOfStream);
        // Not as long as the specification says.
        assert_eq!(
            decode(RecordType::END_REQUEST, &[0, 1]),
            Content::Bytes { hex: "00 01".to_owned(), more: 0 }
        );
    }

    #[test]
    fn a_pair_is_told_by_the_record_that_completes_it() {
        let mut pending = Vec::new();
        let mut params = |content: &[u8]| match Content::decode(RecordType::PARAMS, content, &mut pending) {
            Content::Params { pairs } => pairs,
            other => panic!("{other:?}"),
        };
        assert_eq!(params(b"\x01\x02AB"), []);
        assert_eq!(
            params(b"C\x01\x00D\x05"),
            [("A".to_owned(), "BC".to_owned()), ("D".to_owned(), String::new())]
        );
        assert_eq!(params(b"\x00HELLO"), [("HELLO".to_owned(), String::new())]);
    }

    #[test]
    fn long_contents_are_cut_between_characters() {
        let text = "\u{e4}".repeat(1025);
        let cut = Content::Text { text: "\u{e4}".repeat(1024), more: 2 };
        assert_eq!(decode(RecordType::STDOUT, text.as_bytes()), cut);
        let text = format!("a{text}");
        let cut = Content::Text { text: format!("a{}", "\u{e4}".repeat(1023)), more: 4 };
        assert_eq!(decode(RecordType::STDOUT, text.as_bytes()), cut);
        let Content::Bytes { hex, more } = decode(RecordType::STDIN, &[0; 300]) else { panic!("not text") };
        assert_eq!((hex.len(), more), (3 * 256 - 1, 44));
    }
}
