//! The web servers' configurations, and what each can tell its clients.

use test_support::WebServer;

/// How an answer tells where it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// Content-Length.
    Declared,
    /// Nothing but the end: chunks for the client.
    Unknown,
}

/// What clients are to ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clientele {
    /// Whether also for answers of unknown length.
    pub(crate) longest_tale: Length,
    /// Whether they keep their connections.
    pub(crate) keep: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) name: &'static str,
    pub(crate) server: WebServer,
    pub(crate) clientele: Clientele,
    pub(crate) socket: Socket,
    /// What the web server itself answers now and then although nothing is wrong.
    pub(crate) own: &'static [&'static str],
    /// Lines that only it has.
    lines: &'static str,
}

/// Where the application listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Socket {
    Tcp,
    Unix,
}

/// Of a web server that tells a close from an end.
const ANY: Clientele = Clientele { longest_tale: Length::Unknown, keep: true };

/// Of one that takes a close for the end of any answer. An answer of unknown length that was cut off looks whole there,
/// and nothing can be done about it. One that has a length is too short, and a client that keeps its connection would
/// wait for the rest; where the connection is closed behind each answer, it sees it at once.
const CAUTIOUS: Clientele = Clientele { longest_tale: Length::Declared, keep: false };

/// The configuration that is recommended for nginx, which buffers answers and keeps connections.
pub(crate) const NGINX: Setup = Setup {
    name: "kept",
    server: WebServer::Nginx,
    clientele: ANY,
    socket: Socket::Unix,
    own: &[],
    lines: "fastcgi_keep_conn on;",
};

/// HAProxy, with a connection for one request at a time.
pub(crate) const HAPROXY: Setup = Setup {
    name: "kept",
    server: WebServer::Haproxy,
    clientele: ANY,
    socket: Socket::Unix,
    own: &[],
    lines: "",
};

/// HAProxy, with a connection for several.
pub(crate) const MULTIPLEXED: Setup = Setup {
    name: "multiplexed, TCP",
    socket: Socket::Tcp,
    // Some while connections come and go: an error of its own, before the application has heard of the request.
    own: &["500"],
    lines: "option mpxs-conns\n option max-reqs 16",
    ..HAPROXY
};

/// Every one.
pub(crate) const ALL: [Setup; 6] = [
    NGINX,
    Setup { name: "kept, TCP", socket: Socket::Tcp, ..NGINX },
    // nginx's defaults, and its way to pass each piece on at once: neither can tell.
    Setup { name: "not kept", clientele: CAUTIOUS, lines: "fastcgi_keep_conn off;", ..NGINX },
    Setup {
        name: "kept, unbuffered",
        clientele: CAUTIOUS,
        lines: "fastcgi_keep_conn on; fastcgi_buffering off; fastcgi_request_buffering off;",
        ..NGINX
    },
    HAPROXY,
    MULTIPLEXED,
];

impl Setup {
    /// `timeout`: seconds that the application may be silent.
    pub(crate) fn config(&self, application: &str, timeout: u32) -> String {
        match self.server {
            WebServer::Haproxy => self.haproxy(application, timeout),
            _ => self.nginx(application, timeout),
        }
    }

    fn nginx(&self, application: &str, timeout: u32) -> String {
        let lines = self.lines;
        // In the pool it would find connections that it has asked to be closed.
        let keepalive = if lines.contains("keep_conn on") { "keepalive 8;" } else { "" };
        format!(
            "\
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_max_body_size 0;
  client_body_temp_path {DISK}/body;
  fastcgi_temp_path {DISK}/fastcgi;
  proxy_temp_path {DISK}/proxy;
  uwsgi_temp_path {DISK}/uwsgi;
  scgi_temp_path {DISK}/scgi;
  upstream app {{ server {application} max_fails=0; {keepalive} }}
  server {{
    # A send buffer of a known size, so that what a slow client does not take goes to the disk.
    listen 127.0.0.1:8080 sndbuf=32k;
    location / {{
      fastcgi_pass app;
      {lines}
      fastcgi_read_timeout {timeout}s;
      fastcgi_param REQUEST_METHOD  $request_method;
      fastcgi_param REQUEST_URI     $request_uri;
      fastcgi_param SERVER_PROTOCOL $server_protocol;
      fastcgi_param CONTENT_LENGTH  $content_length if_not_empty;
    }}
  }}
}}
"
        )
    }

    fn haproxy(&self, application: &str, timeout: u32) -> String {
        let lines = self.lines;
        let application = application.replace("unix:", "unix@");
        format!(
            "\
global
 tune.bufsize 65536
defaults
 mode http
 timeout connect 5s
 timeout client 60s
 timeout server {timeout}s
 timeout http-request 60s
frontend www
 bind 127.0.0.1:8080
 default_backend app
backend app
 use-fcgi-app app
 http-reuse always
 retry-on conn-failure empty-response
 retries 3
 server a {application} proto fcgi
fcgi-app app
 docroot /nonexistent
 path-info ^()(/.*)$
 option keep-conn
 {lines}
"
        )
    }
}

/// The directory of nginx's temporary files, in its own directory.
pub(crate) const DISK: &str = "disk";
