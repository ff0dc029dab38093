//! A listener that does not let everyone in.

use std::fmt;
use std::io;

use axum::serve::Listener;

use super::allow_list::AllowList;
use super::allowed_peer::{AllowedPeer, PeerIp};
use crate::accept::accept;

/// A listener that lets in only who is in a list. Anyone else is closed at once, unread, with a line in the log
/// at `warn`.
///
/// Peers on unix sockets are not subject to the list: the mode of the socket's file says who they may be. So one
/// list can be put around [`Listeners`](crate::Listeners) of both kinds.
///
/// # Examples
/// What the web server that started the process says in FCGI_WEB_SERVER_ADDRS, or else this machine alone:
/// ```no_run
/// use axum_fcgi::{AllowList, Allowed, FcgiListener};
/// # async fn run(router: axum::Router, address: axum_fcgi::Address) -> std::io::Result<()> {
/// let list = AllowList::from_env().unwrap_or_else(AllowList::loopback);
/// let listener = Allowed::new(FcgiListener::bind(&address)?, list);
/// axum_fcgi::serve(listener, router).await
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct AllowListener<L> {
    listener: L,
    list: AllowList,
}

impl<L> AllowListener<L> {
    /// Lets in who is in `list`.
    pub const fn new(listener: L, list: AllowList) -> Self {
        Self { listener, list }
    }
}

impl<L> Listener for AllowListener<L>
where
    L: Listener,
    L::Addr: PeerIp + fmt::Debug,
{
    type Io = L::Io;
    type Addr = AllowedPeer<L::Addr>;

    /// # Cancel safety
    /// That of the listener inside.
    async fn accept(&mut self) -> (L::Io, AllowedPeer<L::Addr>) {
        loop {
            let (io, peer) = accept(&mut self.listener).await;
            if peer.ip().is_none_or(|ip| self.list.allows(ip)) {
                return (io, AllowedPeer(peer));
            }
            tracing::warn!(?peer, "a connection was refused: its peer is not in the list of web servers");
        }
    }

    fn local_addr(&self) -> io::Result<AllowedPeer<L::Addr>> {
        self.listener.local_addr().map(AllowedPeer)
    }
}
