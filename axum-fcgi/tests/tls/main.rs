//! The facts that each web server sends about a client's TLS connection and certificate.
//!
//! `cargo test -p axum-fcgi --test tls` runs the tests. If a web server is missing, its test is ignored and
//! says so; with `CI=true` it fails instead.

mod application;
mod certificates;
mod client;
#[path = "../targets/parameters.rs"]
mod lists;
mod parameters;

use std::collections::BTreeMap;
use std::process::ExitCode;

use libtest_mimic::Trial;
use test_support::{Installed, Result, WebServer};

use self::certificates::Certificates;

/// A web server's configuration, and the facts that it sends.
struct Setup {
    server: WebServer,
    /// Modules that are separate packages.
    modules: &'static [&'static str],
    config: &'static str,
    /// Facts of every client.
    always: &'static [&'static str],
    /// Facts of a client with a certificate. For the others, the web server may say that there was none.
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
    let mut trials: Vec<_> = setups.map(trial).into();
    trials.push(
        WebServer::Nginx.trial("the_shipped_list_gives_the_same_facts", |nginx| parameters::check(&nginx)),
    );
    test_support::run(trials)
}

fn trial(setup: Setup) -> Trial {
    setup.server.trial_with(setup.modules, "tls_facts_reach_the_application", move |installed| {
        check_facts(&installed, &setup)
    })
}

fn check_facts(web_server: &Installed, setup: &Setup) -> Result {
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

/// `facts`: the names and values that the application got.
fn check(setup: &Setup, with_certificate: bool, mut facts: BTreeMap<String, String>) {
    let all_facts = format!("{:?}, with certificate: {with_certificate}: {facts:?}", setup.server);
    let mut take = |name: &str| facts.remove(name);
    assert_eq!(take("scheme").as_deref(), Some("https"), "{all_facts}");
    let is_expected = |name| setup.always.contains(&name) || setup.of_certificate.contains(&name);
    assert_eq!(take("protocol").as_deref(), is_expected("protocol").then_some("TLSv1.3"), "{all_facts}");
    assert_eq!(
        take("server_name").as_deref(),
        is_expected("server_name").then_some("localhost"),
        "{all_facts}"
    );
    let cipher = take("cipher");
    assert_eq!(cipher.is_some(), is_expected("cipher"), "{all_facts}");
    assert!(cipher.is_none_or(|cipher| cipher.starts_with("TLS_")), "{all_facts}");
    let verify = take("verify");
    if !with_certificate {
        // Some web servers say so, some send nothing.
        assert!(verify.is_none_or(|verify| verify == "NoCertificate"), "{all_facts}");
        assert_eq!(take("verified"), None, "{all_facts}");
        assert!(facts.is_empty(), "unexpected facts: {all_facts}");
        return;
    }
    assert_eq!(verify.as_deref(), is_expected("verify").then_some("Success"), "{all_facts}");
    for (name, own) in [("subject", "eve"), ("issuer", "an authority"), ("verified", "eve")] {
        let value = take(name);
        assert_eq!(
            value.is_some(),
            is_expected(name) || (name == "verified" && is_expected("subject")),
            "{all_facts}"
        );
        assert!(value.is_none_or(|value| value.contains(own)), "{all_facts}");
    }
    let serial = take("serial");
    assert_eq!(serial.is_some(), is_expected("serial"), "{all_facts}");
    let serial = serial.map(|serial| serial.trim_start_matches('0').to_ascii_uppercase());
    assert!(serial.is_none_or(|serial| serial == certificates::SERIAL), "{all_facts}");
    let cert = take("cert");
    assert_eq!(cert.is_some(), is_expected("cert"), "{all_facts}");
    assert!(cert.is_none_or(|cert| cert.contains("-----BEGIN CERTIFICATE-----")), "{all_facts}");
    assert!(facts.is_empty(), "unexpected facts: {all_facts}");
}
