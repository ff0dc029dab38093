//! HAProxy with one thread: a request at a time on each connection, and multiplexed.

use test_support::WebServer;

use crate::{
    headers::{self, Headers},
    stack::setup::Setup,
};

const KEPT: &str = include_str!("../../../../../examples/hello/haproxy.cfg");
const MULTIPLEXED: &str = include_str!("../../../../../examples/hello/haproxy-multiplexed.cfg");

/// HAProxy's default.
const BUFFER: usize = 16 * 1024;
/// What the example sets, and the largest that keeps uploads right.
const LARGE_BUFFER: usize = 64 * 1024;
/// With this, bodies of 65536 bytes and more break: only for the measurement.
const TOO_LARGE_BUFFER: usize = 256 * 1024;

/// `max-reqs`, bytes of a request's head, and `tune.bufsize`, which must hold `max-reqs` heads.
const MULTIPLEXED_ROWS: [(usize, usize, usize); 6] = [
    (4, 500, BUFFER),
    (4, 2_000, BUFFER),
    (16, 500, LARGE_BUFFER),
    (16, 2_000, LARGE_BUFFER),
    (64, 500, LARGE_BUFFER),
    (64, 2_000, TOO_LARGE_BUFFER),
];

/// The examples' configuration, with one thread.
pub(super) fn setups() -> Vec<Setup> {
    let fastcgi = format!("{}{KEPT}", global(BUFFER));
    let label = "kept connections";
    vec![Setup::new(WebServer::Haproxy, "haproxy", label, fastcgi, http(BUFFER))]
}

/// The examples' configuration with other figures.
pub(super) fn multiplexed() -> Vec<Setup> {
    MULTIPLEXED_ROWS
        .map(|(max_reqs, head, buffer)| {
            let fastcgi = MULTIPLEXED
                .replace("    tune.bufsize 65536\n", "")
                .replace("global\n", &global(buffer))
                .replace("option max-reqs 16", &format!("option max-reqs {max_reqs}"));
            let name = format!("haproxy-mpx-{max_reqs}-{head}");
            let label = format!(
                "multiplexed, `max-reqs` {max_reqs} : kept connections; heads of {head} bytes; `tune.bufsize` {buffer}"
            );
            let setup = Setup::new(WebServer::Haproxy, name, label, fastcgi, http(buffer));
            Setup { headers: headers_of(head), ..setup }
        })
        .into()
}

fn global(buffer: usize) -> String {
    format!("global\n    nbthread 1\n    tune.bufsize {buffer}\n")
}

/// The example's configuration for HTTP.
fn http(buffer: usize) -> String {
    format!(
        "\
{}
defaults
    mode http
    timeout connect 2s
    timeout client 30s
    timeout server 30s
    timeout http-request 5s
    option http-no-delay

frontend www
    bind 127.0.0.1:8080
    default_backend hello

backend hello
    option forwardfor
    http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
    http-reuse always
    server hello unix@/run/hello.sock
",
        global(buffer)
    )
}

/// A browser's headers, with a cookie that makes the head this large. A browser's head alone has about 500 bytes.
fn headers_of(head: usize) -> Headers {
    let mut headers = headers::of_browser(0);
    let more = head.saturating_sub(headers::HEAD_BYTES);
    if let Some((_, cookie)) = headers.iter_mut().find(|(name, _)| *name == "cookie") {
        cookie.to_mut().push_str(&"x".repeat(more));
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_are_changed_as_their_labels_say() {
        for (setup, (max_reqs, _, buffer)) in multiplexed().into_iter().zip(MULTIPLEXED_ROWS) {
            let has = |line: String| setup.fastcgi.lines().filter(|other| other.trim() == line).count();
            assert_eq!(has(format!("option max-reqs {max_reqs}")), 1, "{}", setup.fastcgi);
            assert_eq!(has(format!("tune.bufsize {buffer}")), 1, "{}", setup.fastcgi);
            assert_eq!(has("nbthread 1".to_owned()), 1, "{}", setup.fastcgi);
            assert_eq!(setup.fastcgi.matches("tune.bufsize ").count(), 1, "{}", setup.fastcgi);
        }
    }

    #[test]
    fn heads_have_the_size_of_their_row() {
        for (bytes, least, most) in [(500, 490, 600), (2_000, 1_950, 2_050)] {
            let headers = headers_of(bytes);
            let lines = headers.iter().map(|(name, value)| name.len() + value.len() + ": \r\n".len());
            let head = "GET /hello HTTP/1.1\r\n".len() + lines.sum::<usize>() + "\r\n".len();
            assert!((least..most).contains(&head), "{head}");
        }
    }
}
