//! The target on which a request is routed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::Uri;

/// Which target a request gets: [`Config::with_request_target`](crate::Config::with_request_target).
///
/// An application at the root of its site keeps the default. One below a prefix (`/app`) can have its routes with the
/// prefix, which is the default, or without.
///
/// Only the request's own target changes. The whole target that the web server decided on is in the request's extensions
/// as [`OriginalUri`], for links, logs and checks. **Responses are not rewritten**: no web server adds the prefix to the
/// `Location` of a redirect, a cookie's `Path` or a link in a page.
///
/// `OPTIONS *` has no path and is the same in every variant.
///
/// ```
/// use tower_fcgi::{Config, RequestTarget};
/// let config = Config::default().with_request_target(RequestTarget::StripPrefix("/app".to_owned()));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestTarget {
    /// The target that the web server decided on, after its rewrites, internal redirects and subrequests: what an application
    /// behind the same web server's HTTP proxy gets, or stricter.
    ///
    /// 1. The *decided* path is SCRIPT_NAME + PATH_INFO (RFC 3875 §4.1.13, §4.1.5), both decoded.
    /// 2. The client's spelling in REQUEST_URI is kept where it means that path: once decoded (wholly, or all but
    ///    `%2F`), and with `//` merged on both sides, the two are equal. DOCUMENT_URI stands in for the decided path
    ///    where SCRIPT_NAME was set by hand.
    /// 3. A [front controller](crate::Config::with_front_controllers) keeps the client's path.
    /// 4. Otherwise the target is the decided path, percent-encoded again.
    /// 5. The query is QUERY_STRING (§4.1.7); that of REQUEST_URI where there is no QUERY_STRING.
    ///
    /// A `.` or `..` segment that the web server left in the path is answered with `400 Bad Request`. It is never resolved:
    /// rules of the web server saw another path. If the web server sends neither SCRIPT_NAME nor PATH_INFO nor
    /// DOCUMENT_URI, REQUEST_URI is used as sent. Its rewrites and subrequests are not visible then, and the first such
    /// request logs a WARN.
    ///
    /// An Authorizer (FastCGI §6.3) gets no SCRIPT_NAME from Apache and lighttpd. Its target is the path of
    /// REDIRECT_URI, which lighttpd sends for a path that it changed, or else of REQUEST_URI: decoded, with `//`
    /// merged and percent-encoded again, so that each file has one path.
    #[default]
    Decided,
    /// REQUEST_URI as the client sent it, before any rewriting. Access rules, rewrites and `auth_request` subrequests of the
    /// web server are not visible: a client can reach a route by another path than the one that the web server checked.
    RequestUri,
    /// SCRIPT_NAME + PATH_INFO, percent-encoded, and QUERY_STRING. Never keeps the client's spelling, and recognises no front
    /// controller. For web servers that are known to send both.
    ScriptNameAndPathInfo,
    /// The [decided](Self::Decided) target without this prefix. The prefix is written decoded (`/my app`, not
    /// `/my%20app`); slashes at its end do not count.
    ///
    /// A path that is not below the prefix is answered with `404 Not Found`: lighttpd sends `/appother` to an application at
    /// `/app`, and serving it would let a client reach a route by another path than the one that the web server guards. The
    /// prefix itself becomes `/`. `//app` is not below `/app`.
    StripPrefix(String),
    /// As [`StripPrefix`](Self::StripPrefix) with SCRIPT_NAME as the prefix; the whole decided target if that is empty or
    /// absent.
    ///
    /// Use it only if the web server sends the mount point there: Apache's mod_fcgid with an `Alias`, lighttpd with a key such
    /// as `/app`, HAProxy with a `path-info`, nginx and mod_proxy_fcgi if so configured. By default nginx, mod_proxy_fcgi and
    /// HAProxy send the whole path as SCRIPT_NAME, so that every request would be one to `/`; mod_fcgid and lighttpd at the
    /// root send its first segment.
    StripScriptName,
    /// PATH_INFO, percent-encoded, with QUERY_STRING: `/` if it is empty or absent.
    ///
    /// PATH_INFO is decoded, so `/a%2Fb` and `/a/b` are the same. nginx and mod_proxy_fcgi send none unless so configured:
    /// every request is one to `/` then, as is every request for an Authorizer.
    PathInfo,
}

/// The whole target of a request whose own target is a part of it. In the request's extensions with
/// [`RequestTarget::StripPrefix`], [`StripScriptName`](RequestTarget::StripScriptName) and
/// [`PathInfo`](RequestTarget::PathInfo); with other settings, the request's target is the whole one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginalUri(pub Uri);

/// What decides a request's target.
#[derive(Debug, Clone, Default)]
pub(crate) struct TargetSettings {
    pub(crate) target: RequestTarget,
    /// Decoded paths.
    pub(crate) front_controllers: Vec<String>,
    /// Shared by the clones of a configuration, so that each warning is logged once.
    pub(crate) warned: Arc<Warned>,
}

/// The warnings that were logged already.
#[derive(Debug, Default)]
pub(crate) struct Warned {
    front_controller: AtomicBool,
    script_name: AtomicBool,
}

impl Warned {
    /// Warns that the web server decided on `script`, which looks like a program.
    #[cold]
    pub(crate) fn front_controller(&self, script: &[u8], request_uri: &[u8]) {
        if is_first(&self.front_controller) {
            tracing::warn!(
                script = %script.escape_ascii(),
                request_uri = %request_uri.escape_ascii(),
                "the web server sent a request to a path that looks like a front controller, and the request is \
                 routed on that path; if all requests should reach the application by it, name it with \
                 Config::with_front_controllers or FCGI_FRONT_CONTROLLERS"
            );
        }
    }

    /// Warns that the web server sends no SCRIPT_NAME.
    #[cold]
    pub(crate) fn script_name(&self) {
        if is_first(&self.script_name) {
            tracing::warn!(
                "the web server sends no SCRIPT_NAME: requests are routed on REQUEST_URI, and the web server's rewrites, \
                 access rules and subrequests may have decided on another path; add SCRIPT_NAME and QUERY_STRING \
                 to the parameters that it sends"
            );
        }
    }
}

/// Whether this is the first call. Only that one writes: all threads share the flag.
fn is_first(logged: &AtomicBool) -> bool {
    !logged.load(Ordering::Relaxed) && !logged.swap(true, Ordering::Relaxed)
}
