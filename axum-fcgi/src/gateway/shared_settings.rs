//! The settings of both gateways.

/// The methods that set them, for the `impl` of a gateway with a field `settings`.
macro_rules! shared_settings {
    () => {
        /// A meta-variable for every request. Replaces one with the same name.
        #[must_use]
        pub fn env(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
            let (name, value) = (name.as_ref(), value.as_ref());
            self.update(|settings| {
                let before = settings.env.0.iter().filter(|(other, _)| *other != name);
                settings.env = tower_fcgi::client::ExtraParams(before.chain([(name, value)]).collect());
            })
        }

        /// Whether clients use HTTPS. Default: what a [trusted proxy](Self::trusted_proxies) says, or the web server in front,
        /// if the Router is served over FastCGI; otherwise no.
        ///
        /// No other header is used, nor the scheme that an HTTP/2 client names.
        #[must_use]
        pub fn https(self, https: bool) -> Self {
            self.update(|settings| {
                settings.scheme =
                    Some(if https { axum::http::uri::Scheme::HTTPS } else { axum::http::uri::Scheme::HTTP })
            })
        }

        /// The proxies in front of the Router whose headers state who the client is. Default: those of the layer
        /// [`ForwardedHeaders`](crate::ForwardedHeaders) around the gateway; without it none, and such headers do not count.
        ///
        /// If the peer ([`ConnectInfo`](axum::extract::ConnectInfo) of a `SocketAddr` or of
        /// [`ConnectionAddrs`](crate::ConnectionAddrs)) is such a proxy:
        ///
        /// - REMOTE_ADDR is the client's address by X-Forwarded-For, read from the right as far as it is trusted.
        ///   REMOTE_PORT is empty, as with nginx, unless the header states a port.
        /// - REQUEST_SCHEME and HTTPS are those of X-Forwarded-Proto, if the proxies set it; an invalid value is `http`.
        /// - Host, and so HTTP_HOST, SERVER_NAME and SERVER_PORT, are X-Forwarded-Host, if they set it.
        /// - SERVER_PORT is X-Forwarded-Port, if they set it; else the port in Host or the scheme's.
        ///
        /// The headers themselves reach the application as they were sent.
        ///
        /// ```
        /// use axum_fcgi::{FastCgiGateway, TrustedProxies};
        /// # fn behind<S>(application: S) -> Result<FastCgiGateway<S>, axum_fcgi::AllowListError> {
        /// let load_balancer = TrustedProxies::new("10.0.0.0/8".parse()?).with_proto();
        /// let gateway = FastCgiGateway::new(application).trusted_proxies(load_balancer);
        /// # Ok(gateway) }
        /// ```
        #[must_use]
        pub fn trusted_proxies(self, proxies: crate::TrustedProxies) -> Self {
            self.update(|settings| settings.trusted_proxies = Some(proxies))
        }

        /// The timeout for the head of a response; then a 504. Default: 60 s. `None`: no timeout.
        ///
        /// It includes waiting for the service to be ready and for a connection. It starts when the request's body is
        /// [collected](Self::buffering), and again with each part of it that the application takes from a file. Without
        /// buffering it starts with the request, and again with each part of the body; if the application waits for the
        /// client's body when it ends, the response is a 408.
        #[must_use]
        pub fn header_timeout(self, limit: impl Into<Option<Duration>>) -> Self {
            let limit = limit.into();
            self.update(|settings| settings.header_timeout = limit)
        }

        /// The timeout between two parts of a response's body, as nginx's `fastcgi_read_timeout`; then the response is cut off,
        /// and a WARN names its request. Default: 60 s. `None`: no timeout.
        ///
        /// It counts only while the application is waited for, and not while a client does not read. An event stream must send
        /// something more often, such as a comment.
        #[must_use]
        pub fn read_timeout(self, limit: impl Into<Option<Duration>>) -> Self {
            let limit = limit.into();
            self.update(|settings| settings.read_timeout = limit)
        }

        /// The timeout for a whole response; one that takes longer fails. Default: `None`, no timeout.
        ///
        /// It starts with the request and includes its body. It ends when the application has sent the response: a client may
        /// take longer to read what is [buffered](Self::buffering).
        #[must_use]
        pub fn timeout(self, limit: impl Into<Option<Duration>>) -> Self {
            let limit = limit.into();
            self.update(|settings| settings.timeout = limit)
        }

        /// How many [local redirects](tower_fcgi::client::LocalRedirect) (RFC 3875 §6.2.2) to follow for one request.
        /// Default: 0, as in nginx: the client gets a 302.
        ///
        /// Only those that lead below the mount are followed: each is another request with the same head, but with GET (or
        /// HEAD) and without a body. The client gets the last response, with the cookies of all. It gets a redirect that
        /// leads elsewhere, or is one too many, as a 302.
        ///
        /// The redirected request passes no layer and no other route of the Router: whoever controls a Location of the
        /// application reaches each path below the mount. That is why it is off by default. PHP does not need
        /// it: its `header('Location: /path')` has a Status and is no local redirect, unless `http_response_code(200)` follows.
        #[must_use]
        pub fn local_redirects(self, max: u8) -> Self {
            self.update(|settings| settings.local_redirects = max)
        }

        /// Sends the files that the application names in X-Accel-Redirect and X-Sendfile. Default: none.
        ///
        /// As in nginx, the client never gets X-Accel-Redirect and the other `X-Accel-` headers, and without this setting
        /// it gets X-Sendfile unchanged. A response whose X-Accel-Redirect is not used logs a WARN.
        #[must_use]
        pub fn internal_files(self, files: crate::InternalFiles) -> Self {
            let serve = super::internal_headers::InternalHeaders::Serve(Arc::new(files));
            self.update(|settings| settings.internal_headers = serve)
        }

        /// Passes `X-Accel-` headers on, for a web server in front of this one that acts on them.
        ///
        /// It replaces [`internal_files`](Self::internal_files). Without such a web server, clients see the headers.
        #[must_use]
        pub fn pass_internal_headers(self) -> Self {
            let pass = super::internal_headers::InternalHeaders::Pass;
            self.update(|settings| settings.internal_headers = pass)
        }

        fn update(mut self, change: impl FnOnce(&mut Settings)) -> Self {
            change(Arc::make_mut(&mut self.settings));
            self
        }
    };
}

pub(super) use shared_settings;
