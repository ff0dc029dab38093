//! Files that nginx sends, after the application has decided who may have them.
//!
//! ```sh
//! FCGI_LISTEN=127.0.0.1:9000 FILES=/srv/files cargo run -p files
//! nginx -p /tmp -c $PWD/examples/files/nginx.conf
//! curl -H 'X-Token: secret' -r 0-9 http://127.0.0.1:8080/files/some/file.txt
//! ```

use std::io;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum_fcgi::{SendFileBy, SendFiles};

fn app(files: SendFiles) -> Router {
    Router::new().route("/files/{*path}", get(file)).with_state(files)
}

/// What nginx is told to send: ranges, conditions, and a 404 where there is no such file, are its business.
async fn file(State(files): State<SendFiles>, Path(path): Path<String>, headers: HeaderMap) -> Response {
    if headers.get("x-token").is_none_or(|token| token != "secret") {
        return StatusCode::FORBIDDEN.into_response();
    }
    files.file(&path).into_response()
}

#[tokio::main]
async fn main() -> io::Result<()> {
    let root = std::env::var_os("FILES").ok_or_else(|| io::Error::other("FILES says where the files are"))?;
    // nginx knows the folder by this name, and nobody else can ask for it.
    let by = SendFileBy::XAccelRedirect { location: "/internal/".to_owned() };
    axum_fcgi::serve_auto(app(SendFiles::new(root, by))).await
}
