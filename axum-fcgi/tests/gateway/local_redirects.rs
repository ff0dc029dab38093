//! A Location without a Status, which CGI's local redirect is (RFC 3875 §6.2.2).

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use libtest_mimic::Trial;

use crate::client::ask;
use crate::fpm::{Fpm, trial};
use crate::internal_files::script;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("local_redirects_are_off_by_default", off),
        trial("a_local_redirect_keeps_head_and_cookies", followed),
        trial("local_redirects_are_bounded", bounded),
    ]
}

fn router(fpm: &Fpm, local_redirects: u8) -> Router {
    Router::new().nest_service("/php", fpm.scripts().local_redirects(local_redirects))
}

/// A request whose response has no Status, since PHP sends none for 200, although it has a Location.
fn redirect(method: &str, headers: &[&str]) -> Request {
    let uri = format!("/php{}", script(headers, "status=200"));
    Request::builder().method(method).uri(uri).header("host", "a").body(Body::empty()).unwrap()
}

/// As nginx does it.
async fn off(fpm: Fpm) {
    let response = ask(&router(&fpm, 0), redirect("GET", &["Location: /php/hello.php"])).await;
    assert_eq!((response.status, response.header("location")), (302, Some("/php/hello.php")));
    assert_eq!(response.text(), "a body of PHP");
    // header('Location: …') alone has a Status.
    let request = Request::get("/php/do.php?what=redirect").header("host", "a").body(Body::empty()).unwrap();
    let response = ask(&router(&fpm, 1), request).await;
    assert_eq!((response.status, response.header("location")), (302, Some("/elsewhere")));
}

async fn followed(fpm: Fpm) {
    let router = router(&fpm, 2);
    let headers = ["Location: /php/index.php/x?a=b", "Set-Cookie: one=1", "X-Own: 1"];
    let response = ask(&router, redirect("POST", &headers)).await;
    assert_eq!((response.status, response.variable("REQUEST_METHOD")), (200, Some("GET")));
    assert_eq!(response.variable("REQUEST_URI"), Some("/php/index.php/x?a=b"));
    assert_eq!(response.variable("PATH_INFO"), Some("/x"));
    // As in Apache: cookies stay, other headers do not.
    assert_eq!((response.header("set-cookie"), response.header("x-own")), (Some("one=1"), None));

    let head = ["Location: /php/loop.php?end", "Set-Cookie: two=2"];
    let response = ask(&router, redirect("HEAD", &head)).await;
    assert_eq!((response.status, response.header("x-method")), (200, Some("HEAD")));
    assert_eq!(response.header("set-cookie"), Some("two=2"));

    for elsewhere in ["/other/index.php", "/phpx", "//example.org/"] {
        let response = ask(&router, redirect("GET", &[&format!("Location: {elsewhere}")])).await;
        assert_eq!((response.status, response.header("location")), (302, Some(elsewhere)));
    }
    for (malformed, status) in [("/php/../secret", 400), ("/php/none.php", 404)] {
        let response = ask(&router, redirect("GET", &[&format!("Location: {malformed}")])).await;
        assert_eq!(response.status, status, "{malformed}");
    }
}

/// The script redirects to itself.
async fn bounded(fpm: Fpm) {
    let request = Request::get("/php/loop.php").header("host", "a").body(Body::empty()).unwrap();
    let response = ask(&router(&fpm, 3), request).await;
    assert_eq!((response.status, response.header("location")), (302, Some("/php/loop.php")));
    let log = fpm.log.lock().unwrap();
    assert_eq!(String::from_utf8_lossy(&log).matches("around").count(), 4, "once, and three redirects");
}
