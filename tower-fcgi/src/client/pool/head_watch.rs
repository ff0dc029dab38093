//! Reports an application that sends no head of a response for long.

use std::time::Duration;

use tokio::sync::oneshot::{Receiver, error::RecvError};
use tokio::time::timeout;

/// Whom to tell if the head of a response takes longer than a limit. The request goes on.
#[derive(Clone, Copy)]
pub(in crate::client) struct HeadWatch<'a> {
    /// `None`: it may take any time.
    limit: Option<Duration>,
    report: &'a (dyn Fn() + Send + Sync),
}

impl<'a> HeadWatch<'a> {
    pub(in crate::client) const fn new(
        limit: Option<Duration>,
        report: &'a (dyn Fn() + Send + Sync),
    ) -> Self {
        Self { limit, report }
    }

    /// Reports nothing.
    pub(super) const fn none() -> Self {
        Self { limit: None, report: &|| {} }
    }

    /// Waits for a response whose request was sent.
    pub(super) async fn wait<T>(self, mut response: Receiver<T>) -> Result<T, RecvError> {
        if let Some(limit) = self.limit {
            if let Ok(response) = timeout(limit, &mut response).await {
                return response;
            }
            (self.report)();
        }
        response.await
    }
}
