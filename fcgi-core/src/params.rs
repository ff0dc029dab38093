//! The name-value pairs of one request.

use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::fmt;
use core::iter::FusedIterator;

use bytes::Bytes;

use crate::name_value::NameValuePairs;

/// A request's PARAMS (FastCGI §5.2): the meta-variables that the web server tells, in the order of the wire,
/// as raw bytes.
///
/// Nothing is lost: duplicates, empty names and empty values are all there, and no byte was decoded. A
/// look-up by name gives the last value of that name, as PHP and Go do, whatever the name is.
///
/// A clone shares the bytes. Look-ups walk the pairs (a request has some thirty); nothing is indexed, so that
/// a request which asks for none pays for none.
///
/// ```
/// use fcgi_core::Params;
/// let params: Params = [("REQUEST_METHOD", "GET"), ("HTTP_X_DUP", "1"), ("HTTP_X_DUP", "2")].into_iter().collect();
/// assert_eq!(params.get("HTTP_X_DUP"), Some(&b"2"[..]));
/// assert_eq!(params.get_str("REQUEST_METHOD"), Some("GET"));
/// assert_eq!(params.iter().count(), 3);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Params {
    /// Whole pairs, as they were on the wire.
    encoded: Bytes,
    /// How many.
    len: usize,
}

impl Params {
    /// `encoded` must hold `len` whole pairs and nothing else.
    pub(crate) const fn from_whole(encoded: Bytes, len: usize) -> Self {
        Self { encoded, len }
    }

    /// The last value of `name`; names are compared byte by byte.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref();
        let mut found = None;
        for (other, value) in self {
            if other == name {
                found = Some(value);
            }
        }
        found
    }

    /// The last value of `name`, where it is UTF-8.
    pub fn get_str(&self, name: impl AsRef<[u8]>) -> Option<&str> {
        self.get(name).and_then(|value| core::str::from_utf8(value).ok())
    }

    /// Every value of `name`, in order.
    pub fn get_all<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(other, _)| *other == name).map(|(_, value)| value)
    }

    /// All pairs, in order.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { pairs: NameValuePairs::new(&self.encoded), left: self.len }
    }

    /// How many pairs there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pairs as they were on the wire (§3.4). A name or value that [`iter`](Self::iter) gives is a slice
    /// of these bytes, so that [`Bytes::slice_ref`] makes it one's own without a copy.
    #[must_use]
    pub const fn encoded(&self) -> &Bytes {
        &self.encoded
    }
}

impl<'a> IntoIterator for &'a Params {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let pairs = pairs.into_iter();
        // What the pairs of a usual request take, and no more than a little on the word of an iterator.
        let (least, most) = pairs.size_hint();
        let mut encoded = Vec::with_capacity(most.unwrap_or(least).min(32).saturating_mul(32));
        let mut len: usize = 0;
        for (name, value) in pairs {
            crate::encode_pair(&mut encoded, name.as_ref(), value.as_ref());
            len = len.saturating_add(1);
        }
        Self { encoded: encoded.into(), len }
    }
}

impl fmt::Debug for Params {
    /// Names alone: values hold cookies and passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(name, _)| name.escape_ascii().to_string())).finish()
    }
}

/// The pairs of [`Params`], in the order of the wire.
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    pairs: NameValuePairs<'a>,
    left: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let pair = self.pairs.next()?.ok()?;
        self.left = self.left.saturating_sub(1);
        Some(pair)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Iter<'_> {}
impl FusedIterator for Iter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn params_keep_their_order_and_the_last_value_wins() {
        let list = [("A", "1"), ("", "x"), ("A", ""), ("B", ""), ("", "")];
        let params: Params = list.into_iter().collect();
        let seen: Vec<_> = params.iter().collect();
        let expected: Vec<_> = list.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
        assert_eq!(seen, expected);
        assert_eq!(params.get("A"), Some(&b""[..]));
        assert_eq!(params.get_all(b"A").collect::<Vec<_>>(), [&b"1"[..], b""]);
        assert_eq!(params.get("C"), None);
        assert_eq!((params.len(), params.iter().len()), (5, 5));
    }

    #[test]
    fn debug_shows_no_value() {
        let params: Params = [("HTTP_COOKIE", "secret")].into_iter().collect();
        assert_eq!(format!("{params:?}"), r#"{"HTTP_COOKIE"}"#);
    }

    #[test]
    fn text_that_is_not_utf8_is_there_as_bytes() {
        let params: Params = [(&b"X"[..], &b"\xff"[..])].into_iter().collect();
        assert_eq!(params.get("X"), Some(&b"\xff"[..]));
        assert_eq!(params.get_str("X"), None);
    }
}
