//! Forged headers that report another client, behind each web server with the configuration in `examples/hello`.
//!
//! `cargo test -p axum-fcgi --test forwarded` runs the tests. If a web server is missing, its test is ignored and
//! says so; with `CI=true` it fails instead.

mod application;

use std::fmt::Display;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;

use test_support::{Installed, Result, Running, WebServer};

use self::application::{Application, Seen};

/// Each web server with its test's name, its configuration, and the socket's path in that configuration.
const EACH: [(WebServer, &str, &str, &str); 7] = [
    (WebServer::Nginx, "forged_headers", NGINX, "app.sock"),
    (WebServer::Apache, "forged_headers", include_str!("../../../examples/hello/apache.conf"), SOCKET),
    (WebServer::Lighttpd, "forged_headers", include_str!("../../../examples/hello/lighttpd.conf"), SOCKET),
    (WebServer::Caddy, "forged_headers", CADDY, SOCKET),
    (WebServer::Haproxy, "forged_headers", include_str!("../../../examples/hello/haproxy.cfg"), SOCKET),
    (WebServer::Haproxy, "forged_headers_multiplexed", MULTIPLEXED, SOCKET),
    (WebServer::H2o, "forged_headers", include_str!("../../../examples/hello/h2o.conf"), SOCKET),
];

const SOCKET: &str = "/run/hello.sock";
const NGINX: &str = include_str!("../../../examples/hello/nginx.conf");
const CADDY: &str = include_str!("../../../examples/hello/Caddyfile");
const MULTIPLEXED: &str = include_str!("../../../examples/hello/haproxy-multiplexed.cfg");

/// The last ones become the same variable as the first where a web server passes them on.
const FORGED: &str = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 6.6.6.7\r\nX-Forwarded-Proto: https\r\n\
    X-Forwarded-Host: evil.example\r\nX-Forwarded-Port: 666\r\nX-Forwarded-Prefix: /evil\r\nX-Real-IP: 6.6.6.6\r\n\
    Forwarded: for=6.6.6.6;host=evil.example;proto=https\r\nForwarded: for=6.6.6.7\r\n\
    X_Forwarded_For: 6.6.6.8\r\nX.Forwarded.For: 6.6.6.9\r\nX_Real_IP: 6.6.6.8\r\n";

fn main() -> ExitCode {
    let trial = |(server, name, config, socket): (WebServer, &str, &'static str, &'static str)| {
        server.trial(name, move |installed| forged_headers(&installed, config, socket))
    };
    let mut trials: Vec<_> = EACH.map(trial).into();
    trials.extend([
        WebServer::Nginx.trial("same_as_proxy_pass", |installed| same_as_proxy_pass(&installed)),
        WebServer::Nginx.trial("unix_socket_clients_have_no_address", |installed| unix_client(&installed)),
        WebServer::Nginx.trial("client_behind_a_trusted_proxy", |installed| {
            client_behind_a_proxy(&installed, NGINX, "app.sock")
        }),
        WebServer::Nginx.trial("nginx_replaces_the_proxys_address", |installed| real_ip_of_nginx(&installed)),
        WebServer::Caddy.trial("client_behind_a_trusted_proxy", |installed| {
            let trusting =
                CADDY.replace("\t\ttransport fastcgi", "trusted_proxies 127.0.0.0/8\n\t\ttransport fastcgi");
            client_behind_a_proxy(&installed, &trusting, SOCKET)
        }),
    ]);
    test_support::run(trials)
}

/// With the layer, the handler sees what the web server knows, whatever the client sends.
fn forged_headers(installed: &Installed, config: &str, socket: &str) -> Result {
    let application = Application::start()?;
    let server = installed.start(config, &[(socket, &application.path() as &dyn Display)])?;
    // nginx's configuration lists the variables, and leaves SERVER_PORT out.
    let truth = truth(&server, installed.server() != WebServer::Nginx);
    for headers in [FORGED, ""] {
        assert_eq!(seen(&server, "/", headers)?, truth, "{headers}");
    }
    // Without the layer, the client is believed.
    let believed = seen(&server, "/without", FORGED)?;
    assert_ne!(believed.get("XRealIp"), truth.get("XRealIp"));
    assert_eq!(believed["Scheme"], "https");
    Ok(())
}

