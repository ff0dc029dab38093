//! Name-value pairs, the encoding of PARAMS and GET_VALUES (FastCGI §3.4).
//!
//! A pair consists of the length of the name, the length of the value, the name, and the value. A length below
//! 128 has one byte; a longer one has four bytes and the highest bit set.

mod decode;
mod encode;
mod length;
mod validate;
mod whole;

pub use decode::NameValuePairs;
pub use encode::encode_pair;
pub(crate) use validate::{PairValidator, ValidateError};
pub use whole::MAX_PAIR_LEN;
pub(crate) use whole::whole_pairs;
