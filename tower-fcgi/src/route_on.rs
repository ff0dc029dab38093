//! What a request is routed on.

use http::Uri;

/// Which part of a request's path its target is made of.
///
/// An application at the root of its site needs none of this. One that was mounted below a prefix (`/app`)
/// can have its routes with the prefix, which is the default, or without.
///
/// Only what is routed on changes. The whole target is in the request's extensions, as [`OriginalUri`], for
/// links and logs. **A response is sent as it is**: no web server puts the prefix into the `Location` of a
/// redirect, a cookie's `Path` or a link in a page. What the application makes of its own paths there has to
/// begin with the prefix; relative references need none of that.
///
/// `OPTIONS *` has no path, and is the same in every way.
///
/// ```
/// use tower_fcgi::{Config, RouteOn};
/// let config = Config::default().route_on(RouteOn::Below("/app".to_owned()));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteOn {
    /// REQUEST_URI as the client sent it. Every web server sends the same there, however the application is
    /// mounted.
    #[default]
    RequestUri,
    /// REQUEST_URI without this prefix, which is written decoded (`/my app`, not `/my%20app`); slashes at its
    /// end do not count.
    ///
    /// A path that does not lie below the prefix is answered with `404`, and a line on STDERR: lighttpd sends
    /// `/appother` to what is mounted at `/app`, too, and to serve such a path whole would let a client reach a
    /// route by another path than the one that the web server guards. The prefix itself becomes `/`. The path
    /// is compared as the client sent it, but for percent-encoding: `//app` and `/x/../app` are not below
    /// `/app`.
    Below(String),
    /// As [`Below`](Self::Below) with SCRIPT_NAME (RFC 3875 §4.1.13) for the prefix; without one, or with an
    /// empty one, the whole of REQUEST_URI.
    ///
    /// Only where the web server tells the mount there: Apache's mod_fcgid with an `Alias`, lighttpd with a
    /// key such as `/app`, HAProxy with a `path-info`, nginx and mod_proxy_fcgi if told so. By default nginx,
    /// mod_proxy_fcgi and HAProxy send the whole path as SCRIPT_NAME, so that every request would be one to
    /// `/`; mod_fcgid and lighttpd at the root send its first segment. Where the web server has rewritten the
    /// path, SCRIPT_NAME may be none of what the client sent, and the answer is `404`. An Authorizer is told
    /// no SCRIPT_NAME by Apache and lighttpd, and is routed on the whole path.
    BelowScriptName,
    /// PATH_INFO (RFC 3875 §4.1.5), encoded again, with QUERY_STRING: `/` where it is empty or absent.
    ///
    /// For where the web server rewrites paths, and that is what is to be routed on. PATH_INFO is decoded,
    /// and by some cleaned of `//` and `..`, so that `/a%2Fb` and `/a/b` are the same. nginx and
    /// mod_proxy_fcgi send none unless told so: then every request is one to `/`, as every request for an
    /// Authorizer is.
    PathInfo,
}

/// The whole target of a request that is routed on less: in its extensions unless it is routed on
/// [`RouteOn::RequestUri`], where the request has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginalUri(pub Uri);
