//! Bodies to send: a request's body, or a Filter's file.

use std::io;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::failure::Failure;

/// A body in memory, or a stream.
pub(crate) struct Body {
    source: Source,
    /// Length in bytes, if known in advance.
    pub(crate) length: Option<u64>,
}

enum Source {
    Bytes(Bytes),
    Reader(Box<dyn AsyncRead + Send + Unpin>),
}

/// Largest chunk.
const MAX_CHUNK: usize = 64 * 1024;

impl Body {
    pub(crate) fn bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { length: Some(bytes.len() as u64), source: Source::Bytes(bytes) }
    }

    /// Parses an argument as curl's `-d` does: text, `@FILE`, or `@-` for stdin.
    ///
    /// # Errors
    /// If the file cannot be opened.
    pub(crate) async fn from_argument(text: &str) -> Result<Self, Failure> {
        match text.strip_prefix('@') {
            Some("-") => Ok(Self { length: None, source: Source::Reader(Box::new(tokio::io::stdin())) }),
            Some(path) => Self::file(Path::new(path)).await,
            None => Ok(Self::bytes(text.to_owned())),
        }
    }

    /// # Errors
    /// If the file cannot be opened.
    pub(crate) async fn file(path: &Path) -> Result<Self, Failure> {
        let about = |error| Failure::new(format!("cannot read {}: {error}", path.display()));
        let file = File::open(path).await.map_err(about)?;
        let metadata = file.metadata().await.map_err(about)?;
        // The length of a pipe or a device is meaningless.
        let length = metadata.is_file().then_some(metadata.len());
        Ok(Self { length, source: Source::Reader(Box::new(file)) })
    }

    /// Returns the next chunk, or `None` at the end.
    ///
    /// # Errors
    /// If reading fails.
    ///
    /// # Cancel safety
    /// No bytes are lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        match &mut self.source {
            Source::Bytes(bytes) => {
                let chunk = bytes.split_to(bytes.len().min(MAX_CHUNK));
                Ok(Some(chunk).filter(|chunk| !chunk.is_empty()))
            }
            Source::Reader(reader) => {
                let mut chunk = BytesMut::with_capacity(MAX_CHUNK);
                let read = reader.read_buf(&mut chunk).await?;
                Ok((read > 0).then(|| chunk.freeze()))
            }
        }
    }
}
