//! A response that has started and never ends: a kill now hits it in the middle.

use test_support::Result;

use crate::http::{Connection, Head};
use crate::setup::{Length, Setup};

/// More than a web server with its usual buffers holds back.
const LEN: usize = 256 * 1024;
const ATTEMPTS: usize = 10;

pub(crate) struct Held {
    connection: Connection,
    head: Head,
}

impl Held {
    /// Asks again while the web server sends one of its own errors.
    pub(crate) fn open(port: u16, length: Length, setup: &Setup) -> Result<Self> {
        let length = match length {
            Length::Declared => "declared",
            Length::Unknown => "streamed",
        };
        for _ in 0..ATTEMPTS {
            let mut connection = Connection::open(port)?;
            connection.send(
                format!("GET /held/{length}/1/{LEN} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
                    .as_bytes(),
            )?;
            let head = connection.head()?;
            if setup.own.contains(&&*head.status.to_string()) {
                continue;
            }
            assert_eq!(head.status, 200);
            connection.some_of_the_body()?;
            return Ok(Self { connection, head });
        }
        Err(format!("{ATTEMPTS} times one of {:?}", setup.own).into())
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
