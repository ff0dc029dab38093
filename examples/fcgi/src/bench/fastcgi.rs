//! Requests over FastCGI.

use std::time::Duration;

use bytes::Bytes;
use fcgi_core::{ProtocolStatus, Role};

use super::asker::Answered;
use crate::args::BenchArgs;
use crate::body::Body;
use crate::failure::Failure;
use crate::head::{self, Head};
use crate::link::{Answer, Input, Link};
use crate::request::Request;
use crate::target::Target;

pub(super) struct FastCgi {
    target: Target,
    request: Request,
    body: Option<Bytes>,
    limit: Duration,
    link: Option<Link>,
}

impl FastCgi {
    /// # Errors
    /// Of usage.
    pub(super) fn new(args: &BenchArgs, body: Option<&Bytes>) -> Result<Self, Failure> {
        let params = args.request.params(&args.path, body.map(|body| Some(body.len() as u64)))?;
        Ok(Self {
            target: args.target.clone(),
            request: Request { role: Role::RESPONDER, keep_conn: !args.close, params },
            body: body.cloned(),
            limit: args.wait.timeout,
            link: None,
        })
    }

    /// # Errors
    /// When there is no whole answer.
    pub(super) async fn ask(&mut self) -> Result<Answered, Failure> {
        let mut link = match self.link.take() {
            Some(link) => link,
            None => Link::new(self.target.connect(self.limit).await?, self.limit),
        };
        let input = Input { stdin: self.body.clone().map(Body::bytes), data: None };
        let mut counted = Counted::default();
        let end = link.ask(&self.request, input, &mut counted).await?;
        if end.protocol_status != ProtocolStatus::REQUEST_COMPLETE {
            return Err(Failure::new(format!(
                "the application did not serve the request: {:?}",
                end.protocol_status
            )));
        }
        if link.is_open() {
            self.link = Some(link);
        }
        counted.answered.ok_or_else(|| Failure::new("an answer has no head"))
    }
}

/// The head is read, the rest is counted.
#[derive(Default)]
struct Counted {
    head: Vec<u8>,
    answered: Option<Answered>,
}

impl Answer for Counted {
    fn stdout(&mut self, piece: Bytes) -> Result<(), Failure> {
        if let Some(answered) = &mut self.answered {
            answered.length += piece.len() as u64;
            return Ok(());
        }
        self.head.extend_from_slice(&piece);
        if let Some(end) = head::end(&self.head) {
            let length = (self.head.len() - end) as u64;
            self.answered = Some(Answered { status: Head::parse(&self.head[..end]).status, length });
        }
        Ok(())
    }

    fn stderr(&mut self, _piece: Bytes) -> Result<(), Failure> {
        Ok(())
    }
}
