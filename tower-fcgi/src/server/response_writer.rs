//! Where an exchange puts its answer.

use bytes::Bytes;
use fcgi_core::Key;

/// Takes one request's answer, piece by piece.
pub(crate) trait Sink {
    /// A part of the response, to be copied.
    fn stdout(&mut self, text: &[u8]);
    /// A part of the response, which `write` appends to the buffer it is given.
    fn stdout_with(&mut self, write: impl FnOnce(&mut Vec<u8>));
    /// A part of the response.
    fn stdout_bytes(&mut self, bytes: Bytes);
    /// What comes next is to be seen by the web server on its own: in a record of its own.
    fn seal(&mut self);
    /// A line of error text, or several.
    fn stderr(&mut self, line: &[u8]);
    /// The answer cannot be completed. What `write` appends takes its place if nothing of it was written to the
    /// transport; else it must not look whole.
    fn fail(&mut self, write: impl FnOnce(&mut Vec<u8>));
    /// The answer has ended: whole, unless it [failed](Self::fail).
    fn end(&mut self);
    /// Whether it had better not be given more for now.
    fn is_full(&self) -> bool;
}

/// Straight into the connection's output.
#[derive(Debug)]
pub(crate) struct Direct<'a> {
    protocol: &'a mut fcgi_core::server::Connection,
    key: Key,
    /// Bytes of output that wait, at which it is full.
    most: usize,
    ending: Ending,
}

/// How the answer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Whole,
    CutOff,
}

impl<'a> Direct<'a> {
    pub(crate) const fn new(protocol: &'a mut fcgi_core::server::Connection, key: Key, most: usize) -> Self {
        Self { protocol, key, most, ending: Ending::Whole }
    }
}

impl Sink for Direct<'_> {
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

    fn seal(&mut self) {
        self.protocol.output().seal();
    }

    fn stderr(&mut self, line: &[u8]) {
        // In one piece: the end of a line in a record of its own would be a line of its own for Apache.
        let _ = self.protocol.stderr(self.key, &[line, b"\n"].concat());
    }

    fn fail(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut error = Vec::new();
        write(&mut error);
        if self.protocol.replace_response(self.key, &error) == Ok(false) {
            self.ending = Ending::CutOff;
        }
    }

    fn end(&mut self) {
        let _ = match self.ending {
            Ending::Whole => self.protocol.end(self.key, 0),
            Ending::CutOff => self.protocol.fail(self.key),
        };
    }

    fn is_full(&self) -> bool {
        self.protocol.output_len() >= self.most
    }
}

/// What a spawned exchange had ready at one time, on its way to its connection.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pieces: Vec<Piece>,
    /// Bytes in them.
    len: usize,
}

#[derive(Debug)]
enum Piece {
    Text(Vec<u8>),
    Bytes(Bytes),
    Seal,
    Stderr(Vec<u8>),
    Fail(Vec<u8>),
    End,
}

impl Batch {
    /// Bytes at which a batch goes on its way: small enough that several requests share a connection's output
    /// evenly.
    const FULL: usize = 32 * 1024;
    /// Pieces at which it does.
    const MANY: usize = 64;

    pub(crate) const fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Puts everything into `sink`, in order.
    pub(crate) fn replay(self, sink: &mut impl Sink) {
        for piece in self.pieces {
            match piece {
                Piece::Text(text) => sink.stdout(&text),
                Piece::Bytes(bytes) => sink.stdout_bytes(bytes),
                Piece::Seal => sink.seal(),
                Piece::Stderr(line) => sink.stderr(&line),
                Piece::Fail(error) => sink.fail(|out| out.extend_from_slice(&error)),
                Piece::End => sink.end(),
            }
        }
    }

    fn push(&mut self, piece: Piece, len: usize) {
        if matches!(&piece, Piece::Bytes(bytes) if bytes.is_empty()) {
            return;
        }
        self.pieces.push(piece);
        self.len += len;
    }
}

impl Sink for Batch {
    fn stdout(&mut self, text: &[u8]) {
        self.push(Piece::Text(text.to_vec()), text.len());
    }

    fn stdout_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut text = Vec::new();
        write(&mut text);
        let len = text.len();
        self.push(Piece::Text(text), len);
    }

    fn stdout_bytes(&mut self, bytes: Bytes) {
        let len = bytes.len();
        self.push(Piece::Bytes(bytes), len);
    }

    fn seal(&mut self) {
        self.push(Piece::Seal, 0);
    }

    fn stderr(&mut self, line: &[u8]) {
        self.push(Piece::Stderr(line.to_owned()), line.len());
    }

    /// Its connection knows what was written.
    fn fail(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut error = Vec::new();
        write(&mut error);
        let len = error.len();
        self.push(Piece::Fail(error), len);
    }

    fn end(&mut self) {
        self.push(Piece::End, 0);
    }

    fn is_full(&self) -> bool {
        self.len >= Self::FULL || self.pieces.len() >= Self::MANY
    }
}
