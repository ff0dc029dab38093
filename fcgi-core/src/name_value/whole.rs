//! Keeps pairs whole within a record.

use super::length::lengths;

/// The most bytes of an encoded name-value pair that fits a record: 65 535, with the bytes of its two lengths.
///
/// An application that decodes each record by itself, as PHP does, gets no longer one:
/// [`RecordEncoder::write_pairs`](crate::RecordEncoder::write_pairs) rejects it.
pub const MAX_PAIR_LEN: usize = 65_535;

/// The number of bytes of the first pairs in `encoded` that `room` bytes hold; at most `encoded.len()`. `None` if the
/// first pair does not fit.
pub(crate) fn whole_pairs(encoded: &[u8], room: usize) -> Option<usize> {
    if encoded.len() <= room {
        return Some(encoded.len());
    }
    let mut rest = encoded;
    let mut fits = 0;
    while let Some(pair) = pair_len(rest) {
        let end = pair.saturating_add(fits);
        if end > room {
            break;
        }
        fits = end;
        rest = encoded.get(end..).unwrap_or_default();
    }
    (fits > 0).then_some(fits)
}

/// The length of the first encoded pair. `None` if `encoded` ends inside its lengths.
fn pair_len(encoded: &[u8]) -> Option<usize> {
    let (name, value, content) = lengths(encoded)?;
    Some(encoded.len().saturating_sub(content.len()).saturating_add(name).saturating_add(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name_value::encode_pair;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn as_many_whole_pairs_as_fit() {
        let mut encoded = Vec::new();
        for len in [0, 1, 127, 128, 300] {
            encode_pair(&mut encoded, &vec![b'n'; len], b"");
        }
        let ends = [2, 5, 134, 267, 572];
        assert_eq!(encoded.len(), 572);
        for room in 0..600 {
            let expected = ends.into_iter().rfind(|end| *end <= room);
            assert_eq!(whole_pairs(&encoded, room), expected, "{room}");
        }
        assert_eq!(whole_pairs(&[], 0), Some(0));
    }

    #[test]
    fn an_incomplete_pair_does_not_fit() {
        for encoded in [&[1, 1, b'A', b'B', 0x80][..], &[1, 1, b'A', b'B', 1, 5, b'A']] {
            assert_eq!(whole_pairs(encoded, 4), Some(4));
            assert_eq!(whole_pairs(encoded.get(4..).unwrap(), 0), None);
        }
    }
}
