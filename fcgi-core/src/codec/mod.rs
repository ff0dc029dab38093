//! Encodes and decodes records (FastCGI §3.3).

mod decoder;
mod encoder;
mod output_buffer;
mod replace;

pub use self::decoder::{Fragment, RecordDecoder};
pub use self::encoder::RecordEncoder;
