//! Serve an axum [`Router`](axum::Router) over FastCGI by changing one line.
//!
//! ```no_run
//! # #[cfg(unix)] mod unix {
//! use axum::{Router, routing::get};
//! use axum_fcgi::UnixSocket;
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let router = Router::new().route("/", get(async || "Hello, World!"));
//!     let listener = UnixSocket::new("/run/app/fcgi.sock").mode(0o660).group("www-data").bind()?;
//!     axum_fcgi::serve(listener, router).await // was: axum::serve(listener, router).await
//! }
//! # }
//! ```
//!
//! A web server (nginx, Apache, lighttpd, Caddy, HAProxy, H2O, OpenBSD's httpd) accepts HTTP and passes the requests on over
//! FastCGI. The application runs as it does over HTTP: extractors, middleware and streaming work unchanged.
//! [`coming_from_axum`] lists what changes, and what error messages mean.
//!
//! The dependencies, and a directory for the socket, which the web server's group may enter:
//!
//! ```sh
//! cargo add axum axum-fcgi tokio --features tokio/full
//! sudo install -d -o "$USER" -g www-data -m 2750 /run/app
//! ```
//!
//! # The web server
//! nginx, for example in `/etc/nginx/conf.d/app.conf` (the [deployment notes](deployment) have a leaner list of parameters):
//!
//! ```nginx
//! upstream app {
//!     server unix:/run/app/fcgi.sock;
//!     keepalive 8;
//! }
//! server {
//!     listen 8080;
//!     location / {
//!         fastcgi_pass app;
//!         fastcgi_keep_conn on;
//!         include fastcgi_params;
//!     }
//! }
//! ```
//!
//! Caddy:
//!
//! ```caddyfile
//! http://127.0.0.1:8080 {
//!     request_header -Proxy
//!     reverse_proxy unix//run/app/fcgi.sock {
//!         transport fastcgi
//!         flush_interval -1
//!         header_down -Status
//!     }
//! }
//! ```
//!
//! What was tested, and what does not work:
//!
#![doc = include_str!("web_servers.md")]
//!
//! "Cut off" means that the response fails after its head was sent. With a Content-Length, the client sees that it is incomplete.
//! "Not reported" means that a handler that waits is not cancelled when its client disconnects.
//!
//! # systemd
//! A socket that systemd listens on, for a program that ends with [`serve_auto`]. `/etc/systemd/system/app.socket`:
//!
//! ```systemd
//! [Unit]
//! Description=Socket of the application
//!
//! [Socket]
//! ListenStream=/run/app.sock
//! SocketUser=root
//! SocketGroup=www-data
//! SocketMode=0660
//!
//! [Install]
//! WantedBy=sockets.target
//! ```
//!
//! `/etc/systemd/system/app.service`:
//!
//! ```systemd
//! [Unit]
//! Description=The application
//! Requires=app.socket
//! After=app.socket
//!
//! [Service]
//! ExecStart=/usr/local/bin/app
//! DynamicUser=yes
//! TimeoutStopSec=35
//! ```
//!
//! # Starting and listening
//! [`serve_auto`] serves however the program was started, with one binary: by Apache's mod_fcgid, lighttpd, H2O or
//! spawn-fcgi; by systemd, with the sockets that it passes; in a shell or a container, with addresses in FCGI_LISTEN; or as a
//! plain CGI program.
//!
//! A program that chooses its address itself passes a listener to [`serve()`]:
//!
//! - [`FcgiListener`] listens on an [`Address`] from a configuration: TCP, a [unix socket](UnixSocket), or a socket from
//!   systemd or a web server. [`Listeners`] combines several.
//! - Any other [`axum::serve::Listener`] works too.
//!
//! **Limit who can connect.** Anyone who can connect to the listener can claim to be any client and any user. Use loopback,
//! or a unix socket whose mode or directory keeps others out. On a network, use [`AllowListener`].
//!
//! # What a handler gets
//! - The request, with the target that the web server decided on after rewrites, internal redirects and subrequests, in the
//!   client's spelling if that means the same path: see [`RequestTarget`]. [`RequestUri`] is what the client sent.
//! - [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo): the address of the *real client* (REMOTE_ADDR, REMOTE_PORT),
//!   not from a header; on the HTTP socket for upgrades, from the last X-Forwarded-For. See [`client_addr`] for clients without
//!   an IP address.
//! - [`Params`]: all variables that the web server sends.
//! - One extractor each for [`RemoteUser`], [`AuthType`], [`RequestScheme`], [`ClientProtocol`], [`TlsInfo`],
//!   [`ServerRequestId`], [`ServerName`], [`ServerAddr`], [`ServerSoftware`], [`ScriptName`], [`DocumentRoot`] and
//!   [`RedirectStatus`]. They never read headers, which a client could forge. Each has an optional form, and a
//!   [`rejection`].
//! - [`Stderr`] writes to the web server's error log; [`ErrorLog`] does so for `tracing`.
//!
//! Libraries read proxy headers such as X-Forwarded-For instead. The layer [`ForwardedHeaders`] sets them from the web
//! server's variables; without it a client can forge them.
//!
//! In tests, [`MockParams`] stands in for the web server: see [`testing`]. [`SendFiles`] lets the web server send files.
//!
//! # Below a prefix
//! If the web server runs the application below a prefix such as `/app`, the routes need the prefix too, unless
//! [`RequestTarget`] strips it:
//!
//! ```
//! use axum_fcgi::{Config, RequestTarget, tower_fcgi};
//! let target = RequestTarget::StripPrefix("/app".to_owned());
//! let connection = tower_fcgi::Config::default().with_request_target(target);
//! let config = Config::default().with_connection(connection);
//! ```
//!
//! [`OriginalUri`](axum::extract::OriginalUri) still has the full target. No web server rewrites responses: a redirect to
//! `/login` leaves the prefix, while `/app/login` and the relative `login` do not. The same applies to links and to the
//! `Path` of a cookie.
//!
//! # Other roles
//! As an Authorizer, the application decides whether the web server goes on with a request:
//! [`with_authorizer`](Serve::with_authorizer) and [`Authorized`]. As a Filter, it gets a file with each request:
//! [`with_filter`](Serve::with_filter) and [`FilterData`].
//!
//! # What FastCGI cannot carry
//! Trailers, so no native gRPC (gRPC-Web works; a line in the web server's error log says when trailers were dropped), and
//! interim responses: see [`tower_fcgi`]. WebSockets and other upgrades pass over FastCGI behind lighttpd only;
//! [`with_upgrades_over_http`](Serve::with_upgrades_over_http) serves them behind other web servers: see
//! [`deployment`](deployment#websockets).
//!
//! # In production
//! [`deployment`] has notes on process managers, permissions, timeouts on both sides, and numbers of connections. [`Config`]
//! has the limits and timeouts.
//! [`Stats`], given to [`with_stats`](Serve::with_stats), counts connections and requests, what became of them and how long
//! that took, and lists those in flight. The feature `status` shows them.
//!
//! # Other systems than Unix
//! On Windows and other systems without unix sockets, everything that needs only TCP works the same: [`serve`],
//! [`FcgiListener`], [`Listeners`], [`AllowListener`] and the warning about addresses that the network can reach. An
//! [`Address`] of another kind parses, and binding it is an error that says so. The crate was compiled for Windows, but no
//! test was run there. These are missing:
//! - unix sockets, inherited sockets (fd 0, systemd) and [`serve_auto`], with its signals, SIGTERM and SIGHUP; items that
//!   need Unix are marked;
//! - `systemd-notify` does nothing, and neither does [`Config::with_raise_descriptor_limit`];
//! - if sockets run out, connections that are idle make room only with the listeners of tokio and of this crate, not with
//!   [`ListenerExt`](axum::serve::ListenerExt) or another wrapper around them;
//! - file names that are not UTF-8: a gateway finds no such script, and [`DocumentRoot`] rejects one.
//!
//! # Features
//! - `gateway`: `PhpGateway` and `FastCgiGateway`, which run PHP and other FastCGI applications below a path of a Router;
//!   the page `php` has recipes.
//! - `serde`: serializes and deserializes an [`Address`] as its string, and the numbers of [`Stats`].
//! - `status`: `status(stats)`, a handler that shows the numbers of [`Stats`] as a page, as JSON, and to Prometheus. It turns on
//!   `serde`.
//! - `systemd-notify`: [`serve`] notifies systemd when it is ready and when it stops, for units with `Type=notify`.

