//! The crate tokio-fastcgi.

use std::io::Read as _;
use std::sync::Arc;
use std::thread;

use tokio::net::UnixListener;
use tokio::net::unix::OwnedWriteHalf;
use tokio::sync::oneshot;
use tokio_fastcgi::{Request, RequestResult, Requests};

use super::{Peer, Started};

pub(super) const PEER: Peer = Peer {
    name: "tokio-fastcgi",
    find: || Ok("1.3".to_owned()),
    start: || {
        let directory = tempfile::TempDir::new()?;
        let socket = directory.path().join("socket");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(&socket)?
        };
        let (stop, stopped) = oneshot::channel::<()>();
        thread::spawn(move || {
            runtime.spawn(accept(listener));
            // The sender is dropped.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        });
        let arguments = [&socket.display().to_string(), "/", "--echo", "/echo"].map(str::to_owned).to_vec();
        Ok(Started { arguments, _alive: vec![Box::new(stop), Box::new(directory)] })
    },
    faults: &[
        "inactive-ids-before",
        "inactive-ids-within",
        "params-split",
        "params-bytes",
        "params-long",
        "body-short",
        "unknown-role",
        "unknown-role-then",
    ],
};

async fn accept(listener: UnixListener) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(async move {
            let mut requests = Requests::from_split_socket(stream.into_split(), 10, 10);
            while let Ok(Some(request)) = requests.next().await {
                if request.process(respond).await.is_err() {
                    break;
                }
            }
        });
    }
}

async fn respond(request: Arc<Request<OwnedWriteHalf>>) -> RequestResult {
    let param = |name| request.get_str_param(name).unwrap_or_default().to_owned();
    let body = if param("REQUEST_URI") == "/echo" {
        let mut body = Vec::new();
        if request.get_stdin().read_to_end(&mut body).is_err() {
            return RequestResult::Complete(1);
        }
        body
    } else {
        let (method, uri, host) = (param("REQUEST_METHOD"), param("REQUEST_URI"), param("HTTP_HOST"));
        format!("{method} {uri} {host}\n").into_bytes()
    };
    let head = b"Content-Type: application/octet-stream\r\n\r\n";
    let mut stdout = request.get_stdout();
    match stdout.write(&[&head[..], &body].concat()).await {
        Ok(_) => RequestResult::Complete(0),
        Err(_) => RequestResult::Complete(1),
    }
}
