//! The load generator: a closed loop, in which each response starts the next request. One thread, one `Poll`.

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
    application::Protocol,
    request,
    response::{self, ResponseParser},
    work::Work,
};

/// The longest time without any response.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);
/// The most requests in one write.
const MAX_SLICES: usize = 64;

pub(crate) struct Load {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    target: Target,
    buffer: Vec<u8>,
    /// Responses received since the start.
    responses: u64,
    in_flight: usize,
    /// Requests that are still to be sent, by [`fill`](Load::fill) or after a response.
    remaining: usize,
}

/// The settings that all connections share.
struct Target {
    socket: PathBuf,
    protocol: Protocol,
    work: Work,
    /// The encoded requests, by variant and slot.
    requests: Vec<Vec<Vec<u8>>>,
    /// Bytes of a correct response.
    response_bytes: usize,
}

struct Connection {
    stream: UnixStream,
    parser: ResponseParser,
    /// The slots of requests that are not completely written.
    queue: VecDeque<usize>,
    /// Bytes of the first of them that are written.
    written: usize,
    in_flight: usize,
    write_blocked: bool,
}

impl Load {
    /// Opens all connections without sending a request.
    pub(crate) fn open(socket: &Path, protocol: Protocol, work: Work) -> io::Result<Self> {
        let requests =
            (0..work.variants()).map(|variant| request::encode_all(&work, protocol, variant)).collect();
        let response_bytes = probe_response_bytes(socket, protocol, &work)?;
        let target = Target { socket: socket.to_owned(), protocol, work, requests, response_bytes };
        let mut load = Self {
            poll: Poll::new()?,
            events: Events::with_capacity(256),
            connections: Vec::with_capacity(work.connections),
            target,
            buffer: vec![0; 256 * 1024],
            responses: 0,
            in_flight: 0,
            remaining: 0,
        };
        for index in 0..work.connections {
            let connection = load.connect(index)?;
            load.connections.push(connection);
        }
        Ok(load)
    }

    /// Sends one request on each of these connections and waits for the responses, a few at a time.
    pub(crate) fn send_one_on_each(&mut self, connections: Range<usize>) -> io::Result<()> {
        self.remaining = 0;
        for start in connections.clone().step_by(32) {
            for index in start..connections.end.min(start + 32) {
                self.send(index, 0);
                self.flush(index)?;
            }
            while self.in_flight > 0 {
                self.poll_once()?;
            }
        }
        Ok(())
    }

    /// Sends the first requests of every active connection.
    pub(crate) fn start(&mut self) -> io::Result<()> {
        self.remaining = usize::MAX;
        self.fill_all()
    }

    /// Sends this number of requests and waits for their responses.
    pub(crate) fn run_requests(&mut self, requests: usize) -> io::Result<()> {
        self.remaining = requests;
        self.fill_all()?;
        while self.remaining > 0 || self.in_flight > 0 {
            self.poll_once()?;
        }
        Ok(())
    }

    fn fill_all(&mut self) -> io::Result<()> {
        (0..self.target.work.active).try_for_each(|index| self.fill(index))
    }

    /// Runs the loop for this time. Returns the number of responses.
    pub(crate) fn run_for(&mut self, time: Duration) -> io::Result<u64> {
        let before = self.responses;
        let start = Instant::now();
        while start.elapsed() < time {
            self.poll_once()?;
        }
        Ok(self.responses - before)
    }

