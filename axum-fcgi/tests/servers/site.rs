//! A web server with the application behind it, and the client's requests to it.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::{SocketAddr, SocketAddrV4};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use axum::http::{Response, header};
use bytes::Bytes;
use hyper::body::Incoming;
use libtest_mimic::Failed;
use tokio::net::{TcpListener, TcpStream, UnixListener};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::line::{self, Switchboard};
use crate::process::Process;
use crate::setup::{Connected, Place, Setup};
use crate::{application, http, loopback};

/// The files that web servers write their logs to.
const LOGS: [&str; 3] = ["stdout", "stderr", "error.log"];

/// Everything is stopped on drop.
#[derive(Debug)]
pub(crate) struct Site {
    address: SocketAddr,
    prefix: PathBuf,
    /// Where handlers connect to the test.
    pub(crate) switchboard: Switchboard,
    /// How long to wait for something that may never happen.
    ///
    /// Short if a deviation is known: waiting longer would see the same.
    pub(crate) patience: Duration,
    pub(crate) application: Option<Application>,
    _server: Process,
}

impl Site {
    /// Starts a setup, with its files in `prefix`.
    pub(crate) async fn start(
        setup: &Arc<Setup>,
        program: &Path,
        prefix: &Path,
        check: &str,
    ) -> Result<Self, Failed> {
        let switchboard = Switchboard::bind(&prefix.join("line"))?;
        let application = match setup.connected {
            Connected::Tcp => Some(Application::start(At::Tcp(loopback::unused()?)).await?),
            Connected::Unix => Some(Application::start(At::Path(prefix.join("app.sock"))).await?),
            Connected::Spawned | Connected::Cgi => None,
        };
        let address = loopback::unused()?;
        let text = (setup.config)(&Place {
            address,
            prefix,
            application: &match &application {
                Some(Application { at: At::Tcp(address), .. }) => address.to_string(),
                Some(Application { at: At::Path(path), .. }) => path.display().to_string(),
                None => application::copy().display().to_string(),
            },
            is_root: fs::metadata(prefix)?.uid() == 0,
        });
        let config = prefix.join("server.conf");
        fs::write(&config, text)?;
        // For the temporary files of web servers that run as another user.
        let temporary = prefix.join("tmp");
        fs::create_dir(&temporary)?;
        fs::set_permissions(&temporary, Permissions::from_mode(0o777))?;
        let mut server = Process::start(
            Command::new(program)
                .args(setup.arguments)
                .arg(&config)
                .current_dir(prefix)
                // Caddy keeps its own files there.
                .env("HOME", prefix)
                .env("TMPDIR", &temporary)
                .env_remove("FCGI_LISTEN")
                .stdin(Stdio::null())
                .stdout(File::create(prefix.join("stdout"))?)
                .stderr(File::create(prefix.join("stderr"))?),
        )?;
        // Not all web servers report that they are ready, so this polls.
        let start = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            server.check()?;
            if start.elapsed() > Duration::from_secs(30) {
                return Err("the web server does not listen after 30 s".into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let patience = Duration::from_millis(if setup.deviation(check).is_some() { 500 } else { 30_000 });
        let prefix = prefix.to_owned();
        let address = address.into();
        Ok(Self { address, prefix, switchboard, patience, application, _server: server })
    }

    /// The number of open connections to the application's socket.
    pub(crate) fn connections(&self) -> io::Result<usize> {
        let path = self.prefix.join("app.sock").display().to_string();
        // The columns: state (03 is connected), inode, and, at the accepting end, the path.
        let is_one = |line: &&str| line.ends_with(&path) && line.split_whitespace().nth(5) == Some("03");
        Ok(fs::read_to_string("/proc/net/unix")?.lines().filter(is_one).count())
    }

    pub(crate) async fn connect(&self) -> io::Result<TcpStream> {
        TcpStream::connect(self.address).await
    }

    /// The path of the socket where handlers connect.
    pub(crate) fn line(&self) -> String {
        self.prefix.join("line").display().to_string()
    }

    /// Sends a request and reads the response's head.
    pub(crate) async fn open(&self, request: Request) -> Result<Response<Incoming>, Failed> {
        http::open(self.address, self.with_call_path(request)?).await
    }

    /// Sends a request and reads the complete response; an incomplete one is an error.
    pub(crate) async fn send(&self, request: Request) -> Result<Response<Bytes>, Failed> {
        http::send(self.address, self.with_call_path(request)?).await
    }

    fn with_call_path(&self, mut request: Request) -> Result<Request, Failed> {
        request.headers_mut().insert(line::HEADER, self.line().parse()?);
        Ok(request)
    }

    pub(crate) async fn get(&self, target: &str) -> Result<Response<Bytes>, Failed> {
        self.send(Request::get(target).body(Body::empty())?).await
    }

    pub(crate) async fn post(&self, target: &str, body: impl Into<Body>) -> Result<Response<Bytes>, Failed> {
        let body = body.into();
        let mut request = Request::post(target);
        // Also a length of 0, which the client would omit.
        if let Some(length) = body.size_hint().exact() {
            request = request.header(header::CONTENT_LENGTH, length);
        }
        self.send(request.body(body)?).await
    }

    /// The web server's log.
    pub(crate) fn log(&self) -> String {
        logs(&self.prefix)
    }

    /// Whether the text appears in the web server's log, now or soon.
    pub(crate) async fn logs(&self, text: &str) -> bool {
        self.logs_within(text, self.patience).await
    }

    /// As [`logs`](Self::logs), within this time.
    pub(crate) async fn logs_within(&self, text: &str, limit: Duration) -> bool {
        let start = Instant::now();
        while start.elapsed() < limit {
            if self.log().contains(text) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

/// A web server's log so far.
pub(crate) fn logs(prefix: &Path) -> String {
    LOGS.map(|name| String::from_utf8_lossy(&fs::read(prefix.join(name)).unwrap_or_default()).into_owned())
        .concat()
}

#[derive(Clone, Debug)]
enum At {
    Tcp(SocketAddrV4),
    Path(PathBuf),
}

/// The application, if the test serves it.
#[derive(Debug)]
pub(crate) struct Application {
    at: At,
    stop: oneshot::Sender<()>,
    served: JoinHandle<io::Result<()>>,
}

impl Application {
    async fn start(at: At) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async { _ = stopped.await };
        let app = application::app();
        let served = match &at {
            At::Tcp(address) => {
                let listener = TcpListener::bind(address).await?;
                tokio::spawn(axum_fcgi::serve(listener, app).with_graceful_shutdown(stopped).into_future())
            }
            At::Path(path) => {
                let listener = UnixListener::bind(path)?;
                fs::set_permissions(path, Permissions::from_mode(0o666))?;
                tokio::spawn(axum_fcgi::serve(listener, app).with_graceful_shutdown(stopped).into_future())
            }
        };
        Ok(Self { at, stop, served })
    }

    /// Stops it, and starts it again at the same address.
    pub(crate) async fn restart(self) -> Result<Self, Failed> {
        _ = self.stop.send(());
        self.served.await??;
        if let At::Path(path) = &self.at {
            fs::remove_file(path)?;
        }
        Ok(Self::start(self.at).await?)
    }
}
