//! The layer that sets forwarded headers.

use std::sync::Arc;
use std::task::{Context, Poll};

use axum::http::request::Parts;
use axum::http::{HeaderName, Request};
use tower_layer::Layer;
use tower_service::Service;

use super::client::Client;
use super::forwarded_client::ForwardedClient;
use super::names::{remove_others, remove_set};
use super::set_headers::set_headers;
use super::trusted_proxies::TrustedProxies;
use crate::connection_addrs::peer_addr;

/// A layer that sets the headers of an HTTP proxy from the web server's variables, and removes the client's.
///
/// Over HTTP, a proxy tells the application about the client in headers, and libraries read them: rate limiters,
/// extractors of the client's address, of the host and of the scheme. Over FastCGI nothing sets these headers, so honest
/// clients have none, and a client that sends one is believed. With this layer they are what the web server knows:
///
/// | header | from |
/// | --- | --- |
/// | `X-Forwarded-For`, `X-Real-IP` | REMOTE_ADDR |
/// | `X-Forwarded-Proto` | HTTPS, REQUEST_SCHEME, as in [`RequestScheme`](crate::RequestScheme) |
/// | `X-Forwarded-Host` | HTTP_HOST; without it SERVER_NAME and SERVER_PORT |
/// | `X-Forwarded-Port` | SERVER_PORT |
/// | `Forwarded` (RFC 7239) | `for`, `host` and `proto` from the same |
///
/// ```
/// use axum::{Router, routing::get};
/// use axum_fcgi::ForwardedHeaders;
/// let app: Router = Router::new().route("/", get(async || "Hello, World!")).layer(ForwardedHeaders::new());
/// ```
///
/// All other headers that begin with `X-Forwarded-` are removed, too, except those that trusted proxies
/// [are said to set](TrustedProxies::with_header). Headers of particular products, such as
/// `CF-Connecting-IP`, are left alone: see [`with_removed_header`](Self::with_removed_header).
///
/// **What is unknown is not set**: a client of the web server's unix socket has no address, and a Host header that is no
/// host has no X-Forwarded-Host. nginx sends SERVER_PORT only if configured to. The host is what the client asked for, and
/// so is SERVER_PORT with Caddy.
///
/// # Where to put it
/// Middleware that reads the headers must be inside. In a `Router`, layers that are added later run first, so add this one
/// last; or wrap the whole application: `serve(listener, ForwardedHeaders::new().layer(router))`.
///
/// It is off by default, because a header that the web server's configuration adds (`fastcgi_param
/// HTTP_X_FORWARDED_FOR …`) looks like one of the client's, and the layer would replace it.
///
/// # Other requests
/// A request from an HTTP server of the application's own, such as `axum::serve`, is left as it is: there, the proxy sets the
/// headers. So an application can serve both with the same layers. A CGI program's requests are treated as over FastCGI.
///
/// So are those of [the HTTP socket for upgrades](crate::Serve::with_upgrades_over_http), with fewer facts: the client's
/// address is the last one in X-Forwarded-For, which the web server must set; the host is the Host header that it sends;
/// scheme and port are unknown, unless a trusted proxy states them. Values that the web server itself sets for these are
/// removed like the client's.
///
/// [`MockParams`](crate::MockParams) counts as FastCGI, if it is outside of this layer.
///
/// [`Params`](crate::Params) keep the client's headers (`HTTP_X_FORWARDED_FOR`), and
/// [`ConnectInfo`](axum::extract::ConnectInfo) is REMOTE_ADDR in any case.
///
/// # Behind another proxy
/// If there is a load balancer or a CDN in front of the web server, REMOTE_ADDR is *its* address, unless the web server
/// replaces it (nginx's `set_real_ip_from`, Apache's mod_remoteip, lighttpd's mod_extforward), which also corrects
/// `ConnectInfo`. Otherwise use [`with_trusted_proxies`](Self::with_trusted_proxies).
#[derive(Debug, Clone, Default)]
#[must_use = "it does nothing until it is added to a Router or a service"]
pub struct ForwardedHeaders {
    settings: Arc<Settings>,
}

#[derive(Debug, Clone, Default)]
struct Settings {
    trusted: Option<TrustedProxies>,
    removed: Vec<HeaderName>,
}

impl ForwardedHeaders {
    /// Believes no header: the client is the web server's.
    pub fn new() -> Self {
        Self::default()
    }

