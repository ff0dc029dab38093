//! One program for shared hosting (FastCGI or CGI), for systemd, and for a shell.
//!
//! Behind your own web server:
//!
//! ```sh
//! FCGI_LISTEN=127.0.0.1:9000 cargo run -p shared-hosting
//! ```
//!
//! On shared hosting, put this folder's `.htaccess` and two executable copies of the program, `app.fcgi` and `app.cgi`,
//! into a folder of the web site. For systemd, see `app.service` and `app.socket`.

use std::io;

use axum::Router;
use axum::routing::{get, post};

fn app() -> Router {
    Router::new()
        .route("/", get(async || "Hello, World!\n"))
        .route("/shout", post(async |text: String| text.to_uppercase()))
}

// One thread: a host may limit threads, and as a CGI program each request is a separate process.
#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    axum_fcgi::serve_auto(app()).await
}
