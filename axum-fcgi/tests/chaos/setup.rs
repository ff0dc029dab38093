//! The web servers' configurations, and the failures that each can report to its clients.

use test_support::WebServer;

/// How the end of a response is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// Content-Length.
    Declared,
    /// Only by its end: chunked encoding for the client.
    Unknown,
}

/// The requests of the clients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    /// Whether they also request responses of unknown length.
    pub(crate) length: Length,
    /// Whether they keep their connections.
    pub(crate) keep: bool,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    pub(crate) name: &'static str,
    pub(crate) server: WebServer,
    pub(crate) workload: Workload,
    pub(crate) socket: Socket,
    /// Statuses that the web server itself sends now and then although nothing is wrong.
    pub(crate) own: &'static [&'static str],
    /// Additional lines of its configuration.
    lines: &'static str,
}

/// Where the application listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Socket {
    Tcp,
    Unix,
}

/// For a web server that distinguishes a close from an end.
const ANY: Workload = Workload { length: Length::Unknown, keep: true };

/// For a web server that takes a close for the end of the response. An incomplete response of unknown length
/// looks complete, which cannot be prevented. With a Content-Length it is too short, and a client that keeps
/// its connection would wait for the rest; if the connection is closed after each response, the client
/// notices at once.
const CAUTIOUS: Workload = Workload { length: Length::Declared, keep: false };

/// The recommended configuration of nginx, which buffers responses and keeps connections.
pub(crate) const NGINX: Setup = Setup {
    name: "kept",
    server: WebServer::Nginx,
    workload: ANY,
    socket: Socket::Unix,
    own: &[],
    lines: "fastcgi_keep_conn on;",
};

/// HAProxy, with one request at a time on a connection.
pub(crate) const HAPROXY: Setup = Setup {
    name: "kept",
    server: WebServer::Haproxy,
    workload: ANY,
    socket: Socket::Unix,
    own: &[],
    lines: "",
};

/// HAProxy, with several requests at a time on a connection.
pub(crate) const MULTIPLEXED: Setup = Setup {
    name: "multiplexed, TCP",
    socket: Socket::Tcp,
    // Sent while connections come and go: HAProxy's own error, before the application gets the request.
    own: &["500"],
    lines: "option mpxs-conns\n option max-reqs 16",
    ..HAPROXY
};

/// All setups.
pub(crate) const ALL: [Setup; 6] = [
    NGINX,
    Setup { name: "kept, TCP", socket: Socket::Tcp, ..NGINX },
    // nginx's defaults, and its unbuffered mode: neither notices a close.
    Setup { name: "not kept", workload: CAUTIOUS, lines: "fastcgi_keep_conn off;", ..NGINX },
    Setup {
        name: "kept, unbuffered",
        workload: CAUTIOUS,
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
        // With a pool, nginx would reuse connections that it has asked the application to close.
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

/// The directory of nginx's temporary files, inside its own directory.
pub(crate) const DISK: &str = "disk";
