//! A client that sends requests over one connection.

use super::fastcgi::FastCgi;
use super::http::Http;
use crate::failure::Failure;

pub(super) enum Client {
    FastCgi(Box<FastCgi>),
    Http(Box<Http>),
}

/// A complete response.
#[derive(Debug, Clone, Copy)]
pub(super) struct Response {
    pub(super) status: u16,
    /// Length of the body in bytes.
    pub(super) length: u64,
}

impl Client {
    /// Sends a request and reads the response. Connects if there is no open connection.
    ///
    /// # Errors
    /// If the response is incomplete. The next request then uses a new connection.
    pub(super) async fn send(&mut self) -> Result<Response, Failure> {
        match self {
            Self::FastCgi(client) => client.send().await,
            Self::Http(client) => client.send().await,
        }
    }
}
