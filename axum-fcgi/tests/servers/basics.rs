//! Requests without a body, and the parts of their responses.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};

use crate::runner::Outcome;
use crate::setup::Seen;
use crate::site::Site;

/// Path and query arrive as they were sent.
pub(crate) async fn target(site: Site) -> Outcome {
    for target in ["/target/a?q=1&r=%26", "/target/x%20y/%C3%A9", "/target/a%2Fb"] {
        let response = site.get(target).await?;
        assert_eq!((response.status(), response.body().as_ref()), (StatusCode::OK, target.as_bytes()));
    }
    Ok(Seen::Usual)
}

/// A response to HEAD has no body, though the handler returns one.
pub(crate) async fn head(site: Site) -> Outcome {
    for target in ["/well", "/large"] {
        let response = site.send(Request::head(target).body(Body::empty())?).await?;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(response.body().is_empty());
    }
    Ok(Seen::Usual)
}

pub(crate) async fn statuses(site: Site) -> Outcome {
    for code in [200, 201, 204, 304, 404, 418, 503] {
        let response = site.get(&format!("/status/{code}")).await?;
        assert_eq!(response.status(), code);
        // Some web servers replace an empty error body with an error page of their own.
        assert!(code > 400 || response.body().is_empty(), "{code}");
    }
    Ok(Seen::Usual)
}

/// A Location header does not change the status, and the web server does not follow it.
pub(crate) async fn redirects(site: Site) -> Outcome {
    for code in [201, 301, 302, 303, 307, 308] {
        let response = site.get(&format!("/redirect/{code}")).await?;
        assert_eq!(response.status(), code);
        let location = response.headers()[header::LOCATION].to_str()?;
        assert!(location.ends_with("/well?from=here"), "{location}");
        assert_eq!(response.body(), "elsewhere");
    }
    Ok(Seen::Usual)
}

/// `ConnectInfo` is the web server's client.
pub(crate) async fn client_address(site: Site) -> Outcome {
    let stream = site.connect().await?;
    let client = stream.local_addr()?.to_string();
    let request = Request::get("/client").body(Body::empty())?;
    let response = crate::http::collect(crate::http::open_on(stream, request).await?).await?;
    assert_eq!(response.body(), &client);
    Ok(Seen::Usual)
}

/// CGI would call `Proxy` HTTP_PROXY, which libraries trust as the administrator's setting (httpoxy).
pub(crate) async fn no_proxy_header(site: Site) -> Outcome {
    let request = Request::get("/headers/proxy").header("proxy", "http://evil.example");
    let response = site.send(request.body(Body::empty())?).await?;
    assert_eq!((response.status(), response.body().as_ref()), (StatusCode::OK, &b""[..]));
    Ok(Seen::Usual)
}
