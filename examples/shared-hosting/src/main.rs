//! One program for a web host's FastCGI or CGI, for systemd, and for a shell.
//!
//! Behind a web server of your own:
//!
//! ```sh
//! FCGI_LISTEN=127.0.0.1:9000 cargo run -p shared-hosting
//! ```
//!
//! On shared hosting, put the program and the `.htaccess` beside this into a folder of the web site, the program
//! as `app.fcgi` and once more as `app.cgi`, both executable. Under systemd, see `app.service` and `app.socket`.

use std::io;

use axum::Router;
use axum::routing::{get, post};

fn app() -> Router {
    Router::new()
        .route("/", get(async || "Hello, World!\n"))
        .route("/shout", post(async |text: String| text.to_uppercase()))
}

// One thread: a host may count them, and as a CGI program each request is a process of its own.
#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    axum_fcgi::serve_auto(app()).await
}
