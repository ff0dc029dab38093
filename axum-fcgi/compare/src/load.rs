//! A closed loop: each request that is answered makes room for the next. One thread, one poll.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, Read, Write},
    ops::Range,
    os::unix::net,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use mio::{Events, Interest, Poll, Token, net::UnixStream};

use crate::{
    answer::{self, Answers},
    application::Protocol,
    request,
    work::Work,
};

/// An application that gives no answer at all for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(10);
/// Requests in one write.
const SLICES: usize = 64;

pub(crate) struct Load {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    target: Target,
    buffer: Vec<u8>,
    /// Requests answered, ever.
    answered: u64,
    /// Requests under way.
    open: usize,
    /// Whether what is answered is followed by the next.
    goes_on: bool,
}

/// What is the same for all connections.
struct Target {
    socket: PathBuf,
    protocol: Protocol,
    work: Work,
    /// By variant.
    requests: Vec<Vec<Vec<u8>>>,
    /// Bytes of a right answer.
    answer: usize,
}

struct Connection {
    stream: UnixStream,
    answers: Answers,
    /// Requests that have not been written to the end, by slot.
    queue: VecDeque<usize>,
    /// How much of the first of them has been.
    written: usize,
    open: usize,
    waits_to_write: bool,
}

impl Load {
    /// Opens all connections, without a request yet.
    pub(crate) fn open(socket: &Path, protocol: Protocol, work: Work) -> io::Result<Self> {
        let requests =
            (0..work.variants()).map(|connection| request::requests(&work, protocol, connection)).collect();
        let answer = right_answer(socket, protocol, &work)?;
        let target = Target { socket: socket.to_owned(), protocol, work, requests, answer };
        let mut load = Self {
            poll: Poll::new()?,
            events: Events::with_capacity(256),
            connections: Vec::with_capacity(work.connections),
            target,
            buffer: vec![0; 256 * 1024],
            answered: 0,
            open: 0,
            goes_on: false,
        };
        for index in 0..work.connections {
            let connection = load.connect(index)?;
            load.connections.push(connection);
        }
        Ok(load)
    }

    /// Sends one request on each of these connections and waits for the answers, a few at a time.
    pub(crate) fn touch(&mut self, connections: Range<usize>) -> io::Result<()> {
        self.goes_on = false;
        for start in connections.clone().step_by(32) {
            for index in start..connections.end.min(start + 32) {
                self.send(index, 0);
                self.flush(index)?;
            }
            while self.open > 0 {
                self.turn()?;
            }
        }
        Ok(())
    }

