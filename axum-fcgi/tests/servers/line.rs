//! How a handler and its test synchronise without a clock, though they may be in different processes with a
//! web server between them: the handler connects to its test's unix socket.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use axum::http::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

/// The request header with the path of the test's socket.
pub(crate) const HEADER: &str = "x-line";

/// The handler's end: connects to the test. The call lasts until it is dropped, for example with the handler.
pub(crate) async fn call(headers: &HeaderMap) -> Call {
    let path = headers[HEADER].to_str().expect("a path of letters and digits");
    Call(UnixStream::connect(path).await.expect("the test listens"))
}

/// The test's end.
#[derive(Debug)]
pub(crate) struct Switchboard(UnixListener);

impl Switchboard {
    pub(crate) fn bind(path: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        // A web server may run its application as another user.
        fs::set_permissions(path, Permissions::from_mode(0o666))?;
        Ok(Self(listener))
    }

    /// Waits until a handler calls.
    pub(crate) async fn called(&self) -> io::Result<Call> {
        Ok(Call(self.0.accept().await?.0))
    }
}

/// Either end of a call.
#[derive(Debug)]
pub(crate) struct Call(UnixStream);

impl Call {
    /// Sends one byte; the other end may be gone.
    pub(crate) async fn say(&mut self) {
        _ = self.0.write_all(b".").await;
    }

    /// Waits for a byte from the other end; false if that end is gone.
    pub(crate) async fn hear(&mut self) -> bool {
        self.0.read_u8().await.is_ok()
    }

    /// Waits until the other end is dropped.
    pub(crate) async fn end(&mut self) {
        while self.hear().await {}
    }
}
