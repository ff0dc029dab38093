//! The application, which responds with what it and its libraries take the client for.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Json, Router};
use axum_client_ip::{RightmostXForwardedFor, XRealIp};
#[expect(deprecated, reason = "applications still use them")]
use axum_extra::extract::{Host, Scheme, SchemeMissing};
use axum_fcgi::{AllowList, ForwardedHeaders, TrustedProxies, UnixSocket};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// What a handler sees of a client: each header that reports it, and what libraries make of them, by the extractor's name.
pub(crate) type Seen = BTreeMap<String, String>;

/// Serves the same Router over FastCGI at a unix socket, and over HTTP at a port.
pub(crate) struct Application {
    directory: TempDir,
    http_port: u16,
    _runtime: Runtime,
}

impl Application {
    pub(crate) fn start() -> test_support::Result<Self> {
        let directory = tempfile::tempdir()?;
        // Apache's workers run as another user.
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755))?;
        let runtime = Runtime::new()?;
        let _entered = runtime.enter();
        let socket = UnixSocket::new(directory.path().join("app.sock")).mode(0o666).bind()?;
        runtime.spawn(axum_fcgi::serve(socket, app()).into_future());
        let http = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let http_port = http.local_addr()?.port();
        runtime.spawn(axum::serve(http, app()).into_future());
        Ok(Self { directory, http_port, _runtime: runtime })
    }

    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn path(&self) -> String {
        self.directory().join("app.sock").display().to_string()
    }

    pub(crate) const fn http_port(&self) -> u16 {
        self.http_port
    }
}

fn app() -> Router {
    let proxies = TrustedProxies::new(AllowList::loopback()).with_proto();
    let proxied = ForwardedHeaders::new().with_trusted_proxies(proxies);
    Router::new()
        .route("/", get(seen).layer(ForwardedHeaders::new()))
        .route("/proxied", get(seen).layer(proxied))
        .route("/without", get(seen))
}

#[expect(deprecated, reason = "applications still use them")]
async fn seen(
    headers: HeaderMap,
    x_forwarded_for: Result<RightmostXForwardedFor, axum_client_ip::Rejection>,
    x_real_ip: Result<XRealIp, axum_client_ip::Rejection>,
    host: Option<Host>,
    scheme: Result<Scheme, SchemeMissing>,
) -> Json<Seen> {
    let mut seen = Seen::new();
    for (name, value) in &headers {
        let name = name.as_str();
        if name.starts_with("x-forwarded-") || name == "forwarded" || name == "x-real-ip" {
            let values = seen.entry(name.to_owned()).or_default();
            *values += &String::from_utf8_lossy(value.as_bytes());
        }
    }
    let extracted = [
        ("RightmostXForwardedFor", x_forwarded_for.ok().map(|found| found.0.to_string())),
        ("XRealIp", x_real_ip.ok().map(|found| found.0.to_string())),
        ("Host", host.map(|found| found.0)),
        ("Scheme", scheme.ok().map(|found| found.0)),
    ];
    seen.extend(extracted.into_iter().filter_map(|(name, found)| Some((name.to_owned(), found?))));
    Json(seen)
}
