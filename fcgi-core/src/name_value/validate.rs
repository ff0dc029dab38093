//! Checks pairs as their bytes arrive, so that a stream which lies about a length is refused when it says so.

use super::lengths;

/// How far into a growing buffer whole pairs have been seen.
#[derive(Debug, Default)]
pub(crate) struct PairValidator {
    /// Where the first pair that is not known to be whole begins. At most the buffer's length.
    complete: usize,
    /// Pairs before it.
    pairs: usize,
}

/// Why a stream of pairs goes no further.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ValidateError {
    /// A declared length passes the bound on bytes.
    TooLong,
    /// More pairs than the bound.
    TooMany,
}

impl PairValidator {
    /// Looks at what `buffer`, which holds at most `max_bytes`, has gained. A declared length is compared
    /// with the bound, and never allocated.
    pub(crate) fn advance(
        &mut self,
        buffer: &[u8],
        max_bytes: usize,
        max_pairs: usize,
    ) -> Result<(), ValidateError> {
        let mut rest = buffer.get(self.complete..).unwrap_or_default();
        // `buffer` is within the bound, and so is each pair that is whole; only of one that is not can the
        // length be a lie.
        let mut pairs = self.pairs;
        let lie = loop {
            if let Some(next) = after_short(rest) {
                rest = next;
                pairs = pairs.wrapping_add(1);
                continue;
            }
            let Some((name, value, pair)) = lengths(rest) else { break false };
            let content = name.saturating_add(value);
            let Some(next) = pair.get(content..) else {
                let head = buffer.len().saturating_sub(pair.len());
                break head.saturating_add(content) > max_bytes;
            };
            rest = next;
            // Each is at least two bytes of a buffer, so they can be counted.
            pairs = pairs.wrapping_add(1);
        };
        self.pairs = pairs;
        self.complete = buffer.len().saturating_sub(rest.len());
        // One that has only begun counts as well, or the answer would hang on how the bytes were cut.
        let begun = self.pairs.saturating_add(usize::from(lie));
        if begun > max_pairs {
            Err(ValidateError::TooMany)
        } else if lie {
            Err(ValidateError::TooLong)
        } else {
            Ok(())
        }
    }

    /// Whether `buffer` ends where a pair ends.
    pub(crate) fn is_complete(&self, buffer: &[u8]) -> bool {
        self.complete == buffer.len()
    }

    /// Pairs that were seen whole.
    pub(crate) fn pairs(&self) -> usize {
        self.pairs
    }
}

/// What follows the pair at the front, if that is whole and both its lengths are of one byte. Nearly all are.
#[inline]
fn after_short(input: &[u8]) -> Option<&[u8]> {
    let [name @ 0..128, value @ 0..128, ..] = input else { return None };
    let pair = usize::from(*name).wrapping_add(usize::from(*value)).wrapping_add(2);
    input.get(pair..)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode_pair;
    use alloc::vec::Vec;

    #[test]
    fn a_pair_split_anywhere_is_complete_only_at_its_end() {
        let mut wire = Vec::new();
        encode_pair(&mut wire, b"A_NAME", &[7; 130]);
        let first = wire.len();
        encode_pair(&mut wire, &[b'n'; 128], b"v");
        let mut scan = PairValidator::default();
        for end in 0..=wire.len() {
            scan.advance(&wire[..end], 1000, 10).unwrap();
            assert_eq!(scan.is_complete(&wire[..end]), [0, first, wire.len()].contains(&end), "{end} bytes");
        }
        assert_eq!(scan.pairs(), 2);
    }

    #[test]
    fn a_lie_about_a_length_is_refused_with_the_length() {
        let mut scan = PairValidator::default();
        assert_eq!(scan.advance(b"\xff\xff\xff\xff\x00", 1 << 20, 10), Err(ValidateError::TooLong));
        let mut scan = PairValidator::default();
        assert_eq!(scan.advance(b"\xff\xff\xff\xff\xff\xff\xff\xff", usize::MAX, 10), Ok(()));
    }

    #[test]
    fn a_million_empty_pairs_pass_the_bound_on_pairs() {
        let wire = alloc::vec![0; 2_000_000];
        assert_eq!(PairValidator::default().advance(&wire, usize::MAX, 1000), Err(ValidateError::TooMany));
    }
}
