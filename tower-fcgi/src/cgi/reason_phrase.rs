//! The reason phrase of a response.

use bytes::Bytes;

/// The reason phrase of a response (RFC 9112 §4), as an extension of it: it replaces the standard one in the `Status` line
/// (RFC 3875 §6.3.3).
///
/// nginx, Apache and HAProxy show it to clients that speak HTTP/1; HTTP/2 and HTTP/3 have none. An empty one has no effect.
///
/// ```
/// use tower_fcgi::{InvalidReasonPhrase, ReasonPhrase};
/// let mut response = http::Response::new(());
/// response.extensions_mut().insert(ReasonPhrase::try_from("All is well")?);
/// assert_eq!(ReasonPhrase::try_from("two\nlines"), Err(InvalidReasonPhrase));
/// # Ok::<_, InvalidReasonPhrase>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReasonPhrase(Bytes);

impl ReasonPhrase {
    /// The bytes of the phrase.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The phrase has a character that would end the `Status` line or is invalid in it: one outside of tab, space, the visible
/// characters of ASCII, and bytes above ASCII (RFC 9112 §4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a reason phrase must not contain control characters")]
pub struct InvalidReasonPhrase;

impl TryFrom<Bytes> for ReasonPhrase {
    type Error = InvalidReasonPhrase;

    fn try_from(phrase: Bytes) -> Result<Self, InvalidReasonPhrase> {
        let is_valid = |byte: &u8| *byte == b'\t' || !byte.is_ascii_control();
        if phrase.iter().all(is_valid) { Ok(Self(phrase)) } else { Err(InvalidReasonPhrase) }
    }
}

impl TryFrom<&[u8]> for ReasonPhrase {
    type Error = InvalidReasonPhrase;

    fn try_from(phrase: &[u8]) -> Result<Self, InvalidReasonPhrase> {
        Bytes::copy_from_slice(phrase).try_into()
    }
}

impl TryFrom<&str> for ReasonPhrase {
    type Error = InvalidReasonPhrase;

    fn try_from(phrase: &str) -> Result<Self, InvalidReasonPhrase> {
        phrase.as_bytes().try_into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_cannot_end_its_line() {
        for phrase in ["a\r\nb: c", "a\nb", "a\rb", "a\0b", "\x7f"] {
            assert_eq!(ReasonPhrase::try_from(phrase), Err(InvalidReasonPhrase), "{phrase:?}");
        }
        for phrase in ["", "All\tis well!", "Schl\u{fc}ssel fehlt"] {
            assert_eq!(ReasonPhrase::try_from(phrase).unwrap().as_bytes(), phrase.as_bytes());
        }
    }
}
