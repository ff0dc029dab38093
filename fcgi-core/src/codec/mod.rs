//! Encodes and decodes records (FastCGI §3.3).

mod decoder;
mod encoder;
mod output_buffer;
mod replace;

pub use self::decoder::{Fragment, RecordDecoder};
pub(crate) use self::decoder::{WholeRecord, whole_record};
pub use self::encoder::RecordEncoder;
