//! One request and its response, over an in-memory transport.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tower_fcgi::{Builder, Config, Error, FcgiService, Roles};

/// Larger than any input or output here.
const ROOM: usize = 1 << 20;

/// Serves this input and returns the output.
pub(crate) fn exchange<S: FcgiService>(input: &[u8], service: S) -> (Result<(), Error>, Vec<u8>) {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    }
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let (mut web_server, application) = tokio::io::duplex(ROOM);
            web_server.write_all(input).await.unwrap();
            let config = Config::default().with_roles(Roles::ALL);
            let ended = Builder::new().config(config).serve_connection(application, service).await;
            let mut output = Vec::new();
            web_server.read_to_end(&mut output).await.unwrap();
            (ended, output)
        })
    })
}
