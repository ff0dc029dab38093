//! The nginx process: found, configured, started, stopped.

use std::{
    env, fs, io,
    net::{Ipv4Addr, SocketAddr},
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use test_support::Version;
use tokio::net::{TcpListener, TcpSocket};

use crate::matrix::{Variant, on_or_off};

/// Where nginx is, if it is.
///
/// Distributions put it in a directory for the superuser's programs, which is not in the PATH of others.
fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|directory| directory.join("nginx"))
        .find(|program| program.is_file())
}

/// What nginx does otherwise from one version to the next, as far as a test can tell.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    pub(crate) program: PathBuf,
    version: Version,
}

impl Installed {
    /// nginx, if there is one.
    pub(crate) fn find() -> Option<Self> {
        let program = find()?;
        let version = Version::printed_by(&program, &["-v"])?;
        Some(Self { program, version })
    }

    /// Whether a header that a client repeats becomes one, with the values of all.
    pub(crate) fn joins_headers(&self) -> bool {
        self.version >= Version::from([1, 23, 0])
    }

    /// Whether an `upstream` keeps connections without being told to, among them, where answers are not buffered, those
    /// that the application was asked to close.
    fn keeps_connections_unasked(&self) -> bool {
        self.version >= Version::from([1, 29, 7])
    }
}

/// A running nginx, stopped when this is dropped.
#[derive(Debug)]
pub(crate) struct Nginx {
    process: Child,
    address: SocketAddr,
    error_log: PathBuf,
}

impl Nginx {
    /// Starts nginx on a free port of the loopback interface.
    ///
    /// The port is bound here, and nginx inherits the listening socket the way it inherits one from its own
    /// predecessor when its binary is upgraded: `NGINX` in the environment names the descriptor. So nobody
    /// else can take the port in between, and it can be connected to before nginx is up: the kernel holds the
    /// connection.
    pub(crate) fn start(installed: &Installed, prefix: &Path, site: &Config) -> io::Result<Self> {
        // Not one of std's, since nginx takes an inherited socket as it is, and would block in it.
        let listener = listen()?.into_std()?;
        let address = listener.local_addr()?;

        fs::write(prefix.join("nginx.conf"), site.text(installed, address, prefix)?)?;
        let error_log = prefix.join("error.log");
        let process = Command::new(&installed.program)
            .arg("-p")
            .arg(prefix)
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .env("NGINX", "0;")
            .stdin(OwnedFd::from(listener))
            .stdout(Stdio::null())
            // It complains here before it has read where its error log is, and repeats itself there.
            .stderr(fs::File::create(prefix.join("stderr"))?)
            .spawn()?;
        Ok(Self { process, address, error_log })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn error_log(&self) -> io::Result<String> {
        fs::read_to_string(&self.error_log)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The master ends its worker on SIGTERM. On SIGKILL it would leave it behind.
        test_support::end(&mut self.process);
    }
}

/// Listens on a free port of the loopback interface.
///
/// `bind` alone would make a queue too short for the clients of some tests: the kernel drops those that find
/// it full, and they come again a second later.
pub(crate) fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    socket.listen(1024)
}

/// What differs from one site to another.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) variant: Variant,
    /// Where the application listens, in nginx's words: `127.0.0.1:9000`, `unix:/run/app.sock`.
    pub(crate) application: String,
    /// More lines for the location.
    pub(crate) directives: String,
}

impl Config {
    fn text(&self, installed: &Installed, address: SocketAddr, prefix: &Path) -> io::Result<String> {
        let Self { variant, application, directives } = self;
        let keep_conn = on_or_off(variant.keep_conn);
        let buffering = on_or_off(variant.buffering);
        let request_buffering = on_or_off(variant.request_buffering);
        // A superuser's nginx would run its worker as another user, who may not read the prefix.
        let user = if fs::metadata(prefix)?.uid() == 0 { "user root;" } else { "" };
        // Only where connections are to be kept: otherwise, and without buffering, nginx puts a connection
        // into the pool although it has asked for its close, and the next request loses a race against that
        // close. Older versions do not take 0.
        let keepalive = match variant.keep_conn {
            true => "keepalive 8;",
            false if installed.keeps_connections_unasked() => "keepalive 0;",
            false => "",
        };
        // The parameters are those of the `fastcgi_params` that nginx comes with, and no more: it leaves
        // HTTP_PROXY in, and CONTENT_LENGTH is there and empty when there is no body.
        Ok(format!(
            "\
{user}
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log info;
events {{ worker_connections 768; }}
http {{
  access_log off;
  client_body_temp_path body;
  fastcgi_temp_path fastcgi;
  proxy_temp_path proxy;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_max_body_size 0;
  upstream application {{ server {application}; {keepalive} }}
  server {{
    listen {address};
    location / {{
      fastcgi_pass application;
      fastcgi_keep_conn {keep_conn};
      fastcgi_buffering {buffering};
      fastcgi_request_buffering {request_buffering};
      fastcgi_param QUERY_STRING      $query_string;
      fastcgi_param REQUEST_METHOD    $request_method;
      fastcgi_param CONTENT_TYPE      $content_type;
      fastcgi_param CONTENT_LENGTH    $content_length;
      fastcgi_param SCRIPT_NAME       $fastcgi_script_name;
      fastcgi_param REQUEST_URI       $request_uri;
      fastcgi_param DOCUMENT_URI      $document_uri;
      fastcgi_param DOCUMENT_ROOT     $document_root;
      fastcgi_param SERVER_PROTOCOL   $server_protocol;
      fastcgi_param REQUEST_SCHEME    $scheme;
      fastcgi_param HTTPS             $https if_not_empty;
      fastcgi_param GATEWAY_INTERFACE CGI/1.1;
      fastcgi_param SERVER_SOFTWARE   nginx/$nginx_version;
      fastcgi_param REMOTE_ADDR       $remote_addr;
      fastcgi_param REMOTE_PORT       $remote_port;
      fastcgi_param REMOTE_USER       $remote_user;
      fastcgi_param SERVER_ADDR       $server_addr;
      fastcgi_param SERVER_PORT       $server_port;
      fastcgi_param SERVER_NAME       $server_name;
      {directives}
    }}
  }}
}}
"
        ))
    }
}
