//! Caddy. It opens a connection for each request over FastCGI, and keeps connections over HTTP.

use test_support::WebServer;

use crate::stack::setup::Setup;

pub(super) fn setups() -> Vec<Setup> {
    let fastcgi = || configuration("transport fastcgi\n\t\theader_down -Status");
    // The default is 32, which is less than the number of requests at once.
    let kept = http("keepalive_idle_conns_per_host 64");
    [
        ("caddy", "a connection each : kept connections, the defaults", fastcgi(), kept),
        ("caddy-each", "a connection each", fastcgi(), http("keepalive off")),
    ]
    .map(|(name, label, fastcgi, http)| Setup::new(WebServer::Caddy, name, label, fastcgi, http))
    .into()
}

fn http(connections: &str) -> String {
    configuration(&format!("transport http {{\n\t\t\t{connections}\n\t\t}}"))
}

fn configuration(lines: &str) -> String {
    format!(
        "\
{{
	admin off
	auto_https off
}}
http://127.0.0.1:8080 {{
	request_header -Proxy
	reverse_proxy unix//run/hello.sock {{
		flush_interval -1
		{lines}
	}}
}}
"
    )
}
