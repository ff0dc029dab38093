//! A kept connection in memory, and the bytes that nginx sends on it. Shared with the benchmark `exchange`.
//!
//! The transport allocates nothing, and copies only the bytes that are read, so that only the driver is measured.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::{Buf, Bytes};
use fcgi_core::{BeginRequest, RecordDecoder, RecordEncoder, RecordType, RequestId, Role, encode_pair};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tower_fcgi::{Builder, Connection, FcgiService};

/// What nginx sends with its own `fastcgi_params` for a page that a browser requests. Three more depend on the request:
/// with those, 19 meta-variables and 11 headers.
pub(crate) const PARAMS: [(&str, &str); 27] = [
    ("SCRIPT_FILENAME", "/srv/shop/public/app.fcgi"),
    ("QUERY_STRING", "sort=price&page=3"),
    ("SCRIPT_NAME", "/catalogue/lamps"),
    ("REQUEST_URI", "/catalogue/lamps?sort=price&page=3"),
    ("DOCUMENT_URI", "/catalogue/lamps"),
    ("DOCUMENT_ROOT", "/srv/shop/public"),
    ("SERVER_PROTOCOL", "HTTP/2.0"),
    ("REQUEST_SCHEME", "https"),
    ("GATEWAY_INTERFACE", "CGI/1.1"),
    ("SERVER_SOFTWARE", "nginx/1.28.0"),
    ("REMOTE_ADDR", "203.0.113.77"),
    ("REMOTE_PORT", "51544"),
    ("SERVER_ADDR", "198.51.100.5"),
    ("SERVER_PORT", "443"),
    ("SERVER_NAME", "shop.example.org"),
    ("REDIRECT_STATUS", "200"),
    ("HTTP_HOST", "shop.example.org"),
    ("HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
    ("HTTP_ACCEPT", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("HTTP_ACCEPT_LANGUAGE", "en-GB,en;q=0.7,fr;q=0.3"),
    ("HTTP_ACCEPT_ENCODING", "gzip, deflate, br, zstd"),
    ("HTTP_REFERER", "https://shop.example.org/catalogue"),
    ("HTTP_COOKIE", "sid=b3f1c9a27e5d4068; basket=17-4-221; currency=EUR; seen-banner=1"),
    ("HTTP_UPGRADE_INSECURE_REQUESTS", "1"),
    ("HTTP_SEC_FETCH_DEST", "document"),
    ("HTTP_SEC_FETCH_SITE", "same-origin"),
    ("HTTP_PRIORITY", "u=0, i"),
];

/// A complete request with KEEP_CONN: a GET, or a POST with a body of that many bytes in records of 32 KiB.
pub(crate) fn request(id: u16, body: usize) -> Bytes {
    request_with(id, &PARAMS, body)
}

/// A request with these variables in this order, and those that depend on the body.
pub(crate) fn request_with(id: u16, variables: &[(&str, &str)], body: usize) -> Bytes {
    let id = RequestId(id);
    let (method, kind, length) = match body {
        0 => ("GET", "", String::new()),
        len => ("POST", "application/octet-stream", len.to_string()),
    };
    let own = [("REQUEST_METHOD", method), ("CONTENT_TYPE", kind), ("CONTENT_LENGTH", &length)];
    let mut params = Vec::new();
    for (name, value) in variables.iter().copied().chain(own) {
        encode_pair(&mut params, name.as_bytes(), value.as_bytes());
    }
    let begin = BeginRequest { role: Role::RESPONDER, keep_conn: true };
    let mut out = RecordEncoder::new();
    out.write_record(RecordType::BEGIN_REQUEST, id, &begin.encode());
    out.write_stream(RecordType::PARAMS, id, &params);
    out.write_stream_end(RecordType::PARAMS, id);
    for piece in vec![b'x'; body].chunks(32 * 1024) {
        out.write_record(RecordType::STDIN, id, piece);
    }
    out.write_stream_end(RecordType::STDIN, id);
    out.slices().flatten().copied().collect()
}

/// A served connection and the web server's end of it.
pub(crate) struct Served<S: FcgiService> {
    connection: Pin<Box<Connection<Transport, S>>>,
    wire: Rc<Wire>,
}

/// What is sent between the two ends.
#[derive(Default)]
pub(crate) struct Wire {
    /// Bytes that the application has not read.
    input: RefCell<Bytes>,
    /// Reads that returned bytes.
    pub(crate) reads: Cell<usize>,
    pub(crate) writes: Cell<usize>,
    /// For the application's bytes, whose contents are not checked.
    deframer: RefCell<RecordDecoder>,
    /// Bytes of STDOUT.
    pub(crate) stdout: Cell<usize>,
    /// END_REQUEST records.
    pub(crate) answers: Cell<usize>,
}

/// Maximal polls of one exchange, all of whose input is available.
const POLLS: usize = 1000;

impl<S: FcgiService> Served<S> {
    /// Serves `wire` with `service`.
    pub(crate) fn new(builder: &Builder, wire: &Rc<Wire>, service: S) -> Self {
        let connection = builder.serve_connection(Transport(Rc::clone(wire)), service);
        Self { connection: Box::pin(connection), wire: Rc::clone(wire) }
    }

    /// Sends one complete request, and polls the connection until it has responded and is idle.
    pub(crate) fn ask(&mut self, request: &Bytes) {
        self.send(request);
        let mut cx = Context::from_waker(Waker::noop());
        let answered = (0..POLLS).any(|_| self.poll_answers(&mut cx, 1).is_ready());
        assert!(answered, "no response");
    }

    /// Sends the next input.
    pub(crate) fn send(&mut self, bytes: &Bytes) {
        self.wire.answers.set(0);
        self.wire.input.replace(bytes.clone());
    }

    /// Polls the connection. Ready after this number of responses since the last
    /// [`send`](Self::send).
    pub(crate) fn poll_answers(&mut self, cx: &mut Context<'_>, answers: usize) -> Poll<()> {
        let polled = self.connection.as_mut().poll(cx);
        assert!(polled.is_pending(), "the kept connection ended: {polled:?}");
        if self.wire.answers.get() == answers { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// The application's end.
pub(crate) struct Transport(Rc<Wire>);

impl AsyncRead for Transport {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut input = self.0.input.borrow_mut();
        if input.is_empty() {
            // No wake-up is needed: bytes are sent only between polls.
            return Poll::Pending;
        }
        let part = input.len().min(buffer.remaining());
        buffer.put_slice(&input[..part]);
        input.advance(part);
        self.0.reads.set(self.0.reads.get() + 1);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wire = &self.0;
        let mut deframer = wire.deframer.borrow_mut();
        let mut written = 0;
        for slice in slices {
            written += slice.len();
            let mut rest = &slice[..];
            while let Some(fragment) = deframer.next(&mut rest).expect("records of version 1") {
                match fragment.header.kind {
                    RecordType::STDOUT => wire.stdout.set(wire.stdout.get() + fragment.content.len()),
                    RecordType::END_REQUEST if fragment.is_last => wire.answers.set(wire.answers.get() + 1),
                    _ => {}
                }
            }
        }
        wire.writes.set(wire.writes.get() + 1);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
