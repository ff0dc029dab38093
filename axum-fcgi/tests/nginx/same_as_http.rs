//! One router served twice, over plain HTTP by `axum::serve` and behind nginx by `axum_fcgi::serve`: a client
//! must not be able to tell which is which.

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

/// Headers that are nginx's business or hyper's, and not the application's.
const NOT_COMPARED: [HeaderName; 4] = [
    // Each web server has a clock.
    header::DATE,
    // nginx says its name, hyper says nothing.
    header::SERVER,
    // nginx says `keep-alive` where hyper leaves HTTP's default unsaid; `close` depends on how much of a
    // request's body each of them is ready to throw away.
    header::CONNECTION,
    // How a body of unknown length is framed on this very connection.
    header::TRANSFER_ENCODING,
];

pub(crate) struct Twins {
    behind_nginx: Site,
    over_http: SocketAddr,
}

impl Twins {
    /// Serves two routers made in the same way; two of them, since one might have a state that the other
    /// one's requests would change.
    pub(crate) async fn serve(place: Place, router: impl Fn() -> Router) -> Result<Self, Failed> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let over_http = listener.local_addr()?;
        let service = router().into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(axum::serve(listener, service).into_future());
        Ok(Self { behind_nginx: place.serve(router()).await?, over_http })
    }

    /// Asks both, compares, and returns what both have answered.
    pub(crate) async fn ask<B>(&self, request: Request<B>) -> Result<Response<Bytes>, Failed>
    where
        B: Into<Body> + Clone,
    {
        let asked = format!("{} {}", request.method(), request.uri());
        let expected = http::send(self.over_http, request.clone().map(Into::into)).await?;
        let answer = self.behind_nginx.send(request.map(Into::into)).await?;
        assert_eq!(answer.status(), expected.status(), "{asked}");
        assert_eq!(answer.body(), expected.body(), "{asked}");
        assert_eq!(compared(answer.headers()), compared(expected.headers()), "{asked}");
        Ok(answer)
    }

    pub(crate) async fn get(&self, uri: &str) -> Result<Response<Bytes>, Failed> {
        self.ask(Request::get(uri).body("")?).await
    }
}

/// The values of each name in their order; the order among the names is of no meaning.
fn compared(headers: &HeaderMap) -> BTreeMap<&str, Vec<&HeaderValue>> {
    let mut compared: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, value) in headers {
        if !NOT_COMPARED.contains(name) {
            compared.entry(name.as_str()).or_default().push(value);
        }
    }
    compared
}
