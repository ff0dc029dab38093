//! The header of a record.

use super::foreign_protocol::ForeignProtocol;
use super::id::RequestId;
use super::kind::RecordType;
use crate::error::{ProtocolError, ProtocolErrorKind};

/// The protocol version, the first byte of every record (FastCGI §8, `FCGI_VERSION_1`).
pub const VERSION: u8 = 1;

/// The header of a record (FastCGI §3.3): its type, request id and lengths.
///
/// ```
/// use fcgi_core::{RecordHeader, RecordType, RequestId};
/// let header = RecordHeader::new(RecordType::STDOUT, RequestId(1), 300);
/// assert_eq!(header.encode(), [1, 6, 0, 1, 1, 44, 0, 0]);
/// assert_eq!(RecordHeader::decode(header.encode()), Ok(header));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordHeader {
    /// The type of the record.
    pub kind: RecordType,
    /// The request that it belongs to; null in a management record.
    pub id: RequestId,
    /// Bytes of content that follow the header.
    pub content_len: u16,
    /// Bytes of padding that follow the content.
    pub padding_len: u8,
}

impl RecordHeader {
    /// Bytes of an encoded header (`FCGI_HEADER_LEN`).
    pub const LEN: usize = 8;

    /// A header without padding.
    #[must_use]
    pub const fn new(kind: RecordType, id: RequestId, content_len: u16) -> Self {
        Self { kind, id, content_len, padding_len: 0 }
    }

    /// Encodes the header; the reserved byte is 0.
    #[must_use]
    pub const fn encode(self) -> [u8; Self::LEN] {
        let [id1, id0] = self.id.0.to_be_bytes();
        let [len1, len0] = self.content_len.to_be_bytes();
        [VERSION, self.kind.0, id1, id0, len1, len0, self.padding_len, 0]
    }

    /// Decodes a header; ignores the reserved byte.
    ///
    /// # Errors
    /// For a version other than [`VERSION`]: [`ProtocolErrorKind::ForeignProtocol`] if the bytes are recognised as another
    /// protocol, else [`ProtocolErrorKind::InvalidVersion`].
    pub fn decode(bytes: [u8; Self::LEN]) -> Result<Self, ProtocolError> {
        let [version, kind, id1, id0, len1, len0, padding_len, _reserved] = bytes;
        let id = RequestId(u16::from_be_bytes([id1, id0]));
        if version != VERSION {
            return Err(invalid_version(bytes, id));
        }
        let content_len = u16::from_be_bytes([len1, len0]);
        Ok(Self { kind: RecordType(kind), id, content_len, padding_len })
    }
}

#[cold]
#[inline(never)]
fn invalid_version(bytes: [u8; RecordHeader::LEN], request_id: RequestId) -> ProtocolError {
    match ForeignProtocol::detect(bytes) {
        // Its bytes mean no request.
        Some(protocol) => {
            ProtocolError { kind: ProtocolErrorKind::ForeignProtocol(protocol), request_id: RequestId::NULL }
        }
        None => ProtocolError { kind: ProtocolErrorKind::InvalidVersion, request_id },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_keeps_its_place() {
        let header = RecordHeader {
            kind: RecordType::DATA,
            id: RequestId(0x0102),
            content_len: 0xfffe,
            padding_len: 0xfd,
        };
        assert_eq!(header.encode(), [1, 8, 1, 2, 0xff, 0xfe, 0xfd, 0]);
        assert_eq!(RecordHeader::decode([1, 8, 1, 2, 0xff, 0xfe, 0xfd, 99]), Ok(header));
    }

    #[test]
    fn another_version_is_rejected() {
        for version in [0, 2, 255] {
            let decoded = RecordHeader::decode([version, 1, 0, 7, 0, 0, 0, 0]);
            assert_eq!(
                decoded,
                Err(ProtocolError { kind: ProtocolErrorKind::InvalidVersion, request_id: RequestId(7) })
            );
        }
    }
}
