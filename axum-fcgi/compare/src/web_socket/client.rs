//! A WebSocket client (RFC 6455) that sends binary messages and reads their echoes.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpStream},
};

const HANDSHAKE: &[u8] =
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/// The first byte of a whole binary message (RFC 6455 §5.2).
const BINARY: u8 = 0x82;
/// The bit of a client's frame, in the byte of its length.
const MASKED: u8 = 0x80;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// A message as it is sent and as it comes back.
#[derive(Debug)]
pub(crate) struct Echo {
    sent: Vec<u8>,
    returned: Vec<u8>,
}

impl Echo {
    /// A message of this size, of at most 65,535 bytes.
    pub(crate) fn new(size: usize) -> io::Result<Self> {
        let size = u16::try_from(size).map_err(io::Error::other)?;
        let payload: Vec<u8> = (0..size).map(|index| index.to_le_bytes()[0]).collect();
        let masked = payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        let mut sent = head(size, MASKED);
        sent.extend(MASK);
        sent.extend(masked);
        let mut returned = head(size, 0);
        returned.extend(payload);
        Ok(Self { sent, returned })
    }
}

/// The first bytes of a frame, up to its length.
fn head(size: u16, masked: u8) -> Vec<u8> {
    match u8::try_from(size) {
        Ok(size) if size < 126 => vec![BINARY, masked | size],
        _ => [[BINARY, masked | 126], size.to_be_bytes()].concat(),
    }
}

/// An open WebSocket.
#[derive(Debug)]
pub(crate) struct Client {
    io: BufReader<TcpStream>,
    received: Vec<u8>,
}

impl Client {
    /// Connects, and reads the head of the 101.
    ///
    /// # Errors
    /// The connection failed, or the response is not a 101.
    pub(crate) fn connect(port: u16) -> io::Result<Self> {
        let mut io = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        io.set_nodelay(true)?;
        io.write_all(HANDSHAKE)?;
        let mut io = BufReader::with_capacity(64, io);
        let mut status = String::new();
        io.read_line(&mut status)?;
        if !status.starts_with("HTTP/1.1 101 ") {
            return Err(io::Error::other(format!("the handshake failed: {status:?}")));
        }
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if io.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(Self { io, received: Vec::new() })
    }

    pub(crate) fn send(&mut self, echo: &Echo) -> io::Result<()> {
        self.io.get_mut().write_all(&echo.sent)
    }

    /// Reads an echo and compares it.
    ///
    /// # Errors
    /// The connection failed, or other bytes came.
    pub(crate) fn receive(&mut self, echo: &Echo) -> io::Result<()> {
        self.received.resize(echo.returned.len(), 0);
        self.io.read_exact(&mut self.received)?;
        if self.received == echo.returned {
            Ok(())
        } else {
            Err(io::Error::other("another message came back"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_have_the_lengths_of_rfc_6455() {
        let small = Echo::new(64).unwrap();
        assert_eq!((&small.sent[..2], small.sent.len()), (&[0x82, 0x80 | 64][..], 2 + 4 + 64));
        assert_eq!((&small.returned[..4], small.returned.len()), (&[0x82, 64, 0, 1][..], 2 + 64));
        let large = Echo::new(16 * 1024).unwrap();
        assert_eq!((&large.sent[..4], large.sent.len()), (&[0x82, 0x80 | 126, 0x40, 0][..], 4 + 4 + 16_384));
        assert_eq!(large.sent[8], MASK[0]);
        assert!(Echo::new(65_536).is_err());
    }
}
