//! Requests to a web server, and the handlers that must run.

/// A web server's configuration, and the requests to it.
pub(crate) struct Setup {
    /// Contains `8080`, the web server's port, and the application's `9000` for FastCGI, `9001` for HTTP, and
    /// `9002` for FastCGI with `/app.fcgi` as a configured front controller.
    pub(crate) config: String,
    pub(crate) rows: Vec<Row>,
    /// Sites with other FastCGI parameters, `SITE.LIST`: each row that has a site for HTTP runs the same handlers there.
    pub(crate) other_lists: &'static [&'static str],
}

/// A request to one of the sites, which are named `SITE.fcgi` and `SITE.http`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) site: &'static str,
    /// The method, a space and the target; a POST has the body `body`.
    pub(crate) sent: &'static str,
    /// `METHOD target body` of each request that a handler saw over FastCGI, sorted, or the status if no
    /// handler ran.
    pub(crate) fcgi: &'static [&'static str],
    pub(crate) http: Http,
}

/// The expected handlers over HTTP.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Http {
    Same,
    /// The difference is a row of the table in `tests/target/README.md` of `tower-fcgi`.
    Differs(&'static [&'static str]),
    /// A configuration for FastCGI only.
    None,
}

pub(crate) const fn row(
    site: &'static str,
    sent: &'static str,
    fcgi: &'static [&'static str],
    http: Http,
) -> Row {
    Row { site, sent, fcgi, http }
}
