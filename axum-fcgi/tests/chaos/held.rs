//! A response that has started and never ends: a kill now hits it in the middle.

use test_support::Result;

use crate::http::{Connection, Head};
use crate::setup::Length;

/// More than a web server with its usual buffers holds back.
const LEN: usize = 256 * 1024;

pub(crate) struct Held {
    connection: Connection,
    head: Head,
}

impl Held {
    pub(crate) fn open(port: u16, length: Length) -> Result<Self> {
        let length = match length {
            Length::Declared => "declared",
            Length::Unknown => "streamed",
        };
        let mut connection = Connection::open(port)?;
        connection.send(
            format!("GET /held/{length}/1/{LEN} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").as_bytes(),
        )?;
        let head = connection.head()?;
        assert_eq!(head.status, 200);
        connection.some_of_the_body()?;
        Ok(Self { connection, head })
    }

    /// Expects the client to notice that the response is incomplete.
    pub(crate) fn expect_incomplete(mut self) -> Result {
        match self.connection.rest(&self.head) {
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err(error.into()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                Err("the client still waits".into())
            }
            Err(_) => Ok(()),
            Ok(response) => {
                Err(format!("{} bytes of an incomplete response look complete", response.body.len()).into())
            }
        }
    }
}
