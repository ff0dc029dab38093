//! Decodes bytes into name-value pairs.

use super::length::lengths;
use crate::error::ProtocolErrorKind;

/// An iterator over the encoded name-value pairs in a slice (FastCGI §3.4), without copying.
///
/// If the slice ends inside a pair, the last item is `Err(`[`ProtocolErrorKind::TruncatedPair`]`)`.
///
/// ```
/// use fcgi_core::NameValuePairs;
/// let mut pairs = NameValuePairs::new(b"\x01\x02ABC\x01\x00D");
/// assert_eq!(pairs.next(), Some(Ok((&b"A"[..], &b"BC"[..]))));
/// assert_eq!(pairs.next(), Some(Ok((&b"D"[..], &b""[..]))));
/// assert_eq!(pairs.next(), None);
/// ```
#[derive(Debug, Clone)]
pub struct NameValuePairs<'a> {
    rest: &'a [u8],
}

impl<'a> NameValuePairs<'a> {
    /// An iterator over the pairs in `encoded`.
    #[must_use]
    pub const fn new(encoded: &'a [u8]) -> Self {
        Self { rest: encoded }
    }

    /// The bytes after the last pair that was returned; empty after an error.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    fn pair(&mut self) -> Option<(&'a [u8], &'a [u8])> {
        if let [name @ 0..128, value @ 0..128, pair @ ..] = self.rest {
            // Fast path: nearly all names and values are short. The sum cannot overflow.
            let name = usize::from(*name);
            let (pair, rest) = pair.split_at_checked(name.wrapping_add(usize::from(*value)))?;
            self.rest = rest;
            return pair.split_at_checked(name);
        }
        let (name, value, rest) = lengths(self.rest)?;
        let (name, rest) = rest.split_at_checked(name)?;
        let (value, rest) = rest.split_at_checked(value)?;
        self.rest = rest;
        Some((name, value))
    }
}

impl<'a> Iterator for NameValuePairs<'a> {
    type Item = Result<(&'a [u8], &'a [u8]), ProtocolErrorKind>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        match self.pair() {
            Some(pair) => Some(Ok(pair)),
            None => {
                self.rest = &[];
                Some(Err(ProtocolErrorKind::TruncatedPair))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name_value::encode_pair;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn lengths_at_every_limit_of_the_encoding() {
        let lengths = [0, 1, 127, 128, 129, 255, 256, 65_535, 65_536];
        for name in lengths {
            for value in lengths {
                let (name, value) = (vec![b'n'; name], vec![b'v'; value]);
                let mut wire = Vec::new();
                encode_pair(&mut wire, &name, &value);
                let decoded: Vec<_> = NameValuePairs::new(&wire).collect();
                assert_eq!(decoded, [Ok((&name[..], &value[..]))]);
            }
        }
    }

    #[test]
    fn small_lengths_in_four_bytes_are_accepted() {
        let wire = b"\x80\x00\x00\x01\x80\x00\x00\x02abc";
        assert_eq!(NameValuePairs::new(wire).collect::<Vec<_>>(), [Ok((&b"a"[..], &b"bc"[..]))]);
    }

    #[test]
    fn a_slice_that_ends_inside_a_pair_is_truncated() {
        let mut wire = Vec::new();
        encode_pair(&mut wire, b"NAME", &[b'v'; 200]);
        for end in 1..wire.len() {
            let decoded: Vec<_> = NameValuePairs::new(&wire[..end]).collect();
            assert_eq!(decoded, [Err(ProtocolErrorKind::TruncatedPair)], "{end} bytes");
        }
    }

    #[test]
    fn the_longest_length_allocates_nothing() {
        let decoded: Vec<_> = NameValuePairs::new(b"\xff\xff\xff\xff\xff\xff\xff\xffxyz").collect();
        assert_eq!(decoded, [Err(ProtocolErrorKind::TruncatedPair)]);
    }

    #[test]
    fn a_million_empty_pairs() {
        let wire = vec![0; 2_000_000];
        assert_eq!(NameValuePairs::new(&wire).count(), 1_000_000);
    }

    #[test]
    fn names_and_values_are_not_decoded() {
        let wire = b"\x02\x03\xff\x00\x80\xfe\x00";
        let decoded: Vec<_> = NameValuePairs::new(wire).collect();
        assert_eq!(decoded, [Ok((&b"\xff\x00"[..], &b"\x80\xfe\x00"[..]))]);
    }
}
