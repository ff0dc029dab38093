//! Name-value pairs, the encoding of PARAMS and of GET_VALUES (FastCGI §3.4).
//!
//! A pair is the length of the name, the length of the value, the name, the value. A length below 128 is one byte;
//! a longer one is four bytes whose highest bit is set.

mod decode;
mod encode;
mod scan;

pub use decode::Pairs;
pub use encode::encode_pair;
pub(crate) use scan::{Scan, ScanError};

/// One length, read from the front of `input`.
pub(crate) enum Length {
    /// The value, and what follows it.
    Read(usize),
    /// `input` ends inside it.
    Short,
}

impl Length {
    pub(crate) fn take(input: &mut &[u8]) -> Self {
        match *input {
            [short @ 0..128, rest @ ..] => {
                *input = rest;
                Self::Read(usize::from(*short))
            }
            [b3, b2, b1, b0, rest @ ..] => {
                *input = rest;
                let length = u32::from_be_bytes([*b3 & 0x7f, *b2, *b1, *b0]);
                // On a machine of 16 bits a length may not fit; no buffer there can hold it either.
                Self::Read(usize::try_from(length).unwrap_or(usize::MAX))
            }
            _ => Self::Short,
        }
    }
}
