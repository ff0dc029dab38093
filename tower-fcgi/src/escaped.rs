//! Text of a client in a log.

use std::fmt::{self, Write as _};

/// The most bytes of a value.
const MAX_BYTES: usize = 200;
/// The end of a value that was longer.
const ELLIPSIS: &str = "...";

/// Bytes of a client, for a log: escaped, and not too many.
pub(crate) struct Escaped<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let escaped = || self.0.iter().copied().map(std::ascii::escape_default);
        let mut left = match escaped().map(|byte| byte.len()).sum() {
            0..=MAX_BYTES => MAX_BYTES,
            _ => MAX_BYTES - ELLIPSIS.len(),
        };
        for byte in escaped() {
            let Some(rest) = left.checked_sub(byte.len()) else { return f.write_str(ELLIPSIS) };
            left = rest;
            for byte in byte {
                f.write_char(char::from(byte))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_at_most_200_bytes() {
        let escaped = |bytes: &[u8]| Escaped(bytes).to_string();
        for len in [0, 1, 199, 200] {
            assert_eq!(escaped("x".repeat(len).as_bytes()), "x".repeat(len));
        }
        for len in [201, 70_000] {
            assert_eq!(escaped("x".repeat(len).as_bytes()), format!("{}...", "x".repeat(197)));
        }
        assert_eq!(escaped(b"/a\nb\"\xff"), r#"/a\nb\"\xff"#);
        let long = escaped("\u{fc}".repeat(300).as_bytes());
        assert!(long.len() <= MAX_BYTES && long.ends_with("xc3..."), "{long}");
    }
}
