//! The application to check.

use std::time::Duration;

use super::records::Records;
use super::response::Response;
use super::rule::{Fault, fault};
use super::wire::Wire;
use crate::args::CheckArgs;
use crate::failure::Failure;
use crate::request::{Params, RequestArgs};
use crate::target::Target;

pub(super) struct Peer {
    target: Target,
    limit: Duration,
    request: RequestArgs,
    path: String,
    echo: Option<String>,
    /// Status and body of the plain request's response, if it is always the same.
    reference: Option<(u16, Vec<u8>)>,
}

impl Peer {
    /// Connects, and records the response to the plain request.
    ///
    /// # Errors
    /// If the application cannot be reached.
    pub(super) async fn connect_first(args: &CheckArgs, target: Target) -> Result<Self, Failure> {
        // Invalid options fail here, not at each rule.
        args.request.params(&args.path, None)?;
        if let Some(echo) = &args.echo {
            args.request.params(echo, None)?;
        }
        drop(target.connect(args.timeout).await?);
        let mut peer = Self {
            target,
            limit: args.timeout,
            request: args.request.clone(),
            path: args.path.clone(),
            echo: args.echo.clone(),
            reference: None,
        };
        let first = peer.plain_response().await;
        peer.reference = if first.is_some() && first == peer.plain_response().await { first } else { None };
        Ok(peer)
    }

    async fn plain_response(&self) -> Option<(u16, Vec<u8>)> {
        let response = self.connect().await.ok()?.exchange(1, self.get(1, false)).await.ok()?;
        let (head, body) = response.parts().ok()?;
        Some((head.status, body.to_vec()))
    }

    /// # Errors
    /// If the application cannot be reached any more.
    pub(super) async fn connect(&self) -> Result<Wire, Fault> {
        match self.target.connect(self.limit).await {
            Ok(stream) => Ok(Wire::new(stream, self.limit)),
            Err(failure) => fault(format!("cannot connect again: {failure}")),
        }
    }

    /// Returns the variables of the plain request.
    pub(super) fn params(&self) -> Params {
        let mut request = self.request.clone();
        request.method = None;
        self.checked(&request, &self.path, None)
    }

    /// Returns the variables of a POST. `echo`: to the echo path, if there is one.
    pub(super) fn post(&self, echo: bool, length: usize) -> Params {
        let path = self.echo.as_ref().filter(|_| echo).unwrap_or(&self.path);
        let mut params = self.checked(&self.request, path, Some(length));
        if self.request.method.is_none() {
            params.set("REQUEST_METHOD", "POST");
        }
        params
    }

    fn checked(&self, request: &RequestArgs, path: &str, length: Option<usize>) -> Params {
        let length = length.map(|length| Some(length as u64));
        request.params(path, length).expect("the options were checked at the start")
    }

    /// Encodes the plain request.
    pub(super) fn get(&self, id: u16, keep_conn: bool) -> Records {
        Records::new().request(id, &self.params(), keep_conn)
    }

    /// Whether bodies can be compared.
    pub(super) const fn echoes(&self) -> bool {
        self.echo.is_some()
    }

    /// Whether responses are always the same, so that they can be compared.
    pub(super) const fn is_deterministic(&self) -> bool {
        self.reference.is_some()
    }

    /// # Errors
    /// If this is not the plain request's response.
    pub(super) fn matches_reference(&self, response: &Response) -> Result<(), Fault> {
        let (head, body) = response.served()?.parts()?;
        match &self.reference {
            Some((status, _)) if head.status != *status => {
                fault(format!("the status is {}, the plain request gets {status}", head.status))
            }
            Some((_, expected)) if body != expected => {
                fault(format!("the body differs from the plain request's: {}", difference(body, expected)))
            }
            _ => Ok(()),
        }
    }

    /// # Errors
    /// If the response does not echo this body.
    pub(super) fn matches_echo(&self, response: &Response, sent: &[u8]) -> Result<(), Fault> {
        let (head, body) = response.served()?.parts()?;
        if !self.echoes() {
            return Ok(());
        }
        if head.status != 200 {
            return fault(format!("the status is {}", head.status));
        }
        if body != sent {
            return fault(format!("the body differs from the one sent: {}", difference(body, sent)));
        }
        Ok(())
    }
}

fn difference(actual: &[u8], expected: &[u8]) -> String {
    let at = actual.iter().zip(expected).position(|(actual, expected)| actual != expected);
    let at = at.unwrap_or(actual.len().min(expected.len()));
    format!("{} bytes instead of {}, first difference at byte {at}", actual.len(), expected.len())
}
