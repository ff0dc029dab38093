//! Name-value pairs, the encoding of PARAMS and of GET_VALUES (FastCGI §3.4).
//!
//! A pair is the length of the name, the length of the value, the name, the value. A length below 128 is one
//! byte; a longer one is four bytes whose highest bit is set.

mod decode;
mod encode;
mod validate;

pub use decode::NameValuePairs;
pub use encode::encode_pair;
pub(crate) use validate::{PairValidator, ValidateError};

/// The two lengths at the front of a pair, and what follows them. `None`: `input` ends inside them.
#[inline]
fn lengths(input: &[u8]) -> Option<(usize, usize, &[u8])> {
    // Nearly all pairs are short in both, and requests are made of pairs.
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
            // On a machine of 16 bits a length may not fit; no buffer there can hold it either.
            Some((usize::try_from(length).unwrap_or(usize::MAX), rest))
        }
        _ => None,
    }
}
