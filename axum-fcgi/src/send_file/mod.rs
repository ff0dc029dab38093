//! Responses whose files the web server sends.

mod path;
mod send_files;

pub use self::path::UnsafePath;
#[cfg(feature = "gateway")]
pub(crate) use self::path::is_plain_name;
pub use self::send_files::{SendFile, SendFileHeader, SendFiles};
