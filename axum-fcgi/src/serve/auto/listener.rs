//! The listener of `serve_auto`.

use std::io;

use axum::serve::Listener;

use crate::accept::accept;
use crate::allow_list::AllowList;
use crate::listen::{AllowListener, FcgiAddr, FcgiListener, FcgiStream, Listeners};

/// All sockets of the program, with or without a list of allowed peers. Its connections have the type of an
/// [`FcgiListener`]'s either way, so that a make-service gets the same [`IncomingStream`](crate::IncomingStream).
#[derive(Debug)]
pub(super) enum AutoListener {
    Open(Listeners<FcgiListener>),
    Allowed(AllowListener<Listeners<FcgiListener>>),
}

impl AutoListener {
    pub(super) fn new(listeners: Listeners<FcgiListener>, list: Option<AllowList>) -> Self {
        match list {
            Some(list) => Self::Allowed(AllowListener::new(listeners, list)),
            None => Self::Open(listeners),
        }
    }
}

impl Listener for AutoListener {
    type Io = FcgiStream;
    type Addr = FcgiAddr;

    async fn accept(&mut self) -> (FcgiStream, FcgiAddr) {
        match self {
            Self::Open(listeners) => accept(listeners).await,
            Self::Allowed(listeners) => {
                let (io, peer) = accept(listeners).await;
                (io, peer.0)
            }
        }
    }

    fn local_addr(&self) -> io::Result<FcgiAddr> {
        match self {
            Self::Open(listeners) => listeners.local_addr(),
            Self::Allowed(listeners) => listeners.local_addr().map(|addr| addr.0),
        }
    }
}
