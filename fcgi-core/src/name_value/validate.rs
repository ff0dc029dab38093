//! Validates pairs as their bytes arrive, so that an oversized length is rejected with its first bytes.

use super::length::lengths;

/// Validates the pairs in a growing buffer.
#[derive(Debug, Default)]
pub(crate) struct PairValidator {
    /// End of the complete pairs. At most the buffer's length.
    complete: usize,
    /// Number of complete pairs.
    pairs: usize,
}

/// The limit that a stream of pairs exceeds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ValidateError {
    /// The limit on bytes, by the length of a pair.
    TooLong,
    /// The limit on pairs.
    TooMany,
}

impl PairValidator {
    /// Validates the bytes that `buffer` gained since the last call. It holds at most `max_bytes`. Lengths are
    /// compared with the limit, never allocated.
    pub(crate) fn advance(
        &mut self,
        buffer: &[u8],
        max_bytes: usize,
        max_pairs: usize,
    ) -> Result<(), ValidateError> {
        let mut rest = buffer.get(self.complete..).unwrap_or_default();
        // Complete pairs are within the limit, as `buffer` is. Only an incomplete one can be oversized.
        let mut pairs = self.pairs;
        let oversized = loop {
            (rest, pairs) = skip_short(rest, pairs);
            let Some((name, value, pair)) = lengths(rest) else { break false };
            let content = name.saturating_add(value);
            let Some(next) = pair.get(content..) else {
                let head = buffer.len().saturating_sub(pair.len());
                break head.saturating_add(content) > max_bytes;
            };
            rest = next;
            // A pair has at least two bytes of the buffer, so the sum cannot overflow.
            pairs = pairs.wrapping_add(1);
        };
        self.pairs = pairs;
        self.complete = buffer.len().saturating_sub(rest.len());
        // The oversized pair counts, too: the result must not depend on how the bytes were split.
        let count = self.pairs.saturating_add(usize::from(oversized));
        if count > max_pairs {
            Err(ValidateError::TooMany)
        } else if oversized {
            Err(ValidateError::TooLong)
        } else {
            Ok(())
        }
    }

    /// Whether `buffer` ends with a complete pair.
    pub(crate) fn is_complete(&self, buffer: &[u8]) -> bool {
        self.complete == buffer.len()
    }

    /// The number of complete pairs.
    pub(crate) fn pairs(&self) -> usize {
        self.pairs
    }
}

/// Fast path: skips the complete pairs whose lengths have one byte each, as in nearly all pairs. Returns the rest, and
/// `pairs` plus their number.
#[inline]
fn skip_short(mut input: &[u8], mut pairs: usize) -> (&[u8], usize) {
    while let [name, value, ..] = input
        && (name | value) < 128
        && let Some(rest) = input.get(usize::from(*name).wrapping_add(usize::from(*value)).wrapping_add(2)..)
    {
        input = rest;
        pairs = pairs.wrapping_add(1);
    }
    (input, pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name_value::encode_pair;
    use alloc::vec::Vec;

    #[test]
    fn a_pair_split_anywhere_is_complete_only_at_its_end() {
        let mut wire = Vec::new();
        encode_pair(&mut wire, b"A_NAME", &[7; 130]);
        let first = wire.len();
        encode_pair(&mut wire, &[b'n'; 128], b"v");
        let mut validator = PairValidator::default();
        for end in 0..=wire.len() {
            validator.advance(&wire[..end], 1000, 10).unwrap();
            assert_eq!(
                validator.is_complete(&wire[..end]),
                [0, first, wire.len()].contains(&end),
                "{end} bytes"
            );
        }
        assert_eq!(validator.pairs(), 2);
    }

    #[test]
    fn an_oversized_length_is_rejected_with_the_length() {
        let mut validator = PairValidator::default();
        assert_eq!(validator.advance(b"\xff\xff\xff\xff\x00", 1 << 20, 10), Err(ValidateError::TooLong));
        let mut validator = PairValidator::default();
        assert_eq!(validator.advance(b"\xff\xff\xff\xff\xff\xff\xff\xff", usize::MAX, 10), Ok(()));
    }

    #[test]
    fn a_million_empty_pairs_exceed_the_limit() {
        let wire = alloc::vec![0; 2_000_000];
        assert_eq!(PairValidator::default().advance(&wire, usize::MAX, 1000), Err(ValidateError::TooMany));
    }
}
