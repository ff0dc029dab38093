//! Who asks, over one connection.

use super::fastcgi::FastCgi;
use super::http::Http;
use crate::failure::Failure;

pub(super) enum Asker {
    FastCgi(Box<FastCgi>),
    Http(Box<Http>),
}

/// What is of interest in an answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    pub(super) status: u16,
    /// Bytes of its body.
    pub(super) length: u64,
}

impl Asker {
    /// A whole request, on a new connection where there is none.
    ///
    /// # Errors
    /// When there is no whole answer; the next one is asked on a new connection.
    pub(super) async fn ask(&mut self) -> Result<Answered, Failure> {
        match self {
            Self::FastCgi(asker) => asker.ask().await,
            Self::Http(asker) => asker.ask().await,
        }
    }
}