    fn poll_once(&mut self) -> io::Result<()> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        match self.poll.poll(&mut events, Some(RESPONSE_TIMEOUT)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
            Ok(()) if events.is_empty() => return Err(io::Error::other("no response within the timeout")),
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
                Ok(0) => return self.on_eof(index),
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let sendable = if self.target.work.keep_alive { self.remaining } else { 0 };
            let (mut received, mut sent) = (0, 0);
            connection.parser.receive(&self.buffer[..length], |response| {
                if response.bytes != self.target.response_bytes {
                    return Err(io::Error::other(format!("wrong response of {} bytes", response.bytes)));
                }
                received += 1;
                if sent < sendable {
                    connection.queue.push_back(response.slot);
                    sent += 1;
                }
                Ok(())
            })?;
            self.responses += received as u64;
            self.remaining -= sent;
            connection.in_flight = connection.in_flight + sent - received;
            self.in_flight = self.in_flight + sent - received;
            // Edge-triggered: read until the socket is empty, which a short read shows.
            if length < self.buffer.len() && self.target.work.keep_alive {
                return Ok(());
            }
        }
    }

    /// Replaces a connection that the application has closed.
    fn on_eof(&mut self, index: usize) -> io::Result<()> {
        if self.target.work.keep_alive || self.connections[index].in_flight > 0 {
            return Err(io::Error::other("the application closed a connection too early"));
        }
        self.connections[index] = self.connect(index)?;
        self.fill(index)
    }

    /// Connects with a blocking call, since `Poll` cannot wait for room in the backlog.
    fn connect(&self, index: usize) -> io::Result<Connection> {
        let stream = net::UnixStream::connect(&self.target.socket)?;
        stream.set_nonblocking(true)?;
        let mut stream = UnixStream::from_std(stream);
        // No interest in WRITABLE: every read by the application would cause a useless wakeup.
        self.poll.registry().register(&mut stream, Token(index), Interest::READABLE)?;
        Ok(Connection {
            stream,
            parser: ResponseParser::new(self.target.protocol, self.target.work.in_flight),
            queue: VecDeque::new(),
            written: 0,
            in_flight: 0,
            write_blocked: false,
        })
    }

    /// Sends as many requests on a connection as it may have in flight.
    fn fill(&mut self, index: usize) -> io::Result<()> {
        let slots = self.target.work.in_flight.min(self.remaining);
        self.remaining -= slots;
        for slot in 0..slots {
            self.send(index, slot);
        }
        self.flush(index)
    }

    fn send(&mut self, index: usize, slot: usize) {
        let connection = &mut self.connections[index];
        connection.queue.push_back(slot);
        connection.in_flight += 1;
        self.in_flight += 1;
    }

    fn flush(&mut self, index: usize) -> io::Result<()> {
        let connection = &mut self.connections[index];
        let blocked = connection.write(&self.target.requests[index % self.target.requests.len()])?;
        if blocked != connection.write_blocked {
            connection.write_blocked = blocked;
            let interest = if blocked { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            self.poll.registry().reregister(&mut connection.stream, Token(index), interest)?;
        }
        Ok(())
    }
}

impl Connection {
    /// Writes from the queue, without copying. Returns whether the socket is full.
    fn write(&mut self, requests: &[Vec<u8>]) -> io::Result<bool> {
        while !self.queue.is_empty() {
            let mut slices = [IoSlice::new(&[]); MAX_SLICES];
            let count = self.queue.len().min(MAX_SLICES);
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

/// Sends one request, checks the response, and returns its size, which all later responses must have.
fn probe_response_bytes(socket: &Path, protocol: Protocol, work: &Work) -> io::Result<usize> {
    let mut stream = net::UnixStream::connect(socket)?;
    let request = request::encode_all(&Work { in_flight: 1, ..*work }, protocol, 0).concat();
    stream.write_all(&request)?;
    let (mut parser, mut received, mut bytes) = (ResponseParser::new(protocol, 1), Vec::new(), None);
    let mut buffer = vec![0; 64 * 1024];
    while bytes.is_none() {
        let length = stream.read(&mut buffer)?;
        if length == 0 {
            return Err(response::unexpected("incomplete response", &received));
        }
        received.extend_from_slice(&buffer[..length]);
        parser.receive(&buffer[..length], |response| {
            bytes = Some(response.bytes);
            Ok(())
        })?;
    }
    let is_200 = match protocol {
        Protocol::FastCgi => received.get(8..).is_some_and(|head| head.starts_with(b"Status: 200 ")),
        Protocol::Http => received.starts_with(b"HTTP/1.1 200 "),
    };
    // Bytes beyond the body are the head's, which is smaller than 512 bytes.
    let bytes = bytes.filter(|bytes| is_200 && (work.down + 1..work.down + 512).contains(bytes));
    bytes.ok_or_else(|| response::unexpected("wrong response", &received))
}
