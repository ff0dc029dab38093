//! Bytes to records and back (FastCGI §3.3).

mod decoder;
mod encoder;

pub use self::decoder::{Deframer, Fragment};
pub use self::encoder::Enframer;