#![cfg_attr(docsrs, feature(doc_cfg))]

// The examples of these two pages need Unix; most of their text does not.
#[cfg(unix)]
#[cfg_attr(docsrs, doc(auto_cfg = false))]
#[doc = include_str!("coming_from_axum.md")]
pub mod coming_from_axum {}
#[cfg(unix)]
#[cfg_attr(docsrs, doc(auto_cfg = false))]
#[doc = include_str!("deployment.md")]
pub mod deployment {}
mod accept;
mod allow_list;
mod connection_addrs;
mod extract;
mod forwarded;
#[cfg(feature = "gateway")]
mod gateway;
#[cfg(feature = "gateway")]
#[doc = include_str!("php.md")]
pub mod php {}
mod listen;
pub mod rejection;
mod request_log;
mod roles;
mod send_file;
mod serve;
#[cfg(feature = "status")]
mod status;
#[doc = include_str!("testing.md")]
pub mod testing {}
#[cfg(feature = "gateway")]
pub use self::allow_list::{AllowList, AllowListError};
pub use self::connection_addrs::ConnectionAddrs;
pub use self::extract::{
    AuthType, ClientProtocol, ClientVerify, DocumentRoot, MockParams, Params, RedirectStatus, RemoteUser,
    RequestScheme, RequestUri, ScriptName, ServerAddr, ServerName, ServerRequestId, ServerSoftware, Stderr,
    TlsInfo, client_addr,
};
pub use self::forwarded::{ForwardedHeaders, ForwardedHeadersService, TrustedProxies};
#[cfg(feature = "gateway")]
pub use self::gateway::{
    Buffering, DeferEof, DeferEofIo, FastCgiGateway, GatewayFuture, InternalFiles, PhpGateway,
    RequestBuffering, ResponseBuffering, Symlinks,
};
#[cfg(feature = "gateway")]
pub use self::listen::ApplicationStream;
pub use self::listen::{
    Address, AddressError, AddressErrorKind, AllowListener, AllowedPeer, FcgiAddr, FcgiListener, FcgiStream,
    Listeners, PeerIp,
};
#[cfg(unix)]
pub use self::listen::{IdOrName, UnixSocket};
pub use self::roles::{Authorized, FilterData, InvalidVariable, RoleRouter, RoleRouterFuture};
pub use self::send_file::{SendFile, SendFileHeader, SendFiles, UnsafePath};
pub use self::serve::{
    Config, IncomingStream, MakeFcgiService, Serve, ServeFuture, ServeWithShutdown, make_service, serve,
};
#[cfg(unix)]
pub use self::serve::{ServeAuto, serve_auto};
#[cfg(feature = "status")]
pub use self::status::{Status, status};
pub use tower_fcgi;
pub use tower_fcgi::{ErrorLog, RequestTarget, Snapshot, Stats, StderrClosed, stats};

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
