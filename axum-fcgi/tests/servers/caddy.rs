//! Caddy.

use crate::setup::{
    Connected, DISCONNECT_NOT_REPORTED, Deviation, LOOKS_COMPLETE, LOOKS_COMPLETE_AFTER_HEAD, Setup,
};

pub(crate) fn setups() -> Vec<Setup> {
    vec![Setup {
        name: "caddy",
        title: "Caddy",
        how: "unix socket",
        connected: Connected::Unix,
        program: "caddy",
        needs: &[],
        version: &["caddy", "version"],
        arguments: &["run", "--adapter", "caddyfile", "--config"],
        config: |place| {
            let (ip, port) = (place.address.ip(), place.address.port());
            let application = place.application;
            format!(
                "\
{{
	admin off
	auto_https off
	# From 2.11 on more than 20 KB are a 431 otherwise.
	servers {{
		max_header_size 128KB
	}}
}}
http://:{port} {{
	bind {ip}
	reverse_proxy unix/{application} {{
		transport fastcgi
		flush_interval -1
		header_down -Status
	}}
}}
"
            )
        },
        deviations: vec![
            LOOKS_COMPLETE,
            LOOKS_COMPLETE_AFTER_HEAD,
            DISCONNECT_NOT_REPORTED,
            Deviation {
                check: "chunked_upload",
                instead: "411",
                since: &[2, 11],
                words: "chunked uploads (411, from 2.11 on)",
            },
            Deviation {
                check: "stderr_is_in_the_log",
                instead: "nothing",
                since: &[],
                words: "STDERR in its log",
            },
        ],
    }]
}
