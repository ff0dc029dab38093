//! One request and its response, over an in-memory transport.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower_fcgi::{Builder, Error, FcgiService, Roles};

/// Larger than any input or output here.
const ROOM: usize = 1 << 20;

/// The service's response to this input.
pub(crate) fn exchange<S: FcgiService>(input: &[u8], service: S) -> (Result<(), Error>, Vec<u8>) {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    }
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let (mut web_server, application) = tokio::io::duplex(ROOM);
            web_server.write_all(input).await.unwrap();
            let ended = Builder::new().with_roles(Roles::ALL).serve_connection(application, service).await;
            let mut output = Vec::new();
            web_server.read_to_end(&mut output).await.unwrap();
            (ended, output)
        })
    })
}
