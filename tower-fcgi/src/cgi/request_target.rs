//! The setting that selects a request's target.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Uri;

/// The target that a request gets: [`Config::with_request_target`](crate::Config::with_request_target).
///
/// An application at the root of its site keeps the default. The routes of one below a prefix (`/app`) have the prefix by
/// default, or not, as set here.
///
/// Only the request's own target changes. The whole target that the web server decided on is in the request's
/// extensions as [`OriginalUri`], for links, logs and checks. **Responses are sent unchanged**: no web server
/// adds the prefix to the `Location` of a redirect, a cookie's `Path` or a link in a page.
///
/// `OPTIONS *` has no path and is the same in every variant.
///
/// ```
/// use tower_fcgi::{Config, RequestTarget};
/// let config = Config::default().with_request_target(RequestTarget::StripPrefix("/app".to_owned()));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RequestTarget {
    /// The target that the web server decided on, after its rewrites, internal redirects and subrequests. It is the
    /// target that an application behind the same web server's HTTP proxy gets, or stricter.
    ///
    /// 1. The *decided* path is SCRIPT_NAME + PATH_INFO (RFC 3875 §4.1.13, §4.1.5), both decoded.
    /// 2. The client's spelling in REQUEST_URI is kept if it is equivalent to that path: decoded (with or without
    ///    `%2F`) and with `//` merged in both, the two are equal. DOCUMENT_URI replaces the decided path if SCRIPT_NAME
    ///    was set by hand.
    /// 3. A [front controller](crate::Config::with_front_controllers) keeps the client's path.
    /// 4. Otherwise the target is the decided path, percent-encoded again.
    /// 5. The query is QUERY_STRING (§4.1.7), or that of REQUEST_URI if QUERY_STRING is absent.
    ///
    /// A request with a `.` or `..` segment left in its path is rejected with `400 Bad Request`. The segment is not
    /// resolved, since the web server's rules saw the path with it. If SCRIPT_NAME, PATH_INFO and DOCUMENT_URI are all
    /// absent, REQUEST_URI is used as sent; the web server's rewrites and subrequests are then unknown, and the first such
    /// request logs a WARN.
    ///
    /// An Authorizer (FastCGI §6.3) gets no SCRIPT_NAME from Apache and lighttpd. Its target is the path of
    /// REDIRECT_URI, which lighttpd sends for a path that it changed, or else of REQUEST_URI: decoded, with `//`
    /// merged and percent-encoded again, so that each file has one path.
    #[default]
    Decided,
    /// REQUEST_URI, which is the client's target before any rewriting. Access rules, rewrites and `auth_request`
    /// subrequests of the web server have no effect on it: a client can reach a route by another path than the one that
    /// the web server checked.
    RequestUri,
    /// SCRIPT_NAME + PATH_INFO, percent-encoded, and QUERY_STRING. The client's spelling is never kept, and no front
    /// controller is recognised. For web servers that always send both.
    ScriptNameAndPathInfo,
    /// The [decided](Self::Decided) target without this prefix. The prefix is written decoded (`/my app`, not
    /// `/my%20app`); trailing slashes are ignored.
    ///
    /// A request with a path that is not below the prefix is rejected with `404 Not Found`: lighttpd sends `/appother` to
    /// the application at `/app`, and if it were served, a client could reach a route by another path than the one that
    /// the web server guards. The prefix itself becomes `/`. `//app` is not below `/app`.
    StripPrefix(String),
    /// Like [`StripPrefix`](Self::StripPrefix) with SCRIPT_NAME as the prefix; the whole decided target if SCRIPT_NAME is
    /// empty or absent.
    ///
    /// Only for web servers that send the mount point as SCRIPT_NAME: Apache's mod_fcgid with an `Alias`, lighttpd with a
    /// key such as `/app`, HAProxy with a `path-info`, nginx and mod_proxy_fcgi if configured so. By default nginx,
    /// mod_proxy_fcgi and HAProxy send the whole path, so every request would have the target `/`; mod_fcgid and lighttpd
    /// at the root send the first segment.
    StripScriptName,
    /// PATH_INFO, percent-encoded, with QUERY_STRING; `/` if it is empty or absent.
    ///
    /// PATH_INFO is decoded, so `/a%2Fb` and `/a/b` are the same. nginx and mod_proxy_fcgi do not send it unless configured
    /// to: then every request has the target `/`, as every request of an Authorizer has.
    PathInfo,
}

/// The whole target of a request whose own target is a part of it.
///
/// It is in the request's extensions with [`RequestTarget::StripPrefix`],
/// [`StripScriptName`](RequestTarget::StripScriptName) and [`PathInfo`](RequestTarget::PathInfo). With every other setting
/// the request's target is the whole one.
///
/// ```
/// use http::{Request, Response};
/// use tower_fcgi::{OriginalUri, RequestBody};
///
/// fn link_to_itself(request: &Request<RequestBody>) -> String {
///     let whole = request.extensions().get().map_or(request.uri(), |OriginalUri(uri)| uri);
///     format!("<a href=\"{whole}\">here</a>")
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OriginalUri(pub Uri);

/// The settings that select a request's target.
#[derive(Debug, Clone, Default)]
pub(crate) struct TargetSettings {
    pub(crate) target: RequestTarget,
    /// Decoded paths.
    pub(crate) front_controllers: Vec<String>,
    /// Shared by the clones of a configuration, so that each warning is logged once.
    pub(crate) warned: Arc<Warned>,
}

/// The warnings that have been logged.
#[derive(Debug, Default)]
pub(crate) struct Warned {
    front_controller: AtomicBool,
    script_name: AtomicBool,
}

impl TargetSettings {
    /// Whether `script` is one of the front controllers.
    pub(super) fn is_front_controller(&self, script: &[u8]) -> bool {
        self.front_controllers.iter().any(|own| own.as_bytes() == script)
    }
}

impl Warned {
    /// The web server decided on `script`, which looks like a front controller.
    #[cold]
    pub(crate) fn front_controller(&self, script: &[u8], log: &dyn TargetLog) {
        if is_first(&self.front_controller) {
            log.front_controller(script);
        }
    }

    /// SCRIPT_NAME is missing.
    #[cold]
    pub(crate) fn script_name(&self, log: &dyn TargetLog) {
        if is_first(&self.script_name) {
            log.no_script_name();
        }
    }
}

/// Logs what a request's target hides.
pub(crate) trait TargetLog: fmt::Debug {
    /// The web server decided on `script`, which looks like a front controller.
    fn front_controller(&self, script: &[u8]);
    /// SCRIPT_NAME is missing.
    fn no_script_name(&self);
}

/// Logs nothing.
#[cfg(test)]
impl TargetLog for () {
    fn front_controller(&self, _: &[u8]) {}
    fn no_script_name(&self) {}
}

/// Only the first call writes: the flag is shared by all threads.
fn is_first(logged: &AtomicBool) -> bool {
    !logged.load(Ordering::Relaxed) && !logged.swap(true, Ordering::Relaxed)
}
