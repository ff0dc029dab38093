//! The page "Coming from `axum::serve`": its error messages as web servers and clients write them, its nginx directives,
//! and the files that it names.
//!
//! `cargo test -p axum-fcgi --test coming_from_axum` runs the tests. Without nginx they are ignored and say so; with
//! `CI=true` they fail instead.

mod application;

use std::fmt::Display;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::ExitCode;

use test_support::{Answer, Installed, Result, Running, WebServer, wait_for};

use self::application::Application;

const PAGE: &str = include_str!("../../src/coming_from_axum.md");
const NGINX: &str = include_str!("../../../examples/hello/nginx.conf");

fn main() -> ExitCode {
    let nginx = |name: &str, test: fn(&Installed, &Application) -> Result| {
        WebServer::Nginx.trial(name, move |installed| test(&installed, &Application::start()?))
    };
    test_support::run(vec![
        nginx("fastcgi_pass_to_http", fastcgi_pass_to_http),
        nginx("proxy_pass_to_fastcgi", proxy_pass_to_fastcgi),
        nginx("application_is_not_running", application_is_not_running),
        nginx("handler_is_slow", handler_is_slow),
        nginx("response_head_is_large", response_head_is_large),
        nginx("upload_is_large", upload_is_large),
        nginx("gzip_of_nginx", gzip_of_nginx),
        nginx("nginx_directives_exist", nginx_directives_exist),
        test_support::trial("http_client_at_fastcgi_port", http_client_at_fastcgi_port),
        test_support::trial("connect_info_over_http", connect_info_over_http),
        test_support::trial("named_files_exist", named_files_exist),
    ])
}

/// Checks that the page quotes a text.
fn quoted(text: &str) -> &str {
    assert!(PAGE.contains(text), "the page does not quote {text:?}");
    text
}

/// Waits for a text that the page quotes in nginx's error log.
fn logged(server: &Running, text: &str) -> Result {
    quoted(text);
    wait_for(text, || Ok(server.logs().contains(text)))
        .map_err(|error| format!("{error}\n{}", server.logs()).into())
}

/// nginx with the configuration of the example `hello`, changed.
fn start(nginx: &Installed, upstream: &dyn Display, changes: &[(&str, &str)]) -> Result<Running> {
    let config = changes.iter().fold(NGINX.to_owned(), |config, (from, to)| {
        assert!(config.contains(from), "{from}");
        config.replace(from, to)
    });
    nginx.start(&config, &[("unix:app.sock", upstream)])
}

fn assert_status(answer: &Answer, status: u16, server: &Running) {
    assert_eq!(answer.status, status, "{}\n{}", answer.head, server.logs());
}

fn fastcgi_pass_to_http(nginx: &Installed, application: &Application) -> Result {
    let upstream = format!("127.0.0.1:{}", application.http_port());
    let server = start(nginx, &upstream, &[])?;
    assert_status(&server.get("/")?, 502, &server);
    logged(&server, "upstream sent unsupported FastCGI protocol version: 72")
}

fn proxy_pass_to_fastcgi(nginx: &Installed, application: &Application) -> Result {
    let upstream = format!("unix:{}", application.socket());
    let proxy = [("fastcgi_pass app;", "proxy_pass http://app;")];
    let server = start(nginx, &upstream, &proxy)?;
    assert_status(&server.get("/")?, 502, &server);
    logged(&server, "upstream prematurely closed connection while reading response header from upstream")
}

fn application_is_not_running(nginx: &Installed, application: &Application) -> Result {
    let upstream = format!("unix:{}/other.sock", application.directory().display());
    let server = start(nginx, &upstream, &[])?;
    assert_status(&server.get("/")?, 502, &server);
    logged(&server, "failed (2: No such file or directory) while connecting to upstream")
}

fn handler_is_slow(nginx: &Installed, application: &Application) -> Result {
    let upstream = format!("unix:{}", application.socket());
    let limit = [("fastcgi_pass app;", "fastcgi_pass app; fastcgi_read_timeout 1s;")];
    let server = start(nginx, &upstream, &limit)?;
    assert_status(&server.get("/slow")?, 504, &server);
    quoted("upstream timed out (110: Connection timed out) while reading response header from upstream");
    // The words in brackets are the C library's.
    logged(&server, "upstream timed out (110: ")
}

