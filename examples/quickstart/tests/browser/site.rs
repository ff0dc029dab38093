//! The web server and the application, with a relay between them that notes every byte: what the tap is held against.

use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use tempfile::TempDir;
use test_support::Result;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

/// All bytes of one connection.
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
        let (stopping, noted) = (stop.clone(), Arc::clone(&connections));
        let thread = thread::spawn(move || {
            let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            let directory = tempfile::tempdir()?;
            runtime.block_on(serve(http, &directory, noted, stopping))
        });
        Ok(Self { port, connections, stop, thread: Some(thread) })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(Ok(Err(error))) = self.thread.take().map(JoinHandle::join) {
            eprintln!("the site has ended with an error: {error}");
        }
    }
}

async fn serve(
    http: std::net::TcpListener,
    directory: &TempDir,
    connections: Connections,
    stop: CancellationToken,
) -> io::Result<()> {
    let (front, app) = (directory.path().join("front.sock"), directory.path().join("app.sock"));
    let listener = UnixListener::bind(&front)?;
    let target = app.clone();
    let relays = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let noted = Arc::<Mutex<Bytes>>::default();
            connections.lock().expect("nobody panics with it").push(Arc::clone(&noted));
            tokio::spawn(relay(stream, target.clone(), noted));
        }
    });
    let served = quickstart::serve(TcpListener::from_std(http)?, &app, &front, stop.cancelled()).await;
    relays.abort();
    served
}

async fn relay(front: UnixStream, app: std::path::PathBuf, noted: Arc<Mutex<Bytes>>) -> io::Result<()> {
    let app = UnixStream::connect(app).await?;
    let ((front_in, front_out), (app_in, app_out)) = (front.into_split(), app.into_split());
    let note =
        |bytes: &[u8]| noted.lock().expect("nobody panics with it").web_server.extend_from_slice(bytes);
    let up = copy(front_in, app_out, note);
    let note =
        |bytes: &[u8]| noted.lock().expect("nobody panics with it").application.extend_from_slice(bytes);
    let down = copy(app_in, front_out, note);
    tokio::try_join!(up, down).map(drop)
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    note: impl Fn(&[u8]),
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        // Before anyone can have seen it.
        note(&buffer[..read]);
        to.write_all(&buffer[..read]).await?;
    }
}
