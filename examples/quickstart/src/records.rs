//! Records between the web server and the application, decoded for display.

use std::fmt::Write as _;

use fcgi_core::{BeginRequest, EndRequest, NameValuePairs, RecordType};
use serde::Serialize;

/// An item that the page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// An event on the wire between the web server and the application.
    Step(Step),
    /// A request as the web server received it from the browser.
    Http(HttpRequest),
}

/// An HTTP request, which the web server encodes as records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HttpRequest {
    /// The page's number for the request: the header `X-Exchange`.
    pub exchange: String,
    /// The request line and the headers.
    pub head: String,
}

/// An event on the wire: a record or a close.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The request's number, counted since the program's start.
    pub request: u64,
    /// The peer that caused it.
    pub from: Peer,
    /// Microseconds since the request's BEGIN_REQUEST.
    pub micros: u64,
    /// The event.
    #[serde(flatten)]
    pub what: What,
}

/// An end of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are clear")]
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
        /// The specification's name of the record type.
        kind: String,
        /// The request id on the wire.
        id: u16,
        /// Content length in bytes, without header and padding.
        bytes: usize,
        /// Padding length in bytes.
        padding: u8,
        /// The decoded content.
        content: Content,
    },
    /// It sent records of a long stream that are not shown.
    Omitted {
        /// The specification's name of the record type.
        kind: String,
        /// Number of records.
        records: u64,
        /// Their content in bytes.
        bytes: u64,
    },
    /// It closed its direction of the connection.
    Closed,
}

/// The content of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "camelCase")]
pub enum Content {
    /// Empty, in a record type without content.
    Nothing,
    /// Empty, which ends a stream (FastCGI §3.3).
    EndOfStream,
    /// The content of BEGIN_REQUEST.
    #[serde(rename_all = "camelCase")]
    Begin {
        /// The requested role.
        role: String,
        /// Whether the application keeps the connection open.
        keep_conn: bool,
    },
    /// The content of PARAMS: the pairs that this record completes.
    Params {
        /// Names and values.
        pairs: Vec<(String, String)>,
    },
    /// The content of any other stream, if it is text.
    Text {
        /// The start of the text.
        text: String,
        /// Bytes that are not shown.
        more: usize,
    },
    /// Anything else.
    Bytes {
        /// The first bytes, in hexadecimal.
        hex: String,
        /// Bytes that are not shown.
        more: usize,
    },
    /// The content of END_REQUEST.
    #[serde(rename_all = "camelCase")]
    End {
        /// The application status, like a CGI program's exit status.
        app_status: u32,
        /// The specification's name of the protocol status.
        protocol_status: String,
    },
}

impl Content {
    /// Bytes of text that are shown.
    const TEXT: usize = 2048;
    /// Bytes of binary content that are shown.
    const BYTES: usize = 256;

    /// Decodes the content of a record. `pending` holds an incomplete pair between PARAMS records.
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
                Self::Params { pairs: complete_pairs(pending) }
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
        // The last character may be incomplete.
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

/// Removes the complete pairs from the front of `pending`.
fn complete_pairs(pending: &mut Vec<u8>) -> Vec<(String, String)> {
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
    fn each_type_is_decoded() {
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
        // A length that the specification does not allow.
        assert_eq!(
            decode(RecordType::END_REQUEST, &[0, 1]),
            Content::Bytes { hex: "00 01".to_owned(), more: 0 }
        );
    }

    #[test]
    fn a_pair_belongs_to_the_record_that_completes_it() {
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
    fn long_contents_are_truncated_between_characters() {
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
