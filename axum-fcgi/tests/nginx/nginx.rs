//! The nginx process: find, configure, start, stop.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    os::{fd::OwnedFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use test_support::{Version, find_program};
use tokio::net::{TcpListener, TcpSocket};

use crate::matrix::{Variant, on_or_off};

/// The installed nginx, and what its version changes for the tests.
#[derive(Clone, Debug)]
pub(crate) struct Installed {
    pub(crate) program: PathBuf,
    version: Version,
}

impl Installed {
    /// The installed nginx, or what is missing.
    pub(crate) fn find() -> Result<Self, String> {
        let program = find_program(&["nginx"])?;
        let version = Version::printed_by(&program, &["-v"]).ok_or("nginx -v prints no version")?;
        Ok(Self { program, version })
    }

    /// Whether repeated client headers become one, with all values.
    pub(crate) fn joins_headers(&self) -> bool {
        self.version >= Version::from([1, 23, 0])
    }

    /// Whether an `upstream` keeps connections by default. Without response buffering, these include
    /// connections that the application was asked to close.
    fn keeps_connections_by_default(&self) -> bool {
        self.version >= Version::from([1, 29, 7])
    }
}

/// A running nginx, stopped on drop.
#[derive(Debug)]
pub(crate) struct Nginx {
    process: Child,
    address: SocketAddr,
    error_log: PathBuf,
}

impl Nginx {
    /// Starts nginx on a free port of the loopback interface.
    ///
    /// The port is bound here, and nginx inherits the listening socket as in a binary upgrade: `NGINX` in the
    /// environment names the descriptor. So no other process can take the port in between, and clients can
    /// connect before nginx is up: the kernel queues the connection.
    pub(crate) fn start(installed: &Installed, prefix: &Path, site: &Config) -> io::Result<Self> {
        // Not one of std's: nginx does not make an inherited socket non-blocking, and would block in it.
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
            // Before nginx has read where its error log is, it writes errors here; it repeats them there.
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
        // On SIGTERM the master ends its worker. On SIGKILL it would leave it running.
        test_support::end(&mut self.process);
    }
}

/// Listens on a free port of the loopback interface.
///
/// `bind` alone would make a queue too short for some tests' clients: the kernel drops a connection to a full
/// queue, and the client retries a second later.
pub(crate) fn listen() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    socket.listen(1024)
}

/// The protocol that clients speak to nginx.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clients {
    Http1,
    /// Without TLS, and without an upgrade: nginx before 1.25.1 accepts nothing else at that port then.
    Http2,
}

/// The parts of the configuration that differ between sites.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) variant: Variant,
    /// Where the application listens, in nginx's syntax: `127.0.0.1:9000`, `unix:/run/app.sock`.
    pub(crate) application: String,
    /// Additional lines for the location.
    pub(crate) directives: String,
    pub(crate) clients: Clients,
}

impl Config {
    fn text(&self, installed: &Installed, address: SocketAddr, prefix: &Path) -> io::Result<String> {
        let Self { variant, application, directives, clients } = self;
        let keep_conn = on_or_off(variant.keep_conn);
        let buffering = on_or_off(variant.buffering);
        let request_buffering = on_or_off(variant.request_buffering);
        // As root, nginx would run its worker as another user, who may not read the prefix.
        let user = if fs::metadata(prefix)?.uid() == 0 { "user root;" } else { "" };
        // Only if connections are kept: otherwise, without buffering, nginx puts a connection into the pool
        // although it has asked for its close, and the next request races against that close. Older versions
        // do not accept 0.
        let keepalive = match variant.keep_conn {
            true => "keepalive 8;",
            false if installed.keeps_connections_by_default() => "keepalive 0;",
            false => "",
        };
        let (listen, http2) = match clients {
            Clients::Http1 => ("", ""),
            Clients::Http2 if installed.version >= Version::from([1, 25, 1]) => ("", "http2 on;"),
            Clients::Http2 => ("http2", ""),
        };
        // The parameters of nginx's own `fastcgi_params`, and no others: it passes HTTP_PROXY on, and
        // CONTENT_LENGTH is empty if there is no body.
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
    listen {address} {listen};
    {http2}
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
