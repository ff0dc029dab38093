//! Encodes name-value pairs into bytes.

use bytes::BufMut;

/// Appends an encoded name-value pair to `out` (FastCGI §3.4): each length takes one byte if it fits, otherwise four.
///
/// Truncates a name or value to 2 147 483 647 bytes, the longest that the encoding allows. A pair of more than
/// [`MAX_PAIR_LEN`](crate::MAX_PAIR_LEN) bytes does not fit a record:
/// [`RecordEncoder::write_pairs`](crate::RecordEncoder::write_pairs) rejects it.
///
/// ```
/// let mut wire = Vec::new();
/// fcgi_core::encode_pair(&mut wire, b"REQUEST_METHOD", b"GET");
/// assert_eq!(wire, b"\x0e\x03REQUEST_METHODGET");
/// ```
#[inline]
pub fn encode_pair(out: &mut impl BufMut, name: &[u8], value: &[u8]) {
    // Fast path: nearly all names and values are short.
    if let (Ok(name_len @ 0..128), Ok(value_len @ 0..128)) =
        (u8::try_from(name.len()), u8::try_from(value.len()))
    {
        out.put_slice(&[name_len, value_len]);
        out.put_slice(name);
        return out.put_slice(value);
    }
    encode_long(out, name, value);
}

fn encode_long(out: &mut impl BufMut, name: &[u8], value: &[u8]) {
    let (name, value) = (truncate(name), truncate(value));
    put_length(out, name.len());
    put_length(out, value.len());
    out.put_slice(name);
    out.put_slice(value);
}

const MAX_LENGTH: usize = 0x7fff_ffff;

fn truncate(bytes: &[u8]) -> &[u8] {
    bytes.get(..MAX_LENGTH).unwrap_or(bytes)
}

fn put_length(out: &mut impl BufMut, length: usize) {
    match u8::try_from(length) {
        Ok(short @ 0..128) => out.put_u8(short),
        _ => out.put_u32(u32::try_from(length).unwrap_or(u32::MAX) | 1 << 31),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    #[test]
    fn lengths_above_127_take_four_bytes() {
        for (length, head) in [
            (0, &[0][..]),
            (127, &[127]),
            (128, &[0x80, 0, 0, 128]),
            (65_535, &[0x80, 0, 0xff, 0xff]),
            (65_536, &[0x80, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            encode_pair(&mut out, &vec![b'n'; length], b"");
            assert_eq!(&out[..head.len()], head);
            assert_eq!(out[head.len()], 0, "the value's length");
            assert_eq!(out.len(), head.len() + 1 + length);
        }
    }
}
