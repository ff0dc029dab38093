//! Requests without a body, and what their answers are made of.

use axum::body::Body;
use axum::extract::Request;
use axum::http::{StatusCode, header};

use crate::runner::Outcome;
use crate::setup::Seen;
use crate::site::Site;

/// Path and query arrive as they were sent.
pub(crate) async fn target(site: Site) -> Outcome {
    for target in ["/target/a?q=1&r=%26", "/target/x%20y/%C3%A9", "/target/a%2Fb"] {
        let answer = site.get(target).await?;
        assert_eq!((answer.status(), answer.body().as_ref()), (StatusCode::OK, target.as_bytes()));
    }
    Ok(Seen::Usual)
}

/// No body follows, though the handler has made one.
pub(crate) async fn head(site: Site) -> Outcome {
    for target in ["/well", "/large"] {
        let answer = site.send(Request::head(target).body(Body::empty())?).await?;
        assert_eq!(answer.status(), StatusCode::OK);
        assert!(answer.body().is_empty());
    }
    Ok(Seen::Usual)
}

pub(crate) async fn statuses(site: Site) -> Outcome {
    for code in [200, 201, 204, 304, 404, 418, 503] {
        let answer = site.get(&format!("/status/{code}")).await?;
        assert_eq!(answer.status(), code);
        // Some have error pages of their own for an empty one.
        assert!(code > 400 || answer.body().is_empty(), "{code}");
    }
    Ok(Seen::Usual)
}

/// A Location does not turn the status into another, nor does the web server follow it.
pub(crate) async fn redirects(site: Site) -> Outcome {
    for code in [201, 301, 302, 303, 307, 308] {
        let answer = site.get(&format!("/redirect/{code}")).await?;
        assert_eq!(answer.status(), code);
        let location = answer.headers()[header::LOCATION].to_str()?;
        assert!(location.ends_with("/well?from=here"), "{location}");
        assert_eq!(answer.body(), "elsewhere");
    }
    Ok(Seen::Usual)
}

/// `ConnectInfo` is the client of the web server.
pub(crate) async fn client_address(site: Site) -> Outcome {
    let stream = site.connect().await?;
    let client = stream.local_addr()?.to_string();
    let request = Request::get("/client").body(Body::empty())?;
    let answer = crate::http::collect(crate::http::open_on(stream, request).await?).await?;
    assert_eq!(answer.body(), &client);
    Ok(Seen::Usual)
}

/// `Proxy` is what CGI calls HTTP_PROXY, which libraries take for the administrator's word.
pub(crate) async fn no_proxy_header(site: Site) -> Outcome {
    let request = Request::get("/headers/proxy").header("proxy", "http://evil.example");
    let answer = site.send(request.body(Body::empty())?).await?;
    assert_eq!((answer.status(), answer.body().as_ref()), (StatusCode::OK, &b""[..]));
    Ok(Seen::Usual)
}
