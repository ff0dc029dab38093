//! The errors of temporary files.

use std::io;
use std::path::{Path, PathBuf};

/// A body could not be stored in a temporary file, or read from it.
#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum SpoolError {
    /// All requests together hold as much as they may, or all responses.
    #[error("the temporary files of all bodies are at their limit")]
    TotalUsedUp,
    #[error("{operation} a temporary file in {directory:?} failed")]
    Io { operation: &'static str, directory: PathBuf, source: io::Error },
}

impl SpoolError {
    pub(super) fn io(operation: &'static str, directory: &Path, source: io::Error) -> Self {
        Self::Io { operation, directory: directory.to_owned(), source }
    }
}
