//! Files that the web server sends after the application has authorized the request.
//!
//! ```sh
//! FCGI_LISTEN=127.0.0.1:9000 FILES=/srv/files cargo run -p files
//! nginx -p /tmp -c $PWD/examples/files/nginx.conf
//! curl -H 'X-Token: secret' -r 0-9 http://127.0.0.1:8080/files/some/file.txt
//! ```
//!
//! The folder also has configurations for other web servers. They need another header: `SEND_BY=x-sendfile` for lighttpd,
//! Caddy and Debian 13's Apache, `SEND_BY=x-sendfile-verbatim` for mod_xsendfile 0.12 of Debian 12.

use std::{env, io};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum_fcgi::{SendFileHeader, SendFiles};

fn app(files: SendFiles) -> Router {
    Router::new().route("/files/{*path}", get(file)).with_state(files)
}

/// Names the file to send. The web server handles ranges and conditional requests, and responds with 404 if the file does
/// not exist.
async fn file(State(files): State<SendFiles>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    if headers.get("x-token").is_none_or(|token| token != "secret") {
        return StatusCode::FORBIDDEN.into_response();
    }
    files.file(&path).into_response()
}

/// Returns the header for the web server. Each web server knows only one, and would forward the other to the client.
fn send_by(name: &str) -> Option<SendFileHeader> {
    match name {
        // nginx's internal location for the folder; clients cannot request it.
        "x-accel-redirect" => Some(SendFileHeader::XAccelRedirect { location: "/internal/".to_owned() }),
        "x-sendfile" => Some(SendFileHeader::XSendfile),
        "x-sendfile-verbatim" => Some(SendFileHeader::XSendfileVerbatim),
        _ => None,
    }
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let root = env::var_os("FILES")
        .ok_or_else(|| io::Error::other("FILES is not set: set it to the folder with the files"))?;
    let by = env::var("SEND_BY").unwrap_or_else(|_| "x-accel-redirect".to_owned());
    let by = send_by(&by).ok_or_else(|| {
        io::Error::other("SEND_BY must be x-accel-redirect (nginx), x-sendfile or x-sendfile-verbatim")
    })?;
    serve(app(SendFiles::new(root, by))).await
}

#[cfg(unix)]
async fn serve(router: Router) -> io::Result<()> {
    axum_fcgi::serve_auto(router).await
}

/// `serve_auto` needs Unix. This always listens at the address of the configurations.
#[cfg(not(unix))]
async fn serve(router: Router) -> io::Result<()> {
    axum_fcgi::serve(axum_fcgi::FcgiListener::bind("127.0.0.1:9000")?, router).await
}
