//! A web server with the application behind it, and a client's ways to ask.

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

/// The files that web servers write what they have to say to.
const LOGS: [&str; 3] = ["stdout", "stderr", "error.log"];

/// All of it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Site {
    address: SocketAddr,
    prefix: PathBuf,
    /// Where handlers call.
    pub(crate) switchboard: Switchboard,
    /// How long to wait for what may never come.
    ///
    /// Short where it is known not to come: waiting longer would see the same.
    pub(crate) patience: Duration,
    pub(crate) application: Option<Application>,
    _server: Process,
}

impl Site {
    /// Starts a setup; its files are in `prefix`.
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
        // For the temporary files of those who run as another user.
        let temporary = prefix.join("tmp");
        fs::create_dir(&temporary)?;
        fs::set_permissions(&temporary, Permissions::from_mode(0o777))?;
        let mut server = Process::start(
            Command::new(program)
                .args(setup.arguments)
                .arg(&config)
                .current_dir(prefix)
                // Caddy keeps files of its own there.
                .env("HOME", prefix)
                .env("TMPDIR", &temporary)
                .env_remove("FCGI_LISTEN")
                .stdin(Stdio::null())
                .stdout(File::create(prefix.join("stdout"))?)
                .stderr(File::create(prefix.join("stderr"))?),
        )?;
        // Nothing tells when all of them are ready, so they are asked.
        let start = Instant::now();
        while TcpStream::connect(address).await.is_err() {
            server.check()?;
            if start.elapsed() > Duration::from_secs(30) {
                return Err("the web server does not listen".into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let patience = Duration::from_millis(if setup.deviation(check).is_some() { 500 } else { 30_000 });
        let prefix = prefix.to_owned();
        let address = address.into();
        Ok(Self { address, prefix, switchboard, patience, application, _server: server })
    }

    /// Connections to the application's socket that are open now.
    pub(crate) fn connections(&self) -> io::Result<usize> {
        let path = self.prefix.join("app.sock").display().to_string();
        // The columns: state, where 03 is connected, inode, and the path at the end that accepted it.
        let is_one = |line: &&str| line.ends_with(&path) && line.split_whitespace().nth(5) == Some("03");
        Ok(fs::read_to_string("/proc/net/unix")?.lines().filter(is_one).count())
    }

    pub(crate) async fn connect(&self) -> io::Result<TcpStream> {
        TcpStream::connect(self.address).await
    }

    /// The path of the socket where handlers call.
    pub(crate) fn line(&self) -> String {
        self.prefix.join("line").display().to_string()
    }

    /// Sends a request and reads the answer's head.
    pub(crate) async fn open(&self, request: Request) -> Result<Response<Incoming>, Failed> {
        http::open(self.address, self.with_line(request)?).await
    }

    /// Sends a request and reads the whole answer; one that is cut short is an error.
    pub(crate) async fn send(&self, request: Request) -> Result<Response<Bytes>, Failed> {
        http::send(self.address, self.with_line(request)?).await
    }

    fn with_line(&self, mut request: Request) -> Result<Request, Failed> {
        request.headers_mut().insert(line::HEADER, self.line().parse()?);
        Ok(request)
    }

    pub(crate) async fn get(&self, target: &str) -> Result<Response<Bytes>, Failed> {
        self.send(Request::get(target).body(Body::empty())?).await
    }

    pub(crate) async fn post(&self, target: &str, body: impl Into<Body>) -> Result<Response<Bytes>, Failed> {
        let body = body.into();
        let mut request = Request::post(target);
        // Also where it is 0, which the client would leave out.
        if let Some(length) = body.size_hint().exact() {
            request = request.header(header::CONTENT_LENGTH, length);
        }
        self.send(request.body(body)?).await
    }

    /// What the web server has in its log.
    pub(crate) fn log(&self) -> String {
        logs(&self.prefix)
    }

    /// Whether the web server has this in its log, now or soon.
    pub(crate) async fn logs(&self, text: &str) -> bool {
        let start = Instant::now();
        while start.elapsed() < self.patience {
            if self.log().contains(text) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }
}

/// What a web server has written so far.
pub(crate) fn logs(prefix: &Path) -> String {
    LOGS.map(|name| String::from_utf8_lossy(&fs::read(prefix.join(name)).unwrap_or_default()).into_owned())
        .concat()
}

#[derive(Clone, Debug)]
enum At {
    Tcp(SocketAddrV4),
    Path(PathBuf),
}

/// The application where it is the test that serves it.
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

    /// Ends it, and starts it again at the same place.
    pub(crate) async fn restart(self) -> Result<Self, Failed> {
        _ = self.stop.send(());
        self.served.await??;
        if let At::Path(path) = &self.at {
            fs::remove_file(path)?;
        }
        Ok(Self::start(self.at).await?)
    }
}
