//! Files that the web server sends for the application.

mod path;
mod send_files;

pub use self::path::UnsafePath;
pub use self::send_files::{SendFile, SendFileHeader, SendFiles};
