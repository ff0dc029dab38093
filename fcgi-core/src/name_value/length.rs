//! The two lengths at the front of a pair.

/// Decodes the lengths of name and value at the front of a pair. Returns them with the bytes that follow; `None` if
/// `input` ends inside the lengths.
#[inline]
pub(super) fn lengths(input: &[u8]) -> Option<(usize, usize, &[u8])> {
    // Fast path: nearly all names and values are short.
    if let [name @ 0..128, value @ 0..128, rest @ ..] = input {
        return Some((usize::from(*name), usize::from(*value), rest));
    }
    let (name, rest) = length(input)?;
    let (value, rest) = length(rest)?;
    Some((name, value, rest))
}

fn length(input: &[u8]) -> Option<(usize, &[u8])> {
    match input {
        [short @ 0..128, rest @ ..] => Some((usize::from(*short), rest)),
        [b3, b2, b1, b0, rest @ ..] => {
            let length = u32::from_be_bytes([*b3 & 0x7f, *b2, *b1, *b0]);
            // On a 16-bit machine a length may not fit, and no buffer holds as many bytes either.
            Some((usize::try_from(length).unwrap_or(usize::MAX), rest))
        }
        _ => None,
    }
}
