//! The one reader.

use std::cell::RefCell;
use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use fcgi_core::EndOfInput;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::Driver;
use crate::body::{Cell, Reader};
use crate::error::{Error, Kind};
use crate::service::FcgiService;

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// Bytes.
    Got,
    /// Nothing for now.
    Nothing,
    /// Nothing was read, since what was read before has not been dealt with.
    Paused,
    /// There is no more.
    Ended,
}

/// Bytes of the buffer on the stack that heads are read to: an idle connection holds none.
const SCRATCH: usize = 32 * 1024;
/// Bytes of the buffer that large bodies are read to, and handed on from without a copy. At most eight times
/// the smallest piece that the protocol shares, so that a piece keeps alive eight times its size.
const BULK: usize = 64 * 1024;
/// Bytes of a body still to come, known from their record's header, from which on they are read to that
/// buffer.
const BULKY: usize = 4096;

thread_local! {
    /// Where this thread reads large bodies to. One for all of its connections: handlers that read as fast as
    /// bytes come have consumed one connection's by the time that the next is read, so that it stays in the
    /// processor's cache, and no connection need give memory back when it turns idle.
    static LARGE: RefCell<BytesMut> = RefCell::new(BytesMut::new());
}

impl<IO, S> Driver<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    /// Reads once and hands the bytes to the protocol.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<Read, Error> {
        if self.input_ended {
            return Ok(Read::Ended);
        }
        if !self.may_take_more(cx) {
            return Ok(Read::Paused);
        }
        let bulk = self.bulky || self.protocol.expected_body() > BULKY;
        let read = if bulk { self.read_bulk(cx) } else { self.read_scratch(cx) };
        let Poll::Ready(read) = read else { return Ok(Read::Nothing) };
        match read? {
            0 => self.end_of_input(),
            read => {
                self.bulky = read >= SCRATCH;
                Ok(Read::Got)
            }
        }
    }

    /// A read whose bytes are dropped; gives how many.
    pub(super) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = [const { MaybeUninit::uninit() }; SCRATCH];
        let mut buffer = ReadBuf::uninit(&mut scratch);
        Pin::new(&mut self.io).poll_read(cx, &mut buffer).map_ok(|()| buffer.filled().len())
    }

    #[inline(never)] // So that its buffer is off the stack before a handler runs.
    fn read_scratch(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Error>> {
        let mut scratch = [const { MaybeUninit::uninit() }; SCRATCH];
        let mut buffer = ReadBuf::uninit(&mut scratch);
        Pin::new(&mut self.io).poll_read(cx, &mut buffer).map(|read| {
            read?;
            self.protocol.receive(buffer.filled())?;
            Ok(buffer.filled().len())
        })
    }

    fn read_bulk(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, Error>> {
        let mut buffer = LARGE.take();
        if buffer.capacity() < SCRATCH {
            // The same memory again, if all that was read to it has been consumed.
            buffer.reserve(BULK);
        }
        let read = pin!(self.io.read_buf(&mut buffer)).poll(cx);
        let chunk: Bytes = buffer.split().freeze();
        LARGE.set(buffer);
        read.map(|read| {
            let read = read?;
            self.protocol.receive_shared(&chunk)?;
            Ok(read)
        })
    }

    /// Whether the protocol wants input. If unread bodies are in the way, their handlers are asked what they
    /// have consumed by now; if that is not enough, they wake this connection when they consume more.
    fn may_take_more(&mut self, cx: &Context<'_>) -> bool {
        if self.protocol.wants_input() {
            return true;
        }
        self.collect_consumed(None);
        if self.protocol.wants_input() {
            return true;
        }
        // Once more with the waker in place, or what is consumed in between would be missed.
        self.collect_consumed(Some(cx));
        self.protocol.wants_input()
    }

    fn collect_consumed(&mut self, cx: Option<&Context<'_>>) {
        let waker = cx.map(Context::waker);
        let protocol = &mut self.protocol;
        let mut collect = |key, body: &Cell| {
            let (consumed, reader) = body.consumed(waker);
            protocol.consumed(key, consumed);
            if reader == Reader::Gone {
                // An error would mean that the request is over, and its charge with it.
                let _ = protocol.discard_body(key);
            }
        };
        let inline = self.running.iter();
        let spawned = self.spawned.iter().flat_map(|spawned| spawned.running());
        for running in inline.chain(spawned) {
            if let Some(body) = &running.body {
                collect(running.key, body);
            }
        }
    }

    /// The web server has shut its side down, or gone.
    fn end_of_input(&mut self) -> Result<Read, Error> {
        self.input_ended = true;
        match self.protocol.end_of_input() {
            EndOfInput::Clean => Ok(Read::Ended),
            EndOfInput::InRequest if self.settings.half_closed => {
                self.break_off_bodies();
                Ok(Read::Ended)
            }
            cut => Err(Kind::Eof(cut).into()),
        }
    }
}