fn response_head_is_large(nginx: &Installed, application: &Application) -> Result {
    let upstream = format!("unix:{}", application.socket());
    let server = start(nginx, &upstream, &[])?;
    assert_status(&server.get("/large")?, 502, &server);
    logged(&server, "upstream sent too big header while reading response header from upstream")?;
    let buffers = [(
        "fastcgi_pass app;",
        "fastcgi_pass app; fastcgi_buffer_size 16k; fastcgi_buffers 8 16k; fastcgi_busy_buffers_size 32k;",
    )];
    let server = start(nginx, &upstream, &buffers)?;
    assert_status(&server.get("/large")?, 200, &server);
    Ok(())
}

/// nginx's limit comes first, over HTTP as over FastCGI; then axum's, whose response is axum's.
fn upload_is_large(nginx: &Installed, application: &Application) -> Result {
    let upstream = format!("unix:{}", application.socket());
    let body = "a".repeat(2 * 1024 * 1024 + 1);
    let server = start(nginx, &upstream, &[])?;
    let answer = server.ask("POST", "/upload", "", &body)?;
    assert_status(&answer, 413, &server);
    assert!(answer.body.contains(quoted("413 Request Entity Too Large")), "{}", answer.body);
    logged(&server, "client intended to send too large body")?;
    let server =
        start(nginx, &upstream, &[("fastcgi_pass app;", "fastcgi_pass app; client_max_body_size 10m;")])?;
    let answer = server.ask("POST", "/upload", "", &body)?;
    assert_status(&answer, 413, &server);
    assert!(answer.body.contains(quoted("length limit exceeded")), "{}", answer.body);
    assert_eq!(server.ask("POST", "/upload", "", &body[..1024 * 1024])?.body, "1048576");
    Ok(())
}

fn gzip_of_nginx(nginx: &Installed, application: &Application) -> Result {
    let upstream = format!("unix:{}", application.socket());
    let gzip = [("fastcgi_pass app;", "fastcgi_pass app; gzip on; gzip_http_version 1.0; gzip_types *;")];
    let server = start(nginx, &upstream, &gzip)?;
    // The client reads only text.
    let answer = server.ask("HEAD", "/", "Accept-Encoding: gzip\r\n", "")?;
    assert!(answer.head.contains("Content-Encoding: gzip"), "{}", answer.head);
    Ok(())
}

/// nginx accepts each directive that the page names, with the value that it shows.
fn nginx_directives_exist(nginx: &Installed, application: &Application) -> Result {
    let upstream = format!("unix:{}", application.socket());
    let lines: Vec<&str> = PAGE.lines().filter(|line| line.starts_with("| `proxy_")).collect();
    assert!(lines.len() > 5, "{lines:?}");
    let directives = |column: usize| -> String {
        let cells = lines.iter().filter_map(|line| line.split('|').nth(column));
        let quoted = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2));
        quoted.filter(|text| text.ends_with(';')).collect::<Vec<_>>().join("\n")
    };
    let [http, fastcgi] = [1, 2].map(directives);
    assert!(http.contains("proxy_read_timeout") && fastcgi.contains("fastcgi_read_timeout"), "{fastcgi}");
    // The page has a line of its own for keeping connections.
    for text in [fastcgi, http] {
        let config = NGINX.replace("fastcgi_keep_conn on;", "").replace("fastcgi_buffering on;", "");
        let config = config.replace("fastcgi_pass app;", &text);
        let server = nginx.start(&config, &[("unix:app.sock", &upstream)])?;
        drop(server);
    }
    Ok(())
}

fn http_client_at_fastcgi_port() -> Result {
    let application = Application::start()?;
    let mut stream = TcpStream::connect(("127.0.0.1", application.fastcgi_port()))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n")?;
    let mut response = Vec::new();
    stream.read_to_end(&mut response)?;
    // curl's words for this.
    quoted("curl: (52) Empty reply from server");
    assert!(response.is_empty(), "{response:?}");
    Ok(())
}

/// What a handler answers over HTTP without `into_make_service_with_connect_info`.
fn connect_info_over_http() -> Result {
    let application = Application::start()?;
    let answer = test_support::get(application.http_port(), "/client")?;
    let text = quoted(
        "Missing request extension: Extension of type \
         `axum::extract::connect_info::ConnectInfo<core::net::socket_addr::SocketAddr>` was not found.",
    );
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains(text), "{}", answer.body);
    Ok(())
}

fn named_files_exist() -> Result {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let is_file = |text: &&str| {
        ["axum-fcgi/", "tower-fcgi/", "examples/"].iter().any(|folder| text.starts_with(folder))
    };
    let named: Vec<_> = PAGE.split('`').skip(1).step_by(2).filter(is_file).collect();
    assert!(named.len() > 10, "{named:?}");
    for name in named {
        assert!(root.join(name).exists(), "{name}");
    }
    Ok(())
}
