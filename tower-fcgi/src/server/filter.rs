//! The two streams of a Filter: STDIN, and behind it DATA (FastCGI §6.4).

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use fcgi_core::server::{Connection, NewRequest};
use fcgi_core::{RequestKey, Role, StreamState, UserError};
use http::StatusCode;

use super::driver::Driver;
use super::failure::Failure;
use super::filter_data::{self, FilterData};
use super::in_flight::InFlightRequest;
use crate::body::{BodyChannel, BodyErrorKind, Receiver, RequestBody, SendOutcome};

/// What a handler gets of a Filter's DATA, and what the connection keeps of them.
pub(super) type Data = (FilterData, Option<Arc<BodyChannel>>);

impl<IO, S> Driver<IO, S> {
    /// The DATA of a request that is to be dispatched: `None` for other roles than Filter.
    pub(super) fn data_of(&mut self, request: &NewRequest) -> Result<Option<Data>, Failure> {
        if request.role != Role::FILTER {
            return Ok(None);
        }
        let Some(length) = filter_data::length(&request.params) else {
            // FastCGI §6.4 has it sent, and DATA checked against it.
            return Err(Failure::Request(StatusCode::BAD_REQUEST, "its DATA have no FCGI_DATA_LENGTH"));
        };
        let last_modified = filter_data::last_modified(&request.params);
        let mut chunks = VecDeque::new();
        let read = self.protocol.read_data(request.key, &mut chunks);
        let (stream, cell) = if read == Ok(StreamState::Ended) {
            self.protocol.release_capacity(request.key, bytes_in(&chunks));
            (RequestBody::whole(chunks, Some(length)), None)
        } else {
            let cell = Arc::new(BodyChannel::default());
            let ended = self.input_ended;
            cell.push(|waiting| {
                *waiting = chunks;
                if ended { SendOutcome::Broken(BodyErrorKind::Disconnected) } else { read.into() }
            });
            (RequestBody::streaming(Arc::clone(&cell), Some(length)), Some(cell))
        };
        Ok(Some((FilterData::new(length, last_modified, stream), cell)))
    }
}

/// Moves what has come of both streams to their readers.
pub(super) fn deliver(running: &InFlightRequest, protocol: &mut Connection) {
    for (cell, read) in streams(running) {
        let reader = cell
            .map_or(Receiver::Dropped, |cell| cell.push(|chunks| read(protocol, running.key, chunks).into()));
        if reader == Receiver::Dropped {
            drop_unread(running, protocol, read);
        }
    }
}

/// Tells the protocol what the readers of both streams have consumed; with a `waker`, they wake that when
/// they consume more.
pub(super) fn collect_consumed(running: &InFlightRequest, protocol: &mut Connection, waker: Option<&Waker>) {
    for (cell, read) in streams(running) {
        let (consumed, reader) = cell.map_or((0, Receiver::Dropped), |cell| cell.take_consumed(waker));
        protocol.release_capacity(running.key, consumed);
        if reader == Receiver::Dropped {
            drop_unread(running, protocol, read);
        }
    }
}

/// Nobody reads one of the streams. The protocol discards both or none, and the other one may be wanted: DATA
/// come behind a STDIN that is not.
fn drop_unread(running: &InFlightRequest, protocol: &mut Connection, read: Read) {
    let mut chunks = VecDeque::new();
    // An error would mean that the request is over, and its charge with it.
    let _ = read(protocol, running.key, &mut chunks);
    protocol.release_capacity(running.key, bytes_in(&chunks));
}

/// How one of the streams is read.
type Read = fn(&mut Connection, RequestKey, &mut VecDeque<Bytes>) -> Result<StreamState, UserError>;

fn streams(running: &InFlightRequest) -> [(Option<&BodyChannel>, Read); 2] {
    [(running.body.as_deref(), Connection::read_body), (running.data.as_deref(), Connection::read_data)]
}

fn bytes_in(chunks: &VecDeque<Bytes>) -> usize {
    chunks.iter().map(Bytes::len).sum()
}
