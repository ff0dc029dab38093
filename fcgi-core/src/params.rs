//! The name-value pairs of one request.

use alloc::string::ToString as _;
use alloc::vec::Vec;
use core::fmt;
use core::iter::FusedIterator;

use bytes::Bytes;

use crate::name_value::{NameValuePairs, encode_pair};

/// A request's PARAMS (FastCGI §5.2): its meta-variables as raw bytes, in the order of the wire.
///
/// Nothing is dropped or decoded: duplicates, empty names and empty values are kept. A lookup returns the last
/// value of a name, as in PHP and Go.
///
/// A clone shares the bytes. A lookup iterates over the pairs (a request has about 30); no index is built.
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
    /// Complete pairs, as on the wire.
    encoded: Bytes,
    len: usize,
}

impl Params {
    /// `encoded` must consist of `len` complete pairs.
    pub(crate) const fn from_encoded(encoded: Bytes, len: usize) -> Self {
        Self { encoded, len }
    }

    /// The last value of `name`, compared byte by byte.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&[u8]> {
        let name = name.as_ref();
        let mut last = None;
        for (other, value) in self {
            if other == name {
                last = Some(value);
            }
        }
        last
    }

    /// The last value of `name`, if it is UTF-8.
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
        Iter { pairs: NameValuePairs::new(&self.encoded), remaining: self.len }
    }

    /// The number of pairs.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no pairs.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The pairs as they were on the wire (§3.4). Names and values are slices of these bytes:
    /// [`Bytes::slice_ref`] turns one into `Bytes` without a copy.
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
        // Enough for a typical request; the hint of an iterator must not cause a large allocation.
        let (lower, upper) = pairs.size_hint();
        let mut encoded = Vec::with_capacity(upper.unwrap_or(lower).min(32).saturating_mul(32));
        let mut len: usize = 0;
        for (name, value) in pairs {
            encode_pair(&mut encoded, name.as_ref(), value.as_ref());
            len = len.saturating_add(1);
        }
        Self { encoded: encoded.into(), len }
    }
}

impl fmt::Debug for Params {
    /// Shows names only: values contain cookies and passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(name, _)| name.escape_ascii().to_string())).finish()
    }
}

/// The pairs of [`Params`], in the order of the wire.
///
/// ```
/// use fcgi_core::{Params, ParamsIter};
/// /// Headers have names that begin with HTTP_.
/// fn headers(pairs: ParamsIter<'_>) -> usize {
///     pairs.filter(|(name, _)| name.starts_with(b"HTTP_")).count()
/// }
/// let params = Params::from_iter([("REQUEST_METHOD", "GET"), ("HTTP_HOST", "example.org")]);
/// assert_eq!(headers(params.iter()), 1);
/// ```
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    pairs: NameValuePairs<'a>,
    remaining: usize,
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let pair = self.pairs.next()?.ok()?;
        self.remaining = self.remaining.saturating_sub(1);
        Some(pair)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.remaining, Some(self.remaining))
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
        let actual: Vec<_> = params.iter().collect();
        let expected: Vec<_> = list.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
        assert_eq!(actual, expected);
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
    fn values_that_are_not_utf8_are_kept_as_bytes() {
        let params: Params = [(&b"X"[..], &b"\xff"[..])].into_iter().collect();
        assert_eq!(params.get("X"), Some(&b"\xff"[..]));
        assert_eq!(params.get_str("X"), None);
    }
}
