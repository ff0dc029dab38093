//! An authorizer: lighttpd or Apache asks it whether a client may read a file, and sends the file itself.
//!
//! ```sh
//! cargo run -p authorizer -- 127.0.0.1:9000
//! lighttpd -D -f examples/authorizer/lighttpd.conf    # or Apache with apache.conf
//! curl -u alice:secret http://127.0.0.1:8080/guarded/file.txt
//! ```

use axum::Router;
use axum::handler::HandlerWithoutStateExt as _;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response, Result};
use axum_fcgi::{Address, Authorized, FcgiListener, Params};

/// `alice:secret`, as a browser sends it.
const ALICE: &str = "Basic YWxpY2U6c2VjcmV0";

/// Decides from the method, path and headers of the client's request. Only an [`Authorized`] response allows it.
async fn authorize(headers: HeaderMap, params: Params) -> Result<Response> {
    // lighttpd passes the header; Apache decodes it and passes name and password.
    let from_header = headers.get("authorization").is_some_and(|value| value == ALICE);
    let from_params =
        (params.get_str("REMOTE_USER"), params.get_str("REMOTE_PASSWD")) == (Some("alice"), Some("secret"));
    if from_header || from_params {
        // The web server adds this variable to the request.
        return Ok(Authorized::new().variable("AUTH_NAME", "alice")?.into_response());
    }
    // lighttpd sends this response to the client; Apache sends its own 401 instead.
    Err((StatusCode::UNAUTHORIZED, [(WWW_AUTHENTICATE, "Basic realm=\"guarded\"")], "not you\n").into())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address: Address = std::env::args().nth(1).ok_or("usage: authorizer ADDRESS")?.parse()?;
    // The Router for Responder requests is empty: this program only authorizes.
    let pages = Router::new();
    axum_fcgi::serve(FcgiListener::bind(&address)?, pages).with_authorizer(authorize.into_service()).await?;
    Ok(())
}
