//! Responses whose files the web server sends.

mod path;
mod send_files;

pub use self::path::UnsafePath;
pub use self::send_files::{SendFile, SendFileHeader, SendFiles};