    /// Starts as many requests as are to be under way at once.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        self.goes_on = true;
        for index in 0..self.target.work.active {
            self.start_all(index)?;
        }
        Ok(())
    }

    /// Goes on for this time. Returns how many requests were answered in it.
    pub(crate) fn go_on(&mut self, time: Duration) -> io::Result<u64> {
        let before = self.answered;
        let start = Instant::now();
        while start.elapsed() < time {
            self.turn()?;
        }
        Ok(self.answered - before)
    }

    fn turn(&mut self) -> io::Result<()> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        match self.poll.poll(&mut events, Some(PATIENCE)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(()) if events.is_empty() => return Err(io::Error::other("there was no answer for too long")),
            Ok(()) => {}
        }
        for event in &events {
            let Token(index) = event.token();
            if event.is_readable() {
                self.read(index)?;
            }
            self.flush(index)?;
        }
        self.events = events;
        Ok(())
    }

    fn read(&mut self, index: usize) -> io::Result<()> {
        loop {
            let connection = &mut self.connections[index];
            let length = match connection.stream.read(&mut self.buffer) {
                Ok(0) => return self.ended(index),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let next = self.goes_on && self.target.work.kept;
            let (mut over, mut sent) = (0, 0);
            connection.answers.receive(&self.buffer[..length], |answer| {
                if answer.bytes != self.target.answer {
                    return Err(io::Error::other(format!("a wrong answer of {} bytes", answer.bytes)));
                }
                over += 1;
                if next {
                    connection.queue.push_back(answer.slot);
                    sent += 1;
                }
                Ok(())
            })?;
            self.answered += over as u64;
            connection.open = connection.open + sent - over;
            self.open = self.open + sent - over;
            // Edge-triggered: all has to be read, and a short read says that it was.
            if length < self.buffer.len() && self.target.work.kept {
                return Ok(());
            }
        }
    }

    /// The application has closed a connection.
    fn ended(&mut self, index: usize) -> io::Result<()> {
        if self.target.work.kept || self.connections[index].open > 0 {
            return Err(io::Error::other("a connection ended too early"));
        }
        self.connections[index] = self.connect(index)?;
        if self.goes_on { self.start_all(index) } else { Ok(()) }
    }

    /// Blocking, since a full backlog is nothing that one could poll for.
    fn connect(&self, index: usize) -> io::Result<Connection> {
        let stream = net::UnixStream::connect(&self.target.socket)?;
        stream.set_nonblocking(true)?;
        let mut stream = UnixStream::from_std(stream);
        // Not for writing: room for it comes with each request that is read, and would wake us for nothing.
        self.poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
        Ok(Connection {
            stream,
            answers: Answers::new(self.target.protocol, self.target.work.in_flight),
            queue: VecDeque::new(),
            written: 0,
            open: 0,
            waits_to_write: false,
        })
    }

    fn start_all(&mut self, index: usize) -> io::Result<()> {
        for slot in 0..self.target.work.in_flight {
            self.send(index, slot);
        }
        self.flush(index)
    }

    fn send(&mut self, index: usize, slot: usize) {
        let connection = &mut self.connections[index];
        connection.queue.push_back(slot);
        connection.open += 1;
        self.open += 1;
    }

    fn flush(&mut self, index: usize) -> io::Result<()> {
        let connection = &mut self.connections[index];
        let blocked = connection.write(&self.target.requests[index % self.target.requests.len()])?;
        if blocked != connection.waits_to_write {
            connection.waits_to_write = blocked;
            let interest = if blocked { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            self.poll.registry().reregister(&mut connection.stream, Token(index), interest)?;
        }
        Ok(())
    }
}

impl Connection {
    /// Writes what it can, straight from the requests. Returns whether something is left.
    fn write(&mut self, requests: &[Vec<u8>]) -> io::Result<bool> {
        while !self.queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.queue.len().min(SLICES);
            let mut from = self.written;
            for (slice, slot) in slices.iter_mut().zip(&self.queue) {
                *slice = IoSlice::new(&requests[*slot][from..]);
                from = 0;
            }
            match self.stream.write_vectored(&slices[..count]) {
                Ok(length) => self.written += length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            }
            while let Some(length) = self.queue.front().map(|slot| requests[*slot].len())
                && self.written >= length
            {
                self.written -= length;
                self.queue.pop_front();
            }
        }
        Ok(false)
    }
}

/// Asks once, looks at the answer, and returns its size, by which all others are judged.
fn right_answer(socket: &Path, protocol: Protocol, work: &Work) -> io::Result<usize> {
    let mut stream = net::UnixStream::connect(socket)?;
    let request = request::requests(&Work { in_flight: 1, ..*work }, protocol, 0).concat();
    stream.write_all(&request)?;
    let (mut answers, mut received, mut bytes) = (Answers::new(protocol, 1), Vec::new(), None);
    let mut buffer = vec![0; 64 * 1024];
    while bytes.is_none() {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Err(answer::wrong("no whole answer", &received));
        }
        received.extend_from_slice(&buffer[..length]);
        answers.receive(&buffer[..length], |answer| {
            bytes = Some(answer.bytes);
            Ok(())
        })?;
    }
    let says_200 = match protocol {
        Protocol::FastCgi => received.get(8..).is_some_and(|head| head.starts_with(b"Status: 200 ")),
        Protocol::Http => received.starts_with(b"HTTP/1.1 200 "),
    };
    // The rest is the head's, which is never as large as that.
    let bytes = bytes.filter(|bytes| says_200 && (work.down + 1..work.down + 512).contains(bytes));
    bytes.ok_or_else(|| answer::wrong("a wrong answer", &received))
}
