//! nginx with the shipped list of parameters: the same facts as with Debian's, except those that the documentation says
//! it leaves out.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Json;
use axum::extract::{ConnectInfo, OriginalUri, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum_fcgi::{
    ClientProtocol, DocumentRoot, RedirectStatus, RemoteUser, RequestScheme, RequestUri, ScriptName,
    ServerAddr, ServerName, ServerSoftware,
};
use test_support::{Installed, Result, free_port};

use crate::certificates::Certificates;
use crate::client::{Told, send, send_over_tls};
use crate::{application, lists};

/// The facts of variables that only Debian's list has.
const LEFT_OUT: [&str; 6] =
    ["document root", "redirect status", "server addr", "server name", "server port", "server software"];

const CONFIG: &str = "daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events {}
http {
    access_log off;
    client_body_temp_path body;
    fastcgi_temp_path fastcgi;
    proxy_temp_path proxy;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    ssl_certificate /srv/tls/server.pem;
    ssl_certificate_key /srv/tls/server.key;
    SERVERS
}
";

pub(crate) fn check(nginx: &Installed) -> Result {
    let certificates = Certificates::new()?;
    let application = application::serve(certificates.directory())?;
    let servers = lists::lists().map(|(name, list)| {
        format!(
            "server {{ listen 127.0.0.1:8080; listen 127.0.0.1:8443 ssl; server_name {name};
             {list} location / {{ fastcgi_pass unix:/srv/tls/app.sock; }} }}"
        )
    });
    let config = CONFIG.replace("SERVERS", &servers.concat());
    let tls = free_port()?;
    let server =
        nginx.start(&config, &[("/srv/tls", &certificates.directory().display()), ("8443", &tls)])?;
    for scheme in ["http", "https"] {
        let facts_with = |list: &str| {
            let request = format!(
                "POST /a%20b//c?q=1 HTTP/1.0\r\nHost: {list}\r\n\
                 Content-Type: text/plain\r\nContent-Length: 4\r\n\r\nbody"
            );
            let told = match scheme {
                "http" => send(server.port, &request),
                _ => send_over_tls(tls, &certificates, false, &request),
            };
            let Told { mut facts, client } = told.map_err(|error| format!("{error}\n{}", server.logs()))?;
            assert_eq!(facts.remove("client"), Some(client.to_string()), "{list}");
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(facts)
        };
        let (shipped, mut debian) = (facts_with("shipped")?, facts_with("debian")?);
        for name in LEFT_OUT {
            assert!(debian.remove(name).is_some(), "Debian's list has no {name}");
        }
        assert_eq!(shipped, debian);
        let expected = [
            ("content length", "4"),
            ("content type", "text/plain"),
            ("request", "POST /a%20b//c?q=1 HTTP/1.0"),
            ("request uri", "/a%20b//c?q=1"),
            ("scheme", scheme),
            ("script name", "/a b/c"),
        ];
        assert_eq!(shipped, expected.map(|(name, fact)| (name.to_owned(), fact.to_owned())).into());
    }
    application.stop();
    Ok(())
}

type RequestFacts = (Option<RequestUri>, Option<ScriptName>, Option<RemoteUser>, Option<ClientProtocol>);
type ServerFacts = (Option<ServerAddr>, Option<ServerName>, Option<ServerSoftware>);
type FileFacts = (Option<DocumentRoot>, Option<RedirectStatus>);

pub(crate) async fn facts(
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    OriginalUri(target): OriginalUri,
    RequestScheme(scheme): RequestScheme,
    (request_uri, script_name, user, protocol): RequestFacts,
    (addr, name, software): ServerFacts,
    (root, status): FileFacts,
    request: Request,
) -> Json<BTreeMap<&'static str, String>> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let port = name.as_ref().and_then(|name| name.port);
    let all = [
        ("client", Some(client.to_string())),
        ("request", protocol.map(|protocol| format!("{} {target} {:?}", request.method(), protocol.0))),
        ("scheme", Some(scheme.to_string())),
        ("content type", header(CONTENT_TYPE)),
        ("content length", header(CONTENT_LENGTH)),
        ("request uri", request_uri.map(|uri| uri.0)),
        ("script name", script_name.map(|name| name.0)),
        ("server addr", addr.map(|addr| addr.0.to_string())),
        ("server name", name.map(|name| name.name)),
        ("server port", port.map(|port| port.to_string())),
        ("server software", software.map(|software| software.0)),
        ("document root", root.map(|root| root.0.display().to_string())),
        ("redirect status", status.map(|status| status.0.to_string())),
        ("user", user.map(|user| user.0)),
    ];
    Json(all.into_iter().filter_map(|(name, fact)| Some((name, fact?))).collect())
}
