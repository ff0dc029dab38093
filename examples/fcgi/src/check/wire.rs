//! A connection on which anything can be sent, and whatever comes is looked at.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::time::Duration;

use axum_fcgi::FcgiStream;
use fcgi_core::{RecordDecoder, RecordType};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::timeout;

use super::answer::Answer;
use super::records::Records;
use super::rule::{Fault, fault};

pub(super) struct Wire {
    read: ReadHalf<FcgiStream>,
    write: WriteHalf<FcgiStream>,
    deframer: RecordDecoder,
    /// The content of the record that is coming.
    content: Vec<u8>,
    /// Whole records that nobody has looked at.
    records: VecDeque<Record>,
    /// Requests that were begun, and whose answers nobody has taken.
    answers: BTreeMap<u16, Answer>,
    limit: Duration,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// What is sent reaches nobody any more.
    Deaf,
    /// The application's end has come, in order or by a reset.
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

/// What comes next.
#[derive(Debug)]
pub(super) enum Next {
    Record(Record),
    Closed {
        reset: bool,
    },
    /// Nothing, for as long as is waited.
    Silence,
}

impl Wire {
    pub(super) fn new(stream: FcgiStream, limit: Duration) -> Self {
        let (read, write) = tokio::io::split(stream);
        Self {
            read,
            write,
            deframer: RecordDecoder::new(),
            content: Vec::new(),
            records: VecDeque::new(),
            answers: BTreeMap::new(),
            limit,
            state: State::Open,
        }
    }

    /// Sends records, and reads meanwhile, so that neither side waits for the other. Whether all of them could be
    /// sent is seen from what comes.
    ///
    /// # Errors
    /// When the application does not read for the limit, or what it sends is no FastCGI.
    pub(super) async fn send(&mut self, records: Records) -> Result<(), Fault> {
        for id in records.begun {
            self.answers.insert(id, Answer::default());
        }
        let (mut rest, mut piece) = (&records.bytes[..], vec![0; 64 * 1024]);
        while !rest.is_empty() && self.state == State::Open {
            let moved = timeout(self.limit, async {
                tokio::select! {
                    written = self.write.write(rest) => (Some(written), None),
                    read = self.read.read(&mut piece) => (None, Some(read)),
                }
            });
            match moved.await {
                Ok((Some(Ok(written)), _)) => rest = &rest[written..],
                Ok((Some(Err(_)), _)) => self.state = State::Deaf,
                Ok((None, read)) => self.receive(read.unwrap_or(Ok(0)).ok(), &piece)?,
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

    /// As [`send`](Self::send), a byte with each write.
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

    /// Says that no more will be sent.
    pub(super) async fn half_close(&mut self) {
        // It fails where the application has closed, which is seen by reading.
        let _ = self.write.shutdown().await;
    }

    /// # Errors
    /// When what comes is no FastCGI.
    pub(super) async fn next(&mut self) -> Result<Next, Fault> {
        let mut piece = vec![0; 64 * 1024];
        loop {
            if let Some(record) = self.records.pop_front() {
                return Ok(Next::Record(record));
            }
            if let State::Closed { reset } = self.state {
                return Ok(Next::Closed { reset });
            }
            match timeout(self.limit, self.read.read(&mut piece)).await {
                Ok(read) => self.receive(read.ok(), &piece)?,
                Err(_) => return Ok(Next::Silence),
            }
        }
    }

    /// The whole answer to a request that was begun. What comes for others is kept.
    ///
    /// # Errors
    /// When it does not come, or not as an answer should.
    pub(super) async fn answer(&mut self, id: u16) -> Result<Answer, Fault> {
        match self.try_answer(id).await? {
            Some(answer) => Ok(answer),
            None => fault(format!("no END_REQUEST for id {id} in {}", self.waited())),
        }
    }

    /// As [`answer`](Self::answer); `None` if nothing comes for the limit.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub(super) async fn try_answer(&mut self, id: u16) -> Result<Option<Answer>, Fault> {
        loop {
            if self.answers.get(&id).is_some_and(|answer| answer.end.is_some()) {
                return Ok(self.answers.remove(&id));
            }
            match self.next().await? {
                Next::Record(record) => match self.answers.get_mut(&record.id) {
                    Some(answer) => answer.take(record)?,
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

    /// Sends a request and takes its answer.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub(super) async fn ask(&mut self, id: u16, records: Records) -> Result<Answer, Fault> {
        self.send(records).await?;
        self.answer(id).await
    }

    /// Waits for the end of the connection.
    ///
    /// # Errors
    /// When there is something before it, or it does not come.
    pub(super) async fn closes(&mut self) -> Result<&'static str, Fault> {
        match self.next().await? {
            Next::Closed { reset: false } => Ok("it closes the connection"),
            Next::Closed { reset: true } => Ok("it resets the connection"),
            Next::Record(record) => fault(format!("received {record}; the connection should be closed")),
            Next::Silence => fault(format!("the connection is still open after {}", self.waited())),
        }
    }

    /// The limit, in words.
    pub(super) fn waited(&self) -> String {
        format!("{} s", self.limit.as_secs_f64())
    }

    /// Takes in what was read: records, the end (0), or a reset (`None`).
    fn receive(&mut self, read: Option<usize>, piece: &[u8]) -> Result<(), Fault> {
        let Some(read) = read else {
            self.state = State::Closed { reset: true };
            return Ok(());
        };
        if read == 0 {
            if !self.deframer.is_between_records() && !self.deframer.is_in_padding() {
                return fault("it closed the connection inside a record");
            }
            self.state = State::Closed { reset: false };
            return Ok(());
        }
        let mut input = &piece[..read];
        loop {
            let Ok(fragment) = self.deframer.next(&mut input) else {
                return fault(format!(
                    "what came is no record: \"{}\"",
                    piece[..read.min(24)].escape_ascii()
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
