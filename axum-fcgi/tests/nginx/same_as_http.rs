//! One router served twice, over plain HTTP by `axum::serve` and behind nginx by `axum_fcgi::serve`: a client
//! must not see a difference.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header},
};
use bytes::Bytes;
use libtest_mimic::Failed;
use tokio::net::TcpListener;

use crate::{
    http,
    site::{Place, Site},
};

/// Headers that nginx and hyper set, not the application.
const NOT_COMPARED: [HeaderName; 4] = [
    // Each server has its own clock.
    header::DATE,
    // nginx sends its name, hyper sends nothing.
    header::SERVER,
    // nginx sends `keep-alive`, which is HTTP's default and which hyper omits; `close` depends on how much of
    // a request's body each server is willing to discard.
    header::CONNECTION,
    // The framing of a body of unknown length is up to the server.
    header::TRANSFER_ENCODING,
];

pub(crate) struct Twins {
    behind_nginx: Site,
    over_http: SocketAddr,
}

impl Twins {
    /// Serves two separate routers made by the same function, so that they share no state that a request may
    /// change.
    pub(crate) async fn serve(place: Place, router: impl Fn() -> Router) -> Result<Self, Failed> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let over_http = listener.local_addr()?;
        let service = router().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(axum::serve(listener, service).into_future());
        Ok(Self { behind_nginx: place.serve(router()).await?, over_http })
    }

    /// Sends the request to both, compares, and returns the response of both.
    pub(crate) async fn ask<B>(&self, request: Request<B>) -> Result<Response<Bytes>, Failed>
    where
        B: Into<Body> + Clone,
    {
        let title = format!("{} {}", request.method(), request.uri());
        let expected = http::send(self.over_http, request.clone().map(Into::into)).await?;
        let response = self.behind_nginx.send(request.map(Into::into)).await?;
        assert_eq!(response.status(), expected.status(), "{title}");
        assert_eq!(response.body(), expected.body(), "{title}");
        assert_eq!(compared(response.headers()), compared(expected.headers()), "{title}");
        Ok(response)
    }

    pub(crate) async fn get(&self, uri: &str) -> Result<Response<Bytes>, Failed> {
        self.ask(Request::get(uri).body("")?).await
    }
}

/// The values of each name in order; the order of the names does not matter.
fn compared(headers: &HeaderMap) -> BTreeMap<&str, Vec<&HeaderValue>> {
    let mut compared: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, value) in headers {
        if !NOT_COMPARED.contains(name) {
            compared.entry(name.as_str()).or_default().push(value);
        }
    }
    compared
}
