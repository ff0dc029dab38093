//! A Filter (FastCGI §6.4): the web server sends a file with the request, and the response is made from it.
//!
//! ```sh
//! cargo run -p filter -- 127.0.0.1:9000
//! ```
//!
//! No known web server uses this role, so there is no configuration. The test shows what a web server would have to send.

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::http::StatusCode;
use axum_fcgi::{Address, FcgiListener, FilterData};

/// Larger files are rejected.
const MAX_FILE: usize = 1 << 20;

/// Responds with the file's lines, numbered. The body, which may hold the first number, precedes the file, so it is read
/// first.
async fn number(file: FilterData, body: Bytes) -> Result<String, StatusCode> {
    let first: usize = match std::str::from_utf8(&body).map(str::trim) {
        Ok("") => 1,
        Ok(text) => text.parse().map_err(|_| StatusCode::BAD_REQUEST)?,
        Err(_) => return Err(StatusCode::BAD_REQUEST),
    };
    // Fails if the file is too large or incomplete.
    let text = to_bytes(file.into_body(), MAX_FILE).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().zip(first..).map(|(line, number)| format!("{number}\t{line}\n"));
    Ok(lines.collect())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address: Address = std::env::args().nth(1).ok_or("usage: filter ADDRESS")?.parse()?;
    // Responder requests, which have no file, go to this Router.
    let pages = Router::new().fallback(async || (StatusCode::NOT_FOUND, "this application needs a file\n"));
    let filter = Router::new().fallback(number);
    axum_fcgi::serve(FcgiListener::bind(&address)?, pages).with_filter(filter).await?;
    Ok(())
}
