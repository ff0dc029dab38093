//! The one reader.

use std::io;
use std::mem::MaybeUninit;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use fcgi_core::Role;
use fcgi_core::server::EndOfInput;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

use super::driver::Driver;
use super::error::{Error, ErrorKind};
use super::filter;
use super::service::FcgiService;
use crate::body::{BodyChannel, Receiver};
use crate::buffer_pool;

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadOutcome {
    /// Bytes.
    Data,
    /// Nothing for now.
    Pending,
    /// Nothing was read, since what was read before has not been dealt with.
    Paused,
    /// There is no more.
    Eof,
}

/// Bytes of a read that are dropped.
const DISCARD: usize = 32 * 1024;
/// Bytes of a read from which on pieces of it may be shared. Below, the protocol would copy them all.
const SHARED: usize = 8 * 1024;

impl<IO, S> Driver<IO, S>
where
    IO: AsyncRead + AsyncWrite + Unpin,
    S: FcgiService,
{
    /// Reads once and hands the bytes to the protocol.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Result<ReadOutcome, Error> {
        if self.input_ended {
            return Ok(ReadOutcome::Eof);
        }
        if !self.may_take_more(cx) {
            return Ok(ReadOutcome::Paused);
        }
        let (read, received) = buffer_pool::with_read_buffer(|buffer| {
            let read = pin!(self.io.read_buf(buffer)).poll(cx);
            if buffer.len() >= SHARED {
                let shared: Bytes = buffer.split().freeze();
                return (read, self.protocol.receive_shared(&shared));
            }
            let received = self.protocol.receive(buffer);
            buffer.clear();
            (read, received)
        });
        let Poll::Ready(read) = read else { return Ok(ReadOutcome::Pending) };
        let read = read?;
        received?;
        if self.protocol.discarded_bytes() > 0 || self.discarding.is_some() {
            self.bound_discarded();
        }
        if read == 0 {
            return self.end_of_input();
        }
        self.protocol.output().set_buffer(buffer_pool::take_output);
        Ok(ReadOutcome::Data)
    }

    /// A read whose bytes are dropped; gives how many.
    pub(super) fn poll_discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = [const { MaybeUninit::uninit() }; DISCARD];
        let mut buffer = ReadBuf::uninit(&mut scratch);
        Pin::new(&mut self.io).poll_read(cx, &mut buffer).map_ok(|()| buffer.filled().len())
    }

    /// Whether the protocol wants input. If unread bodies are in the way, their handlers are asked what they
    /// have consumed by now; if that is not enough, they wake this connection when they consume more.
    fn may_take_more(&mut self, cx: &Context<'_>) -> bool {
        if self.protocol.wants_read() {
            return true;
        }
        self.collect_consumed(None);
        if self.protocol.wants_read() {
            return true;
        }
        // Once more with the waker in place, or what is consumed in between would be missed.
        self.collect_consumed(Some(cx));
        self.protocol.wants_read()
    }

    fn collect_consumed(&mut self, cx: Option<&Context<'_>>) {
        let waker = cx.map(Context::waker);
        let protocol = &mut self.protocol;
        let collect = |protocol: &mut fcgi_core::server::Connection, key, body: &BodyChannel| {
            let (consumed, reader) = body.take_consumed(waker);
            protocol.release_capacity(key, consumed);
            if reader == Receiver::Dropped {
                // An error would mean that the request is over, and its charge with it.
                let _ = protocol.discard_body(key);
            }
        };
        let inline = self.running.iter();
        let spawned = self.spawned.iter().flat_map(|spawned| spawned.running());
        for running in inline.chain(spawned) {
            if running.role == Role::FILTER {
                filter::collect_consumed(running, protocol, waker);
            } else if let Some(body) = &running.body {
                collect(protocol, running.key, body);
            }
        }
    }

    /// The web server has shut its side down, or gone.
    fn end_of_input(&mut self) -> Result<ReadOutcome, Error> {
        self.input_ended = true;
        match self.protocol.end_of_input() {
            EndOfInput::Clean => Ok(ReadOutcome::Eof),
            EndOfInput::InRequest if self.settings.half_close => {
                self.break_off_bodies();
                Ok(ReadOutcome::Eof)
            }
            cut => Err(ErrorKind::UnexpectedEof(cut).into()),
        }
    }
}
