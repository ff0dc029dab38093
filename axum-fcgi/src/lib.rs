//! Serve an axum [`Router`](axum::Router) over FastCGI by changing one line.
//!
//! ```no_run
//! use axum::{Router, routing::get};
//!
//! # async fn run() -> std::io::Result<()> {
//! let router = Router::new().route("/", get(async || "Hello, World!"));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:9000").await?;
//! axum_fcgi::serve(listener, router).await // was: axum::serve(listener, router).await
//! # }
//! ```
//!
//! The web server in front (nginx, Apache, lighttpd, Caddy, HAProxy, H2O, OpenBSD's httpd) speaks FastCGI to
//! it, and the application runs as it does over HTTP: extractors, middleware, streaming and all.
//!
//! # What an application sees
//! - The request, with the target that the web server decided on, after its rewrites, internal redirects and
//!   subrequests, in the client's spelling where that means the same path: see [`RequestTarget`]. [`RequestUri`] is what
//!   the client sent.
//! - [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo) is the *real client* (REMOTE_ADDR and
//!   REMOTE_PORT), with no header to be trusted or not. See [`client_addr`] for what it is where the web
//!   server tells none.
//! - [`Params`]: everything that the web server tells, by its own names.
//! - Extractors of single facts: [`RemoteUser`] and [`AuthType`], [`RequestScheme`], [`TlsInfo`],
//!   [`ServerRequestId`], [`ServerName`], [`ServerAddr`], [`ServerSoftware`], [`ScriptName`], [`DocumentRoot`],
//!   [`RedirectStatus`]. None of them reads a header, which a client could forge. Each has an optional form,
//!   and a [`rejection`] for the other.
//! - [`Stderr`]: a way into the web server's error log; [`ErrorLog`] is one for `tracing`.
//!
//! [`SendFiles`] hands files to the web server for it to send. [`MockParams`] stands in for the web server in
//! an application's tests.
//!
//! # Below a prefix
//! Where the web server has the application below a prefix such as `/app`, its routes have the prefix as
//! well, unless [`RequestTarget`] strips it:
//!
//! ```
//! use axum_fcgi::{Config, RequestTarget, tower_fcgi};
//! let target = RequestTarget::StripPrefix("/app".to_owned());
//! let connection = tower_fcgi::Config::default().request_target(target);
//! let config = Config::default().connection(connection);
//! ```
//!
//! [`OriginalUri`](axum::extract::OriginalUri) is the whole target all the same. No web server changes what
//! the application says: a redirect to `/login` leaves the prefix, one to `/app/login` does not, and neither
//! does a relative one such as `login`. The same is true of links, and of the `Path` of a cookie.
//!
//! # Other roles
//! The web server can ask the application whether it may go on with a request:
//! [`with_authorizer`](Serve::with_authorizer) and [`Authorized`]. It could send a file for it to answer from:
//! [`with_filter`](Serve::with_filter) and [`FilterData`].
//!
//! # What FastCGI cannot carry
//! WebSockets and other upgrades (a 500, with the reason in the web server's error log), trailers, interim
//! responses: see [`tower_fcgi`].
//!
//! # How it is started
//! [`serve_auto`] serves whoever starts the program, so that one binary is all of these: a FastCGI application that
//! Apache's mod_fcgid, lighttpd, H2O or spawn-fcgi starts; one that systemd starts, with the sockets that it passes;
//! one that is started by hand or in a container, with its addresses in the variable FCGI_LISTEN; and a plain CGI
//! program, for a web server that has nothing else.
//!
//! # Where to listen
//! A program that decides for itself gives [`serve()`] a listener.
//! [`FcgiListener`] listens at an [`Address`] that a configuration says: TCP, a [unix socket](UnixSocket), what
//! systemd passes, or the socket that a web server started the process with. [`Listeners`] is several at once.
//! Any other [`axum::serve::Listener`] will do as well.
//!
//! # Whom to let in
//! Whoever can connect to the listener can claim to be any client and any user. Bind to loopback or to a unix
//! socket whose directory or mode keeps strangers out; where it has to be the network, say who may connect with
//! [`AllowListener`].
//!
//! # In production
//! [`deployment`] has notes on process managers, permissions, time-outs on both sides, and numbers of connections.
//!
//! # Features
//! - `client`: `FastCgi`, which makes a Router the web server of PHP or of any other FastCGI application.
//! - `serde`: [`Address`] is serialized and deserialized as its string.
//! - `systemd-notify`: [`serve`] tells systemd when it is ready and when it stops, for units of `Type=notify`.

#[cfg(unix)]
#[doc = include_str!("deployment.md")]
pub mod deployment {}
mod accept;
mod extract;
#[cfg(feature = "client")]
mod gateway;
#[cfg(unix)]
mod listen;
pub mod rejection;
mod roles;
mod send_file;
mod serve;

pub use self::extract::{
    AuthType, ClientVerify, DocumentRoot, MockParams, Params, RedirectStatus, RemoteUser, RequestScheme,
    RequestUri, ScriptName, ServerAddr, ServerName, ServerRequestId, ServerSoftware, Stderr, TlsInfo,
    client_addr,
};
#[cfg(feature = "client")]
pub use self::gateway::{FastCgi, FastCgiFuture, Symlinks};
#[cfg(unix)]
pub use self::listen::{
    Address, AddressError, AllowList, AllowListError, AllowListener, AllowedPeer, FcgiAddr, FcgiListener,
    FcgiStream, IdOrName, Listeners, PeerIp, UnixSocket,
};
pub use self::roles::{Authorized, FilterData, InvalidVariable, RoleRouter, RoleRouterFuture};
pub use self::send_file::{SendFile, SendFileHeader, SendFiles, UnsafePath};
pub use self::serve::{Config, Serve, ServeFuture, ServeWithShutdown, serve};
#[cfg(unix)]
pub use self::serve::{ServeAuto, serve_auto};
pub use tower_fcgi;
pub use tower_fcgi::{ErrorLog, RequestTarget, StderrClosed};
