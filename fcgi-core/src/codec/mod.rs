//! Bytes to records and back (FastCGI §3.3).

mod decoder;
mod encoder;

pub use self::decoder::{Fragment, RecordDecoder};
pub use self::encoder::RecordEncoder;
