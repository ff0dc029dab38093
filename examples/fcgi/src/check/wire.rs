//! A connection that sends any bytes and checks each received record.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use axum_fcgi::FcgiStream;
use fcgi_core::{RecordDecoder, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::timeout;

use super::records::Records;
use super::response::Response;
use super::rule::{Fault, fault};

pub(super) struct Wire {
    read: ReadHalf<FcgiStream>,
    write: WriteHalf<FcgiStream>,
    decoder: RecordDecoder,
    /// The content of the current record.
    content: Vec<u8>,
    /// Received records that were not checked yet.
    records: VecDeque<Record>,
    /// Responses to the requests in flight.
    responses: BTreeMap<u16, Response>,
    limit: Duration,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// Writing failed.
    Unwritable,
    /// The application closed or reset the connection.
    Closed {
        reset: bool,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) kind: RecordType,
    pub(super) id: u16,
    pub(super) content: Vec<u8>,
}

/// The next event on the connection.
#[derive(Debug)]
pub(super) enum Next {
    Record(Record),
    Closed {
        reset: bool,
    },
    /// The timeout elapsed.
    Silence,
}

impl Wire {
    pub(super) fn new(stream: FcgiStream, limit: Duration) -> Self {
        let (read, write) = tokio::io::split(stream);
        Self {
            read,
            write,
            decoder: RecordDecoder::new(),
            content: Vec::new(),
            records: VecDeque::new(),
            responses: BTreeMap::new(),
            limit,
            state: State::Open,
        }
    }

    /// Sends records and reads at the same time, so that neither side blocks the other. A write error is not reported:
    /// the received records show whether the application got all of them.
    ///
    /// # Errors
    /// If the application does not read for the limit, or sends an invalid record.
    pub(super) async fn send(&mut self, records: Records) -> Result<(), Fault> {
        for id in records.begun {
            self.responses.insert(id, Response::default());
        }
        let (mut rest, mut buffer) = (&records.bytes[..], vec![0; 64 * 1024]);
        while !rest.is_empty() && self.state == State::Open {
            let event = timeout(self.limit, async {
                tokio::select! {
                    written = self.write.write(rest) => (Some(written), None),
                    read = self.read.read(&mut buffer) => (None, Some(read)),
                }
            });
            match event.await {
                Ok((Some(Ok(written)), _)) => rest = &rest[written..],
                Ok((Some(Err(_)), _)) => self.state = State::Unwritable,
                Ok((None, read)) => self.receive(read.unwrap_or(Ok(0)).ok(), &buffer)?,
                Err(_) => {
                    return fault(format!(
                        "it does not read: {} bytes could not be sent in {}",
                        rest.len(),
                        self.waited()
                    ));
                }
            }
        }
        Ok(())
    }

    /// Sends records with one byte per write.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub(super) async fn trickle(&mut self, records: Records) -> Result<(), Fault> {
        let mut begun = records.begun;
        for byte in records.bytes {
            self.send(Records::raw(vec![byte], std::mem::take(&mut begun))).await?;
        }
        Ok(())
    }

    /// Half-closes the connection.
    pub(super) async fn half_close(&mut self) {
        // Fails if the application has closed the connection; the next read shows it.
        let _ = self.write.shutdown().await;
    }

    /// # Errors
    /// If the application sends an invalid record.
    pub(super) async fn next(&mut self) -> Result<Next, Fault> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            if let Some(record) = self.records.pop_front() {
                return Ok(Next::Record(record));
            }
            if let State::Closed { reset } = self.state {
                return Ok(Next::Closed { reset });
            }
            match timeout(self.limit, self.read.read(&mut buffer)).await {
                Ok(read) => self.receive(read.ok(), &buffer)?,
                Err(_) => return Ok(Next::Silence),
            }
        }
    }

    /// Waits for the complete response to a request. Keeps the records of other requests.
    ///
    /// # Errors
    /// If the response does not arrive or is invalid.
    pub(super) async fn response(&mut self, id: u16) -> Result<Response, Fault> {
        match self.try_response(id).await? {
            Some(response) => Ok(response),
            None => fault(format!("no END_REQUEST for id {id} in {}", self.waited())),
        }
    }

    /// As [`response`](Self::response), but returns `None` on a timeout.
    ///
    /// # Errors
    /// As [`response`](Self::response).
    pub(super) async fn try_response(&mut self, id: u16) -> Result<Option<Response>, Fault> {
        loop {
            if self.responses.get(&id).is_some_and(|response| response.end.is_some()) {
                return Ok(self.responses.remove(&id));
            }
            match self.next().await? {
                Next::Record(record) => match self.responses.get_mut(&record.id) {
                    Some(response) => response.add(record)?,
                    None => return fault(format!("received {record}, which belongs to no request")),
                },
                Next::Closed { reset: false } => {
                    return fault(format!("it closed the connection before END_REQUEST for id {id}"));
                }
                Next::Closed { reset: true } => {
                    return fault(format!("it reset the connection before END_REQUEST for id {id}"));
                }
                Next::Silence => return Ok(None),
            }
        }
    }

    /// Sends a request and waits for its response.
    ///
    /// # Errors
    /// As [`response`](Self::response).
    pub(super) async fn exchange(&mut self, id: u16, records: Records) -> Result<Response, Fault> {
        self.send(records).await?;
        self.response(id).await
    }

    /// Waits until the application closes the connection.
    ///
    /// # Errors
    /// If a record arrives first, or the connection stays open.
    pub(super) async fn closes(&mut self) -> Result<&'static str, Fault> {
        match self.next().await? {
            Next::Closed { reset: false } => Ok("it closes the connection"),
            Next::Closed { reset: true } => Ok("it resets the connection"),
            Next::Record(record) => fault(format!("received {record}; the connection should be closed")),
            Next::Silence => fault(format!("the connection is still open after {}", self.waited())),
        }
    }

    /// Returns the limit as text.
    pub(super) fn waited(&self) -> String {
        format!("{} s", self.limit.as_secs_f64())
    }

    /// Processes the result of a read: bytes, the end (0), or a reset (`None`).
    fn receive(&mut self, read: Option<usize>, buffer: &[u8]) -> Result<(), Fault> {
        let Some(read) = read else {
            self.state = State::Closed { reset: true };
            return Ok(());
        };
        if read == 0 {
            if !self.decoder.is_between_records() && !self.decoder.is_in_padding() {
                return fault("it closed the connection inside a record");
            }
            self.state = State::Closed { reset: false };
            return Ok(());
        }
        let mut input = &buffer[..read];
        loop {
            let Ok(fragment) = self.decoder.next(&mut input) else {
                return fault(format!(
                    "received an invalid record: \"{}\"",
                    buffer[..read.min(24)].escape_ascii()
                ));
            };
            let Some(fragment) = fragment else { return Ok(()) };
            self.content.extend_from_slice(fragment.content);
            if fragment.is_last {
                let content = std::mem::take(&mut self.content);
                let (kind, id) = (fragment.header.kind, fragment.header.id.0);
                self.records.push_back(Record { kind, id, content });
            }
        }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of id {} with {} bytes", self.kind, self.id, self.content.len())
    }
}
