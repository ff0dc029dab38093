//! The content of BEGIN_REQUEST.

use super::role::Role;

/// The content of a BEGIN_REQUEST record (FastCGI §5.1).
///
/// The structs of the records have exactly the fields of FastCGI 1.0, and are built by literals.
///
/// ```
/// use fcgi_core::{BeginRequest, Role};
/// let begin = BeginRequest::decode([0, 1, 1, 0, 0, 0, 0, 0]);
/// assert_eq!(begin, BeginRequest { role: Role::RESPONDER, keep_conn: true });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BeginRequest {
    /// The role of the application for this request.
    pub role: Role,
    /// `FCGI_KEEP_CONN`: the application keeps the connection open after this request.
    pub keep_conn: bool,
}

impl BeginRequest {
    /// Bytes of the content.
    pub const LEN: usize = 8;
    const KEEP_CONN: u8 = 1;

    /// Encodes the content; reserved bytes and flags are 0.
    #[must_use]
    pub const fn encode(self) -> [u8; Self::LEN] {
        let [role1, role0] = self.role.0.to_be_bytes();
        let flags = if self.keep_conn { Self::KEEP_CONN } else { 0 };
        [role1, role0, flags, 0, 0, 0, 0, 0]
    }

    /// Decodes the content. Ignores reserved bytes and flags other than `FCGI_KEEP_CONN`, which §5.1 leaves to later
    /// versions.
    #[must_use]
    pub const fn decode(content: [u8; Self::LEN]) -> Self {
        let [role1, role0, flags, ..] = content;
        let role = Role(u16::from_be_bytes([role1, role0]));
        Self { role, keep_conn: flags & Self::KEEP_CONN != 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begin_round_trip() {
        for (role, keep_conn, bytes) in [
            (Role::RESPONDER, true, [0, 1, 1, 0, 0, 0, 0, 0]),
            (Role::FILTER, false, [0, 3, 0, 0, 0, 0, 0, 0]),
            (Role(0x1234), true, [0x12, 0x34, 1, 0, 0, 0, 0, 0]),
        ] {
            let begin = BeginRequest { role, keep_conn };
            assert_eq!(begin.encode(), bytes);
            assert_eq!(BeginRequest::decode(bytes), begin);
        }
    }

    #[test]
    fn begin_ignores_undefined_flags_and_bytes() {
        let begin = BeginRequest::decode([0, 1, 0xfe, 1, 2, 3, 4, 5]);
        assert_eq!(begin, BeginRequest { role: Role::RESPONDER, keep_conn: false });
    }
}