/// The same layers behind nginx's `proxy_pass`, which sets the headers itself.
fn same_as_proxy_pass(installed: &Installed) -> Result {
    let application = Application::start()?;
    let http = NGINX
        .replace("unix:app.sock", "127.0.0.1:9000")
        .replace("fastcgi_pass app;", &("proxy_pass http://app;\n".to_owned() + PROXY_HEADERS))
        .replace("fastcgi_keep_conn on;", "");
    let over_http = installed.start(&http, &[("9000", &application.http_port() as &dyn Display)])?;
    let with_port = NGINX.replace("location / {", "fastcgi_param SERVER_PORT $server_port;\nlocation / {");
    let over_fastcgi = installed.start(&with_port, &[("app.sock", &application.path() as &dyn Display)])?;
    for headers in [FORGED, ""] {
        assert_eq!(seen(&over_http, "/", headers)?, truth(&over_http, true));
        assert_eq!(seen(&over_fastcgi, "/", headers)?, truth(&over_fastcgi, true));
    }
    Ok(())
}

const PROXY_HEADERS: &str = "proxy_set_header Host $http_host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Port $server_port;
    proxy_set_header X-Forwarded-Prefix \"\";
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header Forwarded 'for=$remote_addr;host=\"$http_host\";proto=$scheme';
";

/// nginx sends `unix:` for such a client.
fn unix_client(installed: &Installed) -> Result {
    let application = Application::start()?;
    let web = application.directory().join("web.sock");
    let config =
        NGINX.replace("listen 127.0.0.1:8080;", "listen 127.0.0.1:8080;\nlisten unix:/run/web.sock;");
    let values: [(&str, &dyn Display); 2] =
        [("app.sock", &application.path()), ("/run/web.sock", &web.display())];
    let _server = installed.start(&config, &values)?;
    let mut stream = UnixStream::connect(&web)?;
    write!(stream, "GET / HTTP/1.0\r\nHost: example.org\r\n{FORGED}\r\n")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    let body = response.split_once("\r\n\r\n").ok_or("a response without a head")?.1;
    let seen: Seen = serde_json::from_str(body)?;
    let expected = [
        ("forwarded", "host=example.org;proto=http"),
        ("x-forwarded-host", "example.org"),
        ("x-forwarded-proto", "http"),
        ("Host", "example.org"),
        ("Scheme", "http"),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(seen, expected.into());
    Ok(())
}

/// The test's client is the proxy.
fn client_behind_a_proxy(installed: &Installed, config: &str, socket: &str) -> Result {
    let application = Application::start()?;
    let server = installed.start(config, &[(socket, &application.path() as &dyn Display)])?;
    let sent = "X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Real-IP: 6.6.6.6\r\n\
        Forwarded: for=6.6.6.6\r\n";
    let found = seen(&server, "/proxied", sent)?;
    assert_eq!(found["XRealIp"], "192.0.2.7");
    assert_eq!(found["Scheme"], "https");
    assert_eq!(found["x-forwarded-for"], "192.0.2.7, 127.0.0.1");
    Ok(())
}

/// Then REMOTE_ADDR is the client, and the layer trusts no proxy.
fn real_ip_of_nginx(installed: &Installed) -> Result {
    let application = Application::start()?;
    let real_ip = "real_ip_header X-Forwarded-For; set_real_ip_from 127.0.0.1; real_ip_recursive on;";
    let config = NGINX.replace("fastcgi_pass app;", &format!("fastcgi_pass app; {real_ip}"));
    let server = installed.start(&config, &[("app.sock", &application.path() as &dyn Display)])?;
    let found = seen(&server, "/", "X-Forwarded-For: 6.6.6.6, 192.0.2.7\r\n")?;
    assert_eq!(found["XRealIp"], "192.0.2.7");
    assert_eq!(found["x-forwarded-for"], "192.0.2.7");
    Ok(())
}

fn seen(server: &Running, path: &str, headers: &str) -> Result<Seen> {
    let response = server.ask("GET", path, headers, "")?;
    assert_eq!(response.status, 200, "{}\n{}", response.head, server.logs());
    Ok(serde_json::from_str(&response.body)?)
}

/// What the test's client really is: see `test_support::ask`.
fn truth(server: &Running, sends_port: bool) -> Seen {
    let host = format!("127.0.0.1:{}", server.port);
    let addr = "127.0.0.1".to_owned();
    let truth = [
        ("forwarded", format!("for=127.0.0.1;host=\"{host}\";proto=http")),
        ("x-forwarded-for", addr.clone()),
        ("x-forwarded-host", host.clone()),
        ("x-forwarded-proto", "http".to_owned()),
        ("x-real-ip", addr.clone()),
        ("RightmostXForwardedFor", addr.clone()),
        ("XRealIp", addr),
        ("Host", host),
        ("Scheme", "http".to_owned()),
    ];
    let mut truth: Seen = truth.map(|(name, value)| (name.to_owned(), value)).into();
    if sends_port {
        truth.insert("x-forwarded-port".to_owned(), server.port.to_string());
    }
    truth
}
