//! The target that each web server decides on, in configurations that rewrite, deny, redirect internally and
//! send subrequests: which handlers run over FastCGI, and which over HTTP behind the same configuration.
//!
//! `cargo test -p axum-fcgi --test targets` starts each web server once. If a web server is missing, its test
//! is ignored with a reason; with `CI=true` it fails instead.

mod apache;
mod application;
mod caddy;
mod check;
mod client;
mod haproxy;
mod lighttpd;
mod nginx;
mod parameters;
mod row;

use std::process::ExitCode;

use test_support::{Version, WebServer};

fn main() -> ExitCode {
    let trials = [
        (WebServer::Nginx, nginx::setup as fn(&Version) -> row::Setup),
        (WebServer::Apache, apache::setup),
        (WebServer::Lighttpd, lighttpd::setup),
        (WebServer::Caddy, caddy::setup),
        (WebServer::Haproxy, haproxy::setup),
    ];
    let trials = trials.map(|(server, setup)| {
        server.trial("runs_the_handlers_that_the_web_server_selected", move |installed| {
            check::check(&setup(&installed.version()?), &installed)
        })
    });
    test_support::run(trials.into())
}
