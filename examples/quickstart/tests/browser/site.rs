//! Runs the web server and the application with a relay in between, which records every byte. Tests compare the page with
//! these bytes.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use axum_fcgi::FcgiListener;
use tempfile::TempDir;
use test_support::Result;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

/// All bytes of a connection.
#[derive(Debug, Default)]
pub(crate) struct Bytes {
    pub(crate) web_server: Vec<u8>,
    pub(crate) application: Vec<u8>,
}

type Connections = Arc<Mutex<Vec<Arc<Mutex<Bytes>>>>>;

#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) port: u16,
    pub(crate) connections: Connections,
    stop: CancellationToken,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Site {
    pub(crate) fn start() -> Result<Self> {
        let http = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        http.set_nonblocking(true)?;
        let port = http.local_addr()?.port();
        let (stop, connections) = (CancellationToken::new(), Connections::default());
        let (stopping, recorded) = (stop.clone(), Arc::clone(&connections));
        let thread = thread::spawn(move || {
            let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            let directory = tempfile::tempdir()?;
            runtime.block_on(serve(http, &directory, recorded, stopping))
        });
        Ok(Self { port, connections, stop, thread: Some(thread) })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            eprintln!("the site failed: {error}");
        }
    }
}

async fn serve(
    http: std::net::TcpListener,
    directory: &TempDir,
    connections: Connections,
    stop: CancellationToken,
) -> io::Result<()> {
    let (relay_socket, app) = (directory.path().join("relay.sock"), directory.path().join("app.sock"));
    let relay_listener = UnixListener::bind(&relay_socket)?;
    let target = app.clone();
    let relays = tokio::spawn(async move {
        while let Ok((stream, _)) = relay_listener.accept().await {
            let recorded = Arc::<Mutex<Bytes>>::default();
            connections.lock().expect("no thread panics while it holds the lock").push(Arc::clone(&recorded));
            tokio::spawn(relay(stream, target.clone(), recorded));
        }
    });
    let (http, listener) = (TcpListener::from_std(http)?, FcgiListener::bind(app)?);
    let served = quickstart::serve(http, listener, relay_socket.into(), stop.cancelled()).await;
    relays.abort();
    served
}

async fn relay(
    web_server: UnixStream,
    app: std::path::PathBuf,
    recorded: Arc<Mutex<Bytes>>,
) -> io::Result<()> {
    let app = UnixStream::connect(app).await?;
    let ((web_server_in, web_server_out), (app_in, app_out)) = (web_server.into_split(), app.into_split());
    let record = |bytes: &[u8]| {
        recorded.lock().expect("no thread panics while it holds the lock").web_server.extend_from_slice(bytes)
    };
    let up = copy(web_server_in, app_out, record);
    let record = |bytes: &[u8]| {
        recorded
            .lock()
            .expect("no thread panics while it holds the lock")
            .application
            .extend_from_slice(bytes)
    };
    let down = copy(app_in, web_server_out, record);
    tokio::try_join!(up, down).map(drop)
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    record: impl Fn(&[u8]),
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        // Recorded before the peer can receive the bytes.
        record(&buffer[..read]);
        to.write_all(&buffer[..read]).await?;
    }
}