    /// Believes the headers of proxies in front of the web server.
    ///
    /// If REMOTE_ADDR is such a proxy, X-Forwarded-For is read from right to left while its entries are trusted proxies. The
    /// next entry is the client, and everything further left, which the client may have sent, is removed. So the leftmost
    /// address is the client's, and the proxies follow. `X-Real-IP` is the client's address. The scheme, the host and the
    /// port are those of the proxies if [`TrustedProxies`] says that they send them, else the web server's own. Other headers
    /// that begin with `X-Forwarded-` are removed, unless named by [`TrustedProxies::with_header`] or
    /// [`with_removed_header`](Self::with_removed_header).
    ///
    /// A `Forwarded` header of a proxy is not read: a proxy that knows X-Forwarded-For only passes on the client's.
    ///
    /// `PhpGateway` and `FastCgiGateway` inside of this layer use these facts, too, also if the Router is served over HTTP.
    ///
    /// Caddy replaces X-Forwarded-For itself, unless its `trusted_proxies` has the same addresses. On the HTTP socket for
    /// upgrades, the web server must append to X-Forwarded-For (nginx: `$proxy_add_x_forwarded_for`), or the proxy is taken
    /// for the client.
    ///
    /// ```
    /// use axum_fcgi::{ForwardedHeaders, TrustedProxies};
    /// let proxies = TrustedProxies::new("10.0.0.0/8".parse()?).with_proto();
    /// let layer = ForwardedHeaders::new().with_trusted_proxies(proxies);
    /// # Ok::<_, axum_fcgi::AllowListError>(())
    /// ```
    pub fn with_trusted_proxies(mut self, proxies: TrustedProxies) -> Self {
        Arc::make_mut(&mut self.settings).trusted = Some(proxies);
        self
    }

    /// Also removes this header, unless the request came from a trusted proxy. Such a proxy must set or remove it, or it
    /// passes on the client's.
    ///
    /// For headers in which particular products report a client: `CF-Connecting-IP`, `True-Client-IP`, `Fly-Client-IP`,
    /// `X-Envoy-External-Address`, `X-Client-IP` and others.
    ///
    /// ```
    /// use axum::http::HeaderName;
    /// use axum_fcgi::ForwardedHeaders;
    /// let layer = ForwardedHeaders::new().with_removed_header(HeaderName::from_static("cf-connecting-ip"));
    /// ```
    pub fn with_removed_header(mut self, name: HeaderName) -> Self {
        Arc::make_mut(&mut self.settings).removed.push(name);
        self
    }
}

impl Settings {
    fn apply(&self, parts: &mut Parts) {
        let direct = Client::direct(parts);
        let peer = match &direct {
            Some(direct) => direct.chain.first().copied(),
            None => peer_addr(&parts.extensions).map(|peer| peer.ip()),
        };
        let forwarded = peer
            .zip(self.trusted.as_ref())
            .and_then(|(peer, trusted)| ForwardedClient::new(peer, &parts.headers, trusted));
        // For a gateway, also of a request from an HTTP server of the application's own.
        #[cfg(feature = "gateway")]
        if let Some(forwarded) = &forwarded {
            parts.extensions.insert(forwarded.clone());
        }
        let Some(direct) = direct else { return };
        if forwarded.is_none() {
            for name in self.kept_from_proxies() {
                parts.headers.remove(name);
            }
        }
        let client = match forwarded {
            Some(forwarded) => direct.behind(forwarded),
            None => direct,
        };
        remove_others(&mut parts.headers, |name| self.kept_from_proxies().any(|kept| kept == name));
        remove_set(&mut parts.headers);
        set_headers(&client, &mut parts.headers);
    }

    /// The headers that are kept if a trusted proxy sent them, and removed otherwise.
    fn kept_from_proxies(&self) -> impl Iterator<Item = &HeaderName> {
        self.removed.iter().chain(self.trusted.iter().flat_map(|trusted| &trusted.headers))
    }
}

impl<S> Layer<S> for ForwardedHeaders {
    type Service = ForwardedHeadersService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ForwardedHeadersService { inner, settings: Arc::clone(&self.settings) }
    }
}

/// The service of the layer [`ForwardedHeaders`].
#[derive(Debug, Clone)]
pub struct ForwardedHeadersService<S> {
    inner: S,
    settings: Arc<Settings>,
}

impl<S, B> Service<Request<B>> for ForwardedHeadersService<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        let (mut parts, body) = request.into_parts();
        self.settings.apply(&mut parts);
        self.inner.call(Request::from_parts(parts, body))
    }
}

#[cfg(test)]
mod tests;
