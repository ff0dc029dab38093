//! lighttpd with mod_fastcgi and mod_proxy. Both open a connection for each request.

use test_support::WebServer;

use crate::stack::setup::Setup;

pub(super) fn setups() -> Vec<Setup> {
    let fastcgi = configuration(
        "mod_fastcgi",
        r#"fastcgi.server = ( "/" => (( "socket" => "/run/hello.sock", "check-local" => "disable", "fix-root-scriptname" => "enable" )) )"#,
    );
    let http = configuration("mod_proxy", r#"proxy.server = ( "/" => (( "host" => "/run/hello.sock" )) )"#);
    vec![Setup::new(WebServer::Lighttpd, "lighttpd", "a connection each", fastcgi, http)]
}

fn configuration(module: &str, lines: &str) -> String {
    format!(
        r#"server.bind = "127.0.0.1"
server.port = 8080
server.document-root = "/var/empty"
server.modules = ( "{module}" )
server.stream-response-body = 2
server.max-keep-alive-requests = 65535
{lines}
"#
    )
}
