//! nginx's FastCGI settings, as far as an application can notice them.

use std::fmt;

/// One configuration of nginx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variant {
    /// `fastcgi_keep_conn`: KEEP_CONN is set, and the connection serves further requests.
    pub(crate) keep_conn: bool,
    /// `fastcgi_buffering`: nginx buffers the response before it passes it on.
    pub(crate) buffering: bool,
    /// `fastcgi_request_buffering`: nginx buffers the request's body before it calls the application.
    pub(crate) request_buffering: bool,
    pub(crate) socket: Socket,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Socket {
    Tcp,
    Unix,
}

impl Variant {
    /// Whether nginx passes on each part of a response as it comes, without `X-Accel-Buffering`.
    ///
    /// With kept connections it does so even while it buffers; this was measured, and is not in its manual.
    pub(crate) fn streams_responses(self) -> bool {
        self.keep_conn || !self.buffering
    }

    /// Whether nginx notices a connection that was closed in the middle of a response.
    ///
    /// A reset is an error in every mode. A plain close, the only one that a unix socket has, is the end of
    /// the response by nginx's rules, except if nginx buffers and was to keep the connection.
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

/// A switch's value in nginx's configuration.
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

/// The variants that a case runs in.
pub(crate) type Selection = fn(Variant) -> bool;

/// All 16.
pub(crate) const EVERY: Selection = |_| true;

/// 8: for requests without a body, where request buffering makes no difference.
pub(crate) const NO_REQUEST_BODY: Selection = |variant| variant.request_buffering;

/// 8: a request's body reaches the application while the client is still sending it.
pub(crate) const STREAMED_UPLOADS: Selection = |variant| !variant.request_buffering;

/// 4: nginx ends a response only at the application's close. Only these show the bug that started this
/// project.
pub(crate) const WAITS_FOR_CLOSE: Selection = |variant| !variant.keep_conn && variant.buffering;

/// 6: nginx passes on each part of a response unasked; for requests without a body.
pub(crate) const STREAMING: Selection = |variant| variant.request_buffering && variant.streams_responses();

/// 4: nginx buffers responses; for requests without a body.
pub(crate) const BUFFERED: Selection = |variant| variant.request_buffering && variant.buffering;

/// 1: nginx's defaults.
pub(crate) const STOCK: Selection = |variant| {
    let Variant { keep_conn, buffering, request_buffering, socket } = variant;
    !keep_conn && buffering && request_buffering && socket == Socket::Tcp
};

/// 2: the defaults, and the opposite of every switch. For cases about the application, in which the transport
/// does not matter.
pub(crate) const OPPOSITES: Selection = |variant| {
    let Variant { keep_conn, buffering, request_buffering, socket } = variant;
    STOCK(variant) || (keep_conn && !buffering && !request_buffering && socket == Socket::Unix)
};
