//! A minimal application with one flaw.

use std::collections::HashMap;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use fcgi_core::{
    BeginRequest, EndRequest, NameValuePairs, ProtocolStatus, RecordDecoder, RecordEncoder, RecordHeader,
    RecordType, RequestId, Role,
};
use tempfile::TempDir;
use test_support::Result;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    None,
    /// The end of an answered request's body belongs to an unknown request, so the connection stays open: the bug that
    /// started this project (golang/go#43901).
    ForgetsAnsweredRequests,
    LowByteOfId,
    ShortEndRequest,
    Overloaded,
    NoHead,
    LeavesStderrOpen,
    WritesAfterEndRequest,
    Closes,
    NeverCloses,
    DropsLastByte,
    NeedsBody,
    IgnoresAbort,
    WaitsForAuthorizerStdin,
    IgnoresFilters,
    /// A read that ends inside a record loses the requests.
    NeedsCompleteReads,
    RejectsReservedBytes,
    RejectsPadding,
    RejectsLongLengths,
    RejectsEmptyValues,
}

pub(super) struct Application {
    pub(super) address: String,
    _directory: TempDir,
}

impl Application {
    pub(super) fn start(flaw: Flaw) -> Result<Self> {
        let directory = TempDir::new()?;
        let socket = directory.path().join("socket");
        let listener = UnixListener::bind(&socket)?;
        // The thread ends with the process: nothing interrupts `accept`.
        thread::spawn(move || {
            for stream in listener.incoming().map_while(io::Result::ok) {
                thread::spawn(move || Connection::new(flaw, stream).serve());
            }
        });
        Ok(Self { address: socket.display().to_string(), _directory: directory })
    }
}

struct Connection {
    flaw: Flaw,
    stream: UnixStream,
    requests: HashMap<RequestId, Request>,
}

struct Request {
    begin: BeginRequest,
    params: Vec<u8>,
    stdin: Vec<u8>,
    rejected: bool,
    answered: bool,
}

impl Connection {
    fn new(flaw: Flaw, stream: UnixStream) -> Self {
        Self { flaw, stream, requests: HashMap::new() }
    }

    fn serve(mut self) -> io::Result<()> {
        let (mut decoder, mut buffer, mut content) = (RecordDecoder::new(), vec![0; 64 * 1024], Vec::new());
        // Larger reads could combine bytes that were written separately.
        let read_size = if self.flaw == Flaw::NeedsCompleteReads { 1 } else { buffer.len() };
        loop {
            let read = self.stream.read(&mut buffer[..read_size])?;
            if read == 0 {
                return Ok(());
            }
            let mut input = &buffer[..read];
            while let Some(fragment) = decoder.next(&mut input).map_err(io::Error::other)? {
                content.extend_from_slice(fragment.content);
                if fragment.is_last && self.record(fragment.header, &std::mem::take(&mut content))? {
                    return Ok(());
                }
            }
            if self.flaw == Flaw::NeedsCompleteReads && !decoder.is_between_records() {
                self.requests.clear();
            }
        }
    }

    /// Handles a record. Returns whether the connection is closed.
    fn record(&mut self, header: RecordHeader, content: &[u8]) -> io::Result<bool> {
        let flaw = self.flaw;
        if header.kind == RecordType::BEGIN_REQUEST
            && let Ok(bytes) = content.try_into()
        {
            let reserved = content[3..].iter().any(|byte| *byte != 0) && flaw == Flaw::RejectsReservedBytes;
            let begin = BeginRequest::decode(bytes);
            let request =
                Request { begin, params: Vec::new(), stdin: Vec::new(), rejected: reserved, answered: false };
            self.requests.insert(header.id, request);
        }
        let Some(request) = self.requests.get_mut(&header.id) else { return Ok(false) };
        request.rejected |= flaw == Flaw::RejectsPadding && header.padding_len > 0;
        let ended = content.is_empty();
        let echoes = request.params.windows(5).any(|window| window == b"/echo");
        match header.kind {
            RecordType::PARAMS if !ended => request.params.extend_from_slice(content),
            RecordType::PARAMS => {
                let waits = flaw == Flaw::WaitsForAuthorizerStdin || request.begin.role != Role::AUTHORIZER;
                // A request that does not read its body is answered before the body arrives.
                if !waits || (request.begin.role == Role::RESPONDER && !echoes) {
                    self.respond(header.id)?;
                }
            }
            RecordType::STDIN if !ended => request.stdin.extend_from_slice(content),
            RecordType::STDIN if request.begin.role == Role::RESPONDER => {
                let (answered, keep_conn) = (request.answered, request.begin.keep_conn);
                if !(answered || flaw == Flaw::NeedsBody && request.stdin.is_empty()) {
                    self.respond(header.id)?;
                }
                return self.ended(header.id, keep_conn);
            }
            RecordType::DATA if ended && flaw != Flaw::IgnoresFilters => self.respond(header.id)?,
            RecordType::ABORT_REQUEST if flaw != Flaw::IgnoresAbort => self.respond(header.id)?,
            _ => {}
        }
        Ok(false)
    }

