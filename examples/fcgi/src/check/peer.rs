//! The application that is checked.

use std::time::Duration;

use super::answer::Answer;
use super::records::Records;
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
    /// The status and the body of the answer that there always is, if there is one.
    usual: Option<(u16, Vec<u8>)>,
}

impl Peer {
    /// Connects, and learns how the application answers.
    ///
    /// # Errors
    /// When nobody is there.
    pub(super) async fn meet(args: &CheckArgs, target: Target) -> Result<Self, Failure> {
        // Mistakes in the options are told here, and not at each rule.
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
            usual: None,
        };
        let first = peer.usual().await;
        peer.usual = if first.is_some() && first == peer.usual().await { first } else { None };
        Ok(peer)
    }

    async fn usual(&self) -> Option<(u16, Vec<u8>)> {
        let answer = self.connect().await.ok()?.ask(1, self.get(1, false)).await.ok()?;
        let (head, body) = answer.parts().ok()?;
        Some((head.status, body.to_vec()))
    }

    /// # Errors
    /// When the application is not there any more.
    pub(super) async fn connect(&self) -> Result<Wire, Fault> {
        match self.target.connect(self.limit).await {
            Ok(stream) => Ok(Wire::new(stream, self.limit)),
            Err(failure) => fault(format!("cannot connect again: {failure}")),
        }
    }

    /// The variables of the plain request.
    pub(super) fn params(&self) -> Params {
        let mut request = self.request.clone();
        request.method = None;
        self.checked(&request, &self.path, None)
    }

    /// Those of a POST; `echo`: to where the application answers with its body, if there is such a path.
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
        request.params(path, length).expect("these options were tried at the start")
    }

    /// The plain request.
    pub(super) fn get(&self, id: u16, keep_conn: bool) -> Records {
        Records::new().request(id, &self.params(), keep_conn)
    }

    /// Whether bodies can be compared.
    pub(super) const fn echoes(&self) -> bool {
        self.echo.is_some()
    }

    /// Whether it answers the same each time, so that answers can be compared.
    pub(super) const fn is_steady(&self) -> bool {
        self.usual.is_some()
    }

    /// # Errors
    /// When this is not the answer to the plain request.
    pub(super) fn is_usual(&self, answer: &Answer) -> Result<(), Fault> {
        let (head, body) = answer.served()?.parts()?;
        match &self.usual {
            Some((status, _)) if head.status != *status => {
                fault(format!("the status is {}, the plain request gets {status}", head.status))
            }
            Some((_, usual)) if body != usual => {
                fault(format!("the body differs from the plain request's: {}", difference(body, usual)))
            }
            _ => Ok(()),
        }
    }

    /// # Errors
    /// When this is not the answer to a POST of this body.
    pub(super) fn is_echo(&self, answer: &Answer, sent: &[u8]) -> Result<(), Fault> {
        let (head, body) = answer.served()?.parts()?;
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

fn difference(have: &[u8], want: &[u8]) -> String {
    let at =
        have.iter().zip(want).position(|(have, want)| have != want).unwrap_or(have.len().min(want.len()));
    format!("{} bytes instead of {}, first difference at byte {at}", have.len(), want.len())
}
