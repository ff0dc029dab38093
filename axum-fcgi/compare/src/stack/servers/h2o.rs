//! H2O, with one thread.

use test_support::WebServer;

use crate::stack::setup::Setup;

/// Milliseconds for which an idle connection is kept.
const KEPT: usize = 5_000;

pub(super) fn setups() -> Vec<Setup> {
    [
        ("h2o", "a connection each : kept connections, the defaults", 0, KEPT),
        ("h2o-each", "a connection each", 0, 0),
        ("h2o-kept", "kept connections (`fastcgi.timeout.keepalive`)", KEPT, KEPT),
    ]
    .map(|(name, label, fastcgi_kept, http_kept)| {
        Setup::new(WebServer::H2o, name, label, fastcgi(fastcgi_kept), http(http_kept))
    })
    .into()
}

fn fastcgi(keepalive: usize) -> String {
    configuration(&format!(
        "fastcgi.connect:
          type: unix
          port: /run/hello.sock
        fastcgi.timeout.keepalive: {keepalive}"
    ))
}

fn http(keepalive: usize) -> String {
    configuration(&format!(
        "proxy.reverse.url: \"http://[unix:/run/hello.sock]/\"
        proxy.timeout.keepalive: {keepalive}"
    ))
}

fn configuration(path: &str) -> String {
    format!(
        "\
num-threads: 1
hosts:
  default:
    listen:
      host: 127.0.0.1
      port: 8080
    paths:
      /:
        {path}
"
    )
}