    /// Handles the end of a body. Returns whether the connection is closed.
    fn ended(&mut self, id: RequestId, keep_conn: bool) -> io::Result<bool> {
        self.requests.remove(&id);
        Ok(match self.flaw {
            Flaw::Closes => true,
            Flaw::NeverCloses => false,
            _ => !keep_conn,
        })
    }

    fn respond(&mut self, id: RequestId) -> io::Result<()> {
        let flaw = self.flaw;
        let Some(request) = self.requests.get_mut(&id) else { return Ok(()) };
        request.answered = true;
        let (mut out, to) =
            (RecordEncoder::new(), if flaw == Flaw::LowByteOfId { RequestId(id.0 & 0xff) } else { id });
        out.write_stream(RecordType::STDERR, to, b"a line\n");
        if flaw != Flaw::LeavesStderrOpen {
            out.write_stream_end(RecordType::STDERR, to);
        }
        out.write_stream(RecordType::STDOUT, to, request.head(flaw));
        let stdin = &request.stdin;
        let echo =
            if flaw == Flaw::DropsLastByte { &stdin[..stdin.len().saturating_sub(1)] } else { &stdin[..] };
        out.write_stream(RecordType::STDOUT, to, echo);
        out.write_stream_end(RecordType::STDOUT, to);
        let protocol_status = if flaw == Flaw::Overloaded {
            ProtocolStatus::OVERLOADED
        } else {
            ProtocolStatus::REQUEST_COMPLETE
        };
        let end = EndRequest { app_status: 0, protocol_status }.encode();
        out.write_record(
            RecordType::END_REQUEST,
            to,
            if flaw == Flaw::ShortEndRequest { &end[..4] } else { &end },
        );
        if flaw == Flaw::WritesAfterEndRequest {
            out.write_stream_end(RecordType::STDOUT, to);
        }
        // Without KEEP_CONN the connection closes after the response, even if the body has not ended.
        let closes =
            !request.begin.keep_conn && !matches!(flaw, Flaw::NeverCloses | Flaw::ForgetsAnsweredRequests);
        if flaw == Flaw::ForgetsAnsweredRequests {
            self.requests.remove(&id);
        }
        self.stream.write_all(&out.slices().collect::<Vec<_>>().concat())?;
        if closes { self.stream.shutdown(std::net::Shutdown::Write) } else { Ok(()) }
    }
}

impl Request {
    fn head(&self, flaw: Flaw) -> &'static [u8] {
        let long = self.params.starts_with(&[0x80]) && flaw == Flaw::RejectsLongLengths;
        let empty = |(name, value): (&[u8], &[u8])| name == b"HTTP_X_EMPTY" && value.is_empty();
        let empty =
            NameValuePairs::new(&self.params).flatten().any(empty) && flaw == Flaw::RejectsEmptyValues;
        match flaw {
            Flaw::NoHead => b"X-Only: this\r\n\r\n",
            _ if long || empty || self.rejected => b"Status: 400 Bad Request\r\n\r\n",
            _ => b"Content-Type: text/plain\r\n\r\n",
        }
    }
}
