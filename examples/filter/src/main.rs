//! A Filter (FastCGI §6.4): it answers from a file that the web server sends along with the request.
//!
//! ```sh
//! cargo run -p filter -- 127.0.0.1:9000
//! ```
//!
//! No web server of today is known to ask for one, so there is no configuration beside this; the test asks by hand, and is
//! what a web server would have to send.

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::http::StatusCode;
use axum_fcgi::{Address, FcgiListener, FilterData};

/// A file larger than this is refused.
const LARGEST: usize = 1 << 20;

/// Sends the file with its lines numbered. The request's body, which comes before the file, is read first.
async fn number(file: FilterData, body: Bytes) -> Result<String, StatusCode> {
    let first: usize = match std::str::from_utf8(&body).map(str::trim) {
        Ok("") => 1,
        Ok(text) => text.parse().map_err(|_| StatusCode::BAD_REQUEST)?,
        Err(_) => return Err(StatusCode::BAD_REQUEST),
    };
    // An error: larger than that, or cut short on its way.
    let text = to_bytes(file.into_body(), LARGEST).await.map_err(|_| StatusCode::BAD_GATEWAY)?;
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().zip(first..).map(|(line, number)| format!("{number}\t{line}\n"));
    Ok(lines.collect())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address: Address = std::env::args().nth(1).ok_or("usage: filter ADDRESS")?.parse()?;
    // Requests without a file are for the Router, as ever.
    let pages = Router::new().fallback(async || (StatusCode::NOT_FOUND, "a file is what I answer from\n"));
    let filter = Router::new().fallback(number);
    axum_fcgi::serve(FcgiListener::bind(&address)?, pages).with_filter(filter).await?;
    Ok(())
}
