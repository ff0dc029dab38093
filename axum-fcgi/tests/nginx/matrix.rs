//! The ways in which nginx can be told to speak FastCGI, as far as an application can tell them apart.

use std::fmt;

/// One way of nginx to use an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    /// `fastcgi_keep_conn`: KEEP_CONN is set, and the connection serves the next request too.
    pub(crate) keep_conn: bool,
    /// `fastcgi_buffering`: nginx collects the answer before it passes it on.
    pub(crate) buffering: bool,
    /// `fastcgi_request_buffering`: nginx collects the request's body before it calls the application.
    pub(crate) request_buffering: bool,
    pub(crate) socket: Socket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Socket {
    Tcp,
    Unix,
}

impl Variant {
    /// Whether nginx passes on each piece of an answer as it comes, with no word from the application.
    ///
    /// With kept connections it does so even while it buffers; this was measured, and is not in its manual.
    pub(crate) fn streams_answers(self) -> bool {
        self.keep_conn || !self.buffering
    }

    /// Whether nginx tells a connection that was closed in the middle of an answer from one that ended well.
    ///
    /// A reset is an error in every mode. A plain close, which is all that a unix socket has, is by nginx's
    /// rules the end of the answer, except where it buffers and the connection was to be kept.
    pub(crate) fn notices_a_close(self) -> bool {
        self.socket == Socket::Tcp || (self.keep_conn && self.buffering)
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let socket = match self.socket {
            Socket::Tcp => "tcp",
            Socket::Unix => "unix",
        };
        write!(
            f,
            "keep={},buffering={},request_buffering={},{socket}",
            on_or_off(self.keep_conn),
            on_or_off(self.buffering),
            on_or_off(self.request_buffering),
        )
    }
}

/// The word for a switch in nginx's configuration.
pub(crate) fn on_or_off(switch: bool) -> &'static str {
    if switch { "on" } else { "off" }
}

/// All 16 variants.
pub(crate) fn variants() -> impl Iterator<Item = Variant> {
    (0..16).map(|bits| Variant {
        keep_conn: bits & 8 != 0,
        buffering: bits & 4 != 0,
        request_buffering: bits & 2 != 0,
        socket: if bits & 1 != 0 { Socket::Unix } else { Socket::Tcp },
    })
}

/// Which of the variants a case is run over.
pub(crate) type Selection = fn(Variant) -> bool;

/// All 16.
pub(crate) const EVERY: Selection = |_| true;

/// 8: for requests without a body, where how the body is buffered makes no difference.
pub(crate) const ANSWERS: Selection = |variant| variant.request_buffering;

/// 8: those in which a request's body reaches the application while the client is still sending it.
pub(crate) const STREAMED_UPLOADS: Selection = |variant| !variant.request_buffering;

/// 4: nginx ends an answer only at the application's close. The bug that this project began with shows here
/// alone.
pub(crate) const WAITS_FOR_CLOSE: Selection = |variant| !variant.keep_conn && variant.buffering;

/// 6: those in which nginx passes on each piece of an answer unasked; of requests without a body.
pub(crate) const STREAMING: Selection = |variant| variant.request_buffering && variant.streams_answers();

/// 1: what nginx does when it is told nothing.
pub(crate) const STOCK: Selection = |variant| {
    let Variant { keep_conn, buffering, request_buffering, socket } = variant;
    !keep_conn && buffering && request_buffering && socket == Socket::Tcp
};

/// 2: the stock variant, and the opposite of it in every switch, for cases in which the application matters
/// and the transport does not.
pub(crate) const OPPOSITES: Selection = |variant| {
    let Variant { keep_conn, buffering, request_buffering, socket } = variant;
    STOCK(variant) || (keep_conn && !buffering && !request_buffering && socket == Socket::Unix)
};
