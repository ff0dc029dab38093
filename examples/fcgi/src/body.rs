//! What is sent to an application: a body, and a Filter's file.

use std::io;
use std::path::Path;

use bytes::{Bytes, BytesMut};
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::failure::Failure;

/// Bytes that are sent in one piece or as they are read.
pub(crate) struct Body {
    source: Source,
    /// How many there are, where that is known before they are read.
    pub(crate) length: Option<u64>,
}

enum Source {
    Bytes(Bytes),
    Reader(Box<dyn AsyncRead + Send + Unpin>),
}

/// How much is read at a time.
const PIECE: usize = 64 * 1024;

impl Body {
    pub(crate) fn bytes(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { length: Some(bytes.len() as u64), source: Source::Bytes(bytes) }
    }

    /// What curl's `-d` means: the text itself, `@FILE`, or `@-` for stdin.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub(crate) async fn from_argument(text: &str) -> Result<Self, Failure> {
        match text.strip_prefix('@') {
            Some("-") => Ok(Self { length: None, source: Source::Reader(Box::new(tokio::io::stdin())) }),
            Some(path) => Self::file(Path::new(path)).await,
            None => Ok(Self::bytes(text.to_owned())),
        }
    }

    /// # Errors
    /// When the file cannot be opened.
    pub(crate) async fn file(path: &Path) -> Result<Self, Failure> {
        let about = |error| Failure::new(format!("cannot read {}: {error}", path.display()));
        let file = File::open(path).await.map_err(about)?;
        let metadata = file.metadata().await.map_err(about)?;
        // A pipe or a device has a length that says nothing.
        let length = metadata.is_file().then_some(metadata.len());
        Ok(Self { length, source: Source::Reader(Box::new(file)) })
    }

    /// The next piece; `None` is the end.
    ///
    /// # Errors
    /// When it cannot be read.
    ///
    /// # Cancel safety
    /// Nothing is lost if the future is dropped.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Bytes>> {
        match &mut self.source {
            Source::Bytes(bytes) => {
                let piece = bytes.split_to(bytes.len().min(PIECE));
                Ok(Some(piece).filter(|piece| !piece.is_empty()))
            }
            Source::Reader(reader) => {
                let mut piece = BytesMut::with_capacity(PIECE);
                let read = reader.read_buf(&mut piece).await?;
                Ok((read > 0).then(|| piece.freeze()))
            }
        }
    }
}
