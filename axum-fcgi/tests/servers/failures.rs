//! Handlers and bodies that fail, and where the failure is reported.

use std::time::Duration;

use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use http_body_util::BodyExt as _;
use libtest_mimic::Failed;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::runner::Outcome;
use crate::setup::Seen;
use crate::site::Site;

/// A panic is a 500 without details for the client, and the next request is served.
pub(crate) async fn panic_is_a_500(site: Site) -> Outcome {
    for _ in 0..3 {
        let response = site.get("/panic").await?;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!String::from_utf8_lossy(response.body()).contains("teapot"));
        assert_eq!(site.get("/well").await?.body(), "well");
    }
    Ok(Seen::Usual)
}

pub(crate) async fn broken_body_of_a_declared_length(site: Site) -> Outcome {
    broken(&site, "/breaks/declared").await
}

pub(crate) async fn broken_body_of_no_length(site: Site) -> Outcome {
    broken(&site, "/breaks/unknown").await
}

/// A body that fails before any of the response was sent: over HTTP the web server would respond 502.
pub(crate) async fn failure_at_once_is_a_500(site: Site) -> Outcome {
    for how in ["error", "panic", "frame", "short"].into_iter().cycle().take(20) {
        let response = site.get(&format!("/fails/{how}")).await?;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR, "{how}");
        assert!(!String::from_utf8_lossy(response.body()).contains("some"), "{how}");
    }
    assert_eq!(site.get("/well").await?.body(), "well");
    Ok(Seen::Usual)
}

/// A body that fails after only the head was sent, so that a web server may read both at once. Which comes
/// first is a race, so the test repeats until it sees this.
pub(crate) async fn broken_body_right_after_the_head(site: Site) -> Outcome {
    for _ in 0..40 {
        let seen = broken(&site, "/fails/behind").await?;
        if seen != Seen::Usual {
            return Ok(seen);
        }
    }
    Ok(Seen::Usual)
}

/// The client gets an error or an incomplete response; and the next request is served.
async fn broken(site: &Site, target: &str) -> Outcome {
    let exchange = async {
        let response = site.open(Request::get(target).body(Body::empty())?).await?;
        let status = response.status();
        let whole = response.into_body().collect().await.is_ok();
        Ok::<_, Failed>((status, whole))
    };
    let seen = match tokio::time::timeout(site.patience, exchange).await {
        Err(_) => Seen::instead("the client waits"),
        Ok(Ok((StatusCode::OK, true))) => Seen::instead("looks complete"),
        Ok(_) => Seen::Usual,
    };
    assert_eq!(site.get("/well").await?.body(), "well");
    Ok(seen)
}

/// An invalid client request is not an error of the web server, which would otherwise log a line for each.
pub(crate) async fn client_errors_are_not_in_the_log(site: Site) -> Outcome {
    let mut connection = site.connect().await?;
    connection.write_all(b"GET /\xff HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
    let mut response = Vec::new();
    connection.read_to_end(&mut response).await?;
    assert!(response.starts_with(b"HTTP/1.1 4"), "{}", response.escape_ascii());
    // Real errors come after it, if the web server logs any.
    assert_eq!(site.get("/panic").await?.status(), StatusCode::INTERNAL_SERVER_ERROR);
    let logged = site.logs("a teapot has a crack");
    let _ = tokio::time::timeout(Duration::from_millis(500), logged).await;
    assert!(!site.log().contains("cannot be served"), "{}", site.log());
    Ok(Seen::Usual)
}

/// Panics until the log must have the text of one.
const PANICS: u32 = 5;

/// The log has what a handler writes to STDERR, and the text of its panic.
pub(crate) async fn stderr_is_in_the_log(site: Site) -> Outcome {
    let log_check = async {
        let mut call = site.switchboard.called().await?;
        let logged = site.logs("a line for the log").await;
        call.say().await;
        Ok::<_, Failed>(logged)
    };
    let (response, logged) = tokio::try_join!(site.get("/stderr"), log_check)?;
    assert_eq!(response.body(), "written");
    // A panic's text follows the head. lighttpd ends a CGI program once the response has its length, so cgi-fcgi may not have
    // read the text by then.
    let mut panic_logged = false;
    for _ in 0..PANICS {
        assert_eq!(site.get("/panic").await?.status(), StatusCode::INTERNAL_SERVER_ERROR);
        panic_logged = site.logs_within("a teapot has a crack", site.patience / PANICS).await;
        if panic_logged {
            break;
        }
    }
    Ok(if logged && panic_logged { Seen::Usual } else { Seen::instead("nothing") })
}
