//! Why a request's body was not collected.

use super::error::SpoolError;

#[derive(Debug, thiserror::Error)]
pub(in crate::gateway) enum CollectError {
    #[error("the body is longer than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the client sent nothing more of the body in time")]
    Timeout,
    #[error("the client sent the body too slowly")]
    TooSlow,
    #[error("the client's body failed")]
    Client(#[source] axum::Error),
    #[error("the body has {collected} bytes, but its declared length is {declared}")]
    Length { collected: u64, declared: u64 },
    #[error("the body was not stored")]
    Spool(#[from] SpoolError),
}
