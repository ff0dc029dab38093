//! What each web server tells of a client's TLS connection, and of its certificate.
//!
//! `cargo test -p axum-fcgi --test tls` runs them. Where a server is missing its test is ignored, and says so; with
//! `CI=true` it fails instead.

mod application;
mod certificates;
mod client;

use std::collections::BTreeMap;
use std::process::ExitCode;

use test_support::{Installed, Result, WebServer};

use self::certificates::Certificates;

/// A web server's configuration, and what it tells.
struct Setup {
    server: WebServer,
    /// Modules that are packages of their own.
    modules: &'static [&'static str],
    config: &'static str,
    /// Facts of every client.
    always: &'static [&'static str],
    /// Facts of a client that has shown a certificate; the others say, if anything, that there was none.
    of_certificate: &'static [&'static str],
}

const CONNECTION: &[&str] = &["cipher", "protocol"];
const WITH_NAME: &[&str] = &["cipher", "protocol", "server_name"];
const ALL: &[&str] = &["cert", "issuer", "serial", "subject", "verify"];

fn main() -> ExitCode {
    let setups = [
        Setup {
            server: WebServer::Nginx,
            modules: &[],
            config: include_str!("nginx.conf"),
            always: WITH_NAME,
            of_certificate: ALL,
        },
        Setup {
            server: WebServer::Apache,
            modules: &[],
            config: include_str!("apache.conf"),
            always: WITH_NAME,
            of_certificate: ALL,
        },
        Setup {
            server: WebServer::Lighttpd,
            modules: &["/usr/lib/lighttpd/mod_openssl.so"],
            config: include_str!("lighttpd.conf"),
            always: CONNECTION,
            of_certificate: &["cert", "serial", "subject", "verify"],
        },
        Setup {
            server: WebServer::Caddy,
            modules: &[],
            config: include_str!("Caddyfile"),
            always: CONNECTION,
            of_certificate: &[],
        },
        Setup {
            server: WebServer::Haproxy,
            modules: &[],
            config: include_str!("haproxy.cfg"),
            always: WITH_NAME,
            of_certificate: &["issuer", "serial", "subject", "verify"],
        },
        Setup {
            server: WebServer::H2o,
            modules: &[],
            config: include_str!("h2o.conf"),
            always: &[],
            of_certificate: &[],
        },
    ];
    test_support::run(
        setups
            .map(|setup| {
                setup
                    .server
                    .trial_with(setup.modules, "tells_of_tls", move |installed| tells(&installed, &setup))
            })
            .into(),
    )
}

fn tells(web_server: &Installed, setup: &Setup) -> Result {
    let certificates = Certificates::new()?;
    let application = application::serve(certificates.directory())?;
    let directory = certificates.directory().display();
    let server = web_server.start(setup.config, &[("/srv/tls", &directory)])?;
    for with_certificate in [false, true] {
        let facts = client::get(server.port, &certificates, with_certificate)
            .map_err(|error| format!("{error}\n{}", server.logs()))?;
        check(setup, with_certificate, facts);
    }
    application.stop();
    Ok(())
}

/// `facts`: those that the application was told, and what they are.
fn check(setup: &Setup, with_certificate: bool, mut facts: BTreeMap<String, String>) {
    let whole = format!("{:?}, with certificate: {with_certificate}: {facts:?}", setup.server);
    let mut take = |name: &str| facts.remove(name);
    assert_eq!(take("scheme").as_deref(), Some("https"), "{whole}");
    let is_told = |name| setup.always.contains(&name) || setup.of_certificate.contains(&name);
    assert_eq!(take("protocol").as_deref(), is_told("protocol").then_some("TLSv1.3"), "{whole}");
    assert_eq!(take("server_name").as_deref(), is_told("server_name").then_some("localhost"), "{whole}");
    let cipher = take("cipher");
    assert_eq!(cipher.is_some(), is_told("cipher"), "{whole}");
    assert!(cipher.is_none_or(|cipher| cipher.starts_with("TLS_")), "{whole}");
    let verify = take("verify");
    if !with_certificate {
        // Some say so, some say nothing.
        assert!(verify.is_none_or(|verify| verify == "NoCertificate"), "{whole}");
        assert_eq!(take("verified"), None, "{whole}");
        assert!(facts.is_empty(), "more than was expected: {whole}");
        return;
    }
    assert_eq!(verify.as_deref(), is_told("verify").then_some("Success"), "{whole}");
    for (name, own) in [("subject", "eve"), ("issuer", "an authority"), ("verified", "eve")] {
        let told = take(name);
        assert_eq!(told.is_some(), is_told(name) || (name == "verified" && is_told("subject")), "{whole}");
        assert!(told.is_none_or(|told| told.contains(own)), "{whole}");
    }
    let serial = take("serial");
    assert_eq!(serial.is_some(), is_told("serial"), "{whole}");
    let serial = serial.map(|serial| serial.trim_start_matches('0').to_ascii_uppercase());
    assert!(serial.is_none_or(|serial| serial == certificates::SERIAL), "{whole}");
    let cert = take("cert");
    assert_eq!(cert.is_some(), is_told("cert"), "{whole}");
    assert!(cert.is_none_or(|cert| cert.contains("-----BEGIN CERTIFICATE-----")), "{whole}");
    assert!(facts.is_empty(), "more than was expected: {whole}");
}
