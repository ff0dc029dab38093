//! Recognises other protocols by their first bytes.

use core::fmt;

use super::header::RecordHeader;

/// Another protocol than FastCGI, recognised by the bytes in the place of a record's header.
///
/// The usual cause is a mistake in the configuration of a web server: it has a directive for each of these protocols.
///
/// ```
/// use fcgi_core::{ForeignProtocol, RecordDecoder};
/// assert_eq!(ForeignProtocol::detect(*b"GET / HT"), Some(ForeignProtocol::Http1));
///
/// let error = RecordDecoder::new().next(&mut &b"GET / HTTP/1.1\r\n"[..]).unwrap_err();
/// assert!(error.to_string().contains("the peer speaks HTTP/1 instead of FastCGI"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ForeignProtocol {
    /// HTTP/1 (RFC 9112 §3): a method and a space.
    Http1,
    /// HTTP/2 (RFC 9113 §3.4): the connection preface.
    Http2,
    /// TLS (RFC 8446 §5.1): a handshake record, which begins with a ClientHello.
    Tls,
    /// SCGI: a netstring whose first header is CONTENT_LENGTH.
    Scgi,
    /// uwsgi: its packet header, and the length of a variable's name.
    Uwsgi,
    /// The PROXY protocol, version 1 or 2, in front of whatever follows.
    Proxy,
    /// AJP13: the two bytes in front of a web server's packets.
    Ajp,
}

/// The length of the longest registered method of HTTP that [`RecordHeader::LEN`] bytes can end in: `OPTIONS`.
const LONGEST_METHOD: usize = 7;

impl ForeignProtocol {
    /// Recognises the protocol of bytes in the place of a record's header. `None`: unknown, or FastCGI.
    #[must_use]
    pub fn detect(bytes: [u8; RecordHeader::LEN]) -> Option<Self> {
        match bytes {
            [b'P', b'R', b'I', b' ', b'*', b' ', b'H', b'T'] => Some(Self::Http2),
            [b'P', b'R', b'O', b'X', b'Y', b' ', ..]
            | [b'\r', b'\n', b'\r', b'\n', 0, b'\r', b'\n', b'Q'] => Some(Self::Proxy),
            // A handshake record of SSL 3.0 to TLS 1.3, and the type of its message.
            [22, 3, 0..=4, _, _, 1, _, _] => Some(Self::Tls),
            [0x12, 0x34, ..] => Some(Self::Ajp),
            // Two modifiers of 0 around the packet's length; then a name of at most 255 bytes, in capital letters.
            [0, _, _, 0, len, 0, b'A'..=b'Z', _] if len > 0 => Some(Self::Uwsgi),
            [b'1'..=b'9', ..] if is_netstring(bytes) => Some(Self::Scgi),
            _ if is_method(bytes) => Some(Self::Http1),
            _ => None,
        }
    }
}

/// Whether the bytes are a decimal length, a colon, and the beginning of `CONTENT_LENGTH`, which is SCGI's first header.
fn is_netstring(bytes: [u8; RecordHeader::LEN]) -> bool {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match bytes.get(digits..) {
        Some([b':', name @ ..]) => b"CONTENT_LENGTH".starts_with(name),
        _ => false,
    }
}

/// Whether the bytes are a method in capital letters and a space, or the beginning of a longer one (`PROPFIND`).
fn is_method(bytes: [u8; RecordHeader::LEN]) -> bool {
    let letters = bytes.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
    match bytes.get(letters) {
        Some(next) => (3..=LONGEST_METHOD).contains(&letters) && *next == b' ',
        None => true,
    }
}

impl fmt::Display for ForeignProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "HTTP/1",
            Self::Http2 => "HTTP/2",
            Self::Tls => "TLS",
            Self::Scgi => "SCGI",
            Self::Uwsgi => "uwsgi",
            Self::Proxy => "the PROXY protocol",
            Self::Ajp => "AJP",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ProtocolErrorKind;

    fn detected(bytes: &[u8]) -> Option<ForeignProtocol> {
        ForeignProtocol::detect(*bytes.first_chunk().unwrap())
    }

    #[test]
    fn protocols_are_known_by_their_first_bytes() {
        use ForeignProtocol::{Ajp, Http1, Http2, Proxy, Scgi, Tls, Uwsgi};
        for (bytes, protocol) in [
            (&b"GET / HTTP/1.1\r\n"[..], Http1),
            (b"POST /a HTTP/1.0", Http1),
            (b"OPTIONS * HTTP/1.1", Http1),
            (b"PROPFIND / HTTP/1.1", Http1),
            (b"PUT /x HT", Http1),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Http2),
            // OpenSSL's and rustls's ClientHello.
            (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", Tls),
            (b"\x16\x03\x03\x00\xc5\x01\x00\x00\xc1\x03\x03", Tls),
            (b"70:CONTENT_LENGTH\x0027\x00SCGI\x001\x00", Scgi),
            (b"1234:CONTENT_LENGTH\x000\x00", Scgi),
            (b"\x00\x61\x01\x00\x0c\x00QUERY_STRING\x00\x00", Uwsgi),
            (b"\x00\x05\x10\x00\x0e\x00REQUEST_METHOD\x03\x00GET", Uwsgi),
            (b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", Proxy),
            (b"\r\n\r\n\x00\r\nQUIT\n\x21\x11", Proxy),
            (b"\x12\x34\x01\x02\x02\x02\x00\x08HTTP/1.1", Ajp),
        ] {
            assert_eq!(detected(bytes), Some(protocol), "{bytes:?}");
            let error = RecordHeader::decode(*bytes.first_chunk().unwrap()).unwrap_err();
            assert_eq!(error.kind, ProtocolErrorKind::ForeignProtocol(protocol), "{bytes:?}");
        }
    }

    #[test]
    fn other_bytes_are_no_known_protocol() {
        for bytes in [
            &b"\x02\x01\x00\x01\x00\x08\x00\x00"[..],
            b"\0\0\0\0\0\0\0\0",
            b"\x00\x00\x00\x00\x00\x00A\x00",
            b"\x16\x03\x05\x00\x00\x01\x00\x00",
            b"\x16\x03\x03\x00\x00\x02\x00\x00",
            b"get / HTTP/1.1",
            b"SSH-2.0-OpenSSH",
            b"AB / HTTP",
            b"12345678",
            b"70:HTTP_",
            b"*1\r\n$4\r\nPING",
        ] {
            assert_eq!(detected(bytes), None, "{bytes:?}");
        }
    }
}
