//! Where an exchange puts its answer.

use bytes::Bytes;
use fcgi_core::RequestKey;

/// Takes one request's answer, piece by piece.
pub(crate) trait ResponseWriter {
    /// A part of the response, to be copied.
    fn stdout(&mut self, text: &[u8]);
    /// A part of the response, which `write` appends to the buffer it is given.
    fn stdout_with(&mut self, write: impl FnOnce(&mut Vec<u8>));
    /// A part of the response.
    fn stdout_bytes(&mut self, bytes: Bytes);
    /// What comes next is to be seen by the web server on its own: in a record of its own.
    fn split_record(&mut self);
    /// A line of error text, or several.
    fn stderr(&mut self, line: &[u8]);
    /// The answer cannot be completed. What `write` appends takes its place if nothing of it was written to the
    /// transport; else it must not look whole.
    fn abort(&mut self, write: impl FnOnce(&mut Vec<u8>));
    /// The answer has ended: whole, unless it [failed](Self::abort).
    fn end(&mut self);
    /// Whether it had better not be given more for now.
    fn is_full(&self) -> bool;
}

/// Straight into the connection's output.
#[derive(Debug)]
pub(crate) struct DirectWriter<'a> {
    protocol: &'a mut fcgi_core::server::Connection,
    key: RequestKey,
    /// Bytes of output that wait, at which it is full.
    limit: usize,
    ending: Ending,
}

/// How the answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Whole,
    CutOff,
}

impl<'a> DirectWriter<'a> {
    pub(crate) const fn new(
        protocol: &'a mut fcgi_core::server::Connection,
        key: RequestKey,
        most: usize,
    ) -> Self {
        Self { protocol, key, limit: most, ending: Ending::Whole }
    }
}

impl ResponseWriter for DirectWriter<'_> {
    // A key that is dead has been aborted or given up meanwhile, and nobody waits for its answer: what comes
    // for it is dropped, here and nowhere else.
    fn stdout(&mut self, text: &[u8]) {
        let _ = self.protocol.stdout(self.key, text);
    }

    fn stdout_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let _ = self.protocol.stdout_with(self.key, write);
    }

    fn stdout_bytes(&mut self, bytes: Bytes) {
        let _ = self.protocol.stdout_bytes(self.key, bytes);
    }

    fn split_record(&mut self) {
        self.protocol.output().split_record();
    }

    fn stderr(&mut self, line: &[u8]) {
        // In one piece: the end of a line in a record of its own would be a line of its own for Apache.
        let _ = self.protocol.stderr(self.key, &[line, b"\n"].concat());
    }

    fn abort(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut error = Vec::new();
        write(&mut error);
        if self.protocol.replace_response(self.key, &error) == Ok(false) {
            self.ending = Ending::CutOff;
        }
    }

    fn end(&mut self) {
        let _ = match self.ending {
            Ending::Whole => self.protocol.end_request(self.key, 0),
            Ending::CutOff => self.protocol.abort_response(self.key),
        };
    }

    fn is_full(&self) -> bool {
        self.protocol.output_len() >= self.limit
    }
}

/// What a spawned exchange had ready at one time, on its way to its connection.
#[derive(Debug, Default)]
pub(crate) struct BufferedWriter {
    chunks: Vec<Chunk>,
    /// Bytes in them.
    len: usize,
}

#[derive(Debug)]
enum Chunk {
    Text(Vec<u8>),
    Bytes(Bytes),
    Seal,
    Stderr(Vec<u8>),
    Fail(Vec<u8>),
    End,
}

impl BufferedWriter {
    /// Bytes at which a batch goes on its way: small enough that several requests share a connection's output
    /// evenly.
    const FULL: usize = 32 * 1024;
    /// Pieces at which it does.
    const MANY: usize = 64;

    pub(crate) const fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// Puts everything into `sink`, in order.
    pub(crate) fn drain_into(self, sink: &mut impl ResponseWriter) {
        for piece in self.chunks {
            match piece {
                Chunk::Text(text) => sink.stdout(&text),
                Chunk::Bytes(bytes) => sink.stdout_bytes(bytes),
                Chunk::Seal => sink.split_record(),
                Chunk::Stderr(line) => sink.stderr(&line),
                Chunk::Fail(error) => sink.abort(|out| out.extend_from_slice(&error)),
                Chunk::End => sink.end(),
            }
        }
    }

    fn push(&mut self, piece: Chunk, len: usize) {
        if matches!(&piece, Chunk::Bytes(bytes) if bytes.is_empty()) {
            return;
        }
        self.chunks.push(piece);
        self.len += len;
    }
}

impl ResponseWriter for BufferedWriter {
    fn stdout(&mut self, text: &[u8]) {
        self.push(Chunk::Text(text.to_vec()), text.len());
    }

    fn stdout_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut text = Vec::new();
        write(&mut text);
        let len = text.len();
        self.push(Chunk::Text(text), len);
    }

    fn stdout_bytes(&mut self, bytes: Bytes) {
        let len = bytes.len();
        self.push(Chunk::Bytes(bytes), len);
    }

    fn split_record(&mut self) {
        self.push(Chunk::Seal, 0);
    }

    fn stderr(&mut self, line: &[u8]) {
        self.push(Chunk::Stderr(line.to_owned()), line.len());
    }

    /// Its connection knows what was written.
    fn abort(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut error = Vec::new();
        write(&mut error);
        let len = error.len();
        self.push(Chunk::Fail(error), len);
    }

    fn end(&mut self) {
        self.push(Chunk::End, 0);
    }

    fn is_full(&self) -> bool {
        self.len >= Self::FULL || self.chunks.len() >= Self::MANY
    }
}
