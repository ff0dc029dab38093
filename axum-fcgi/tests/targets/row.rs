//! What is sent to a web server, and which handlers run.

/// A web server's configuration, and the requests that it gets.
pub(crate) struct Setup {
    /// In which `8080` is the web server's port, `9000` the application's for FastCGI, `9001` for HTTP, and `9002` for
    /// FastCGI where `/app.fcgi` is named as a front controller.
    pub(crate) config: String,
    pub(crate) rows: Vec<Row>,
}

/// A request to one of the sites, which are named `SITE.fcgi` and `SITE.http`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) site: &'static str,
    /// The method, a space and the target; a POST has the body `body`.
    pub(crate) sent: &'static str,
    /// `METHOD target body` of each request that a handler saw over FastCGI, sorted, or the status if there was none.
    pub(crate) fcgi: &'static [&'static str],
    pub(crate) http: Http,
}

/// What happens over HTTP.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Http {
    Same,
    /// The difference is a row of the table in `tests/target/README.md` of `tower-fcgi`.
    Differs(&'static [&'static str]),
    /// The configuration is about FastCGI alone.
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
