//! The request's target: what the client asked for, as `http` writes it.

use bytes::Bytes;
use fcgi_core::Params;
use http::uri::PathAndQuery;
use http::{StatusCode, Uri};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use super::prefix::below;
use crate::failure::Failure;
use crate::route_on::RouteOn;

/// What RFC 3986 §3.3 does not allow in a path, and `%`, since SCRIPT_NAME and PATH_INFO are decoded.
const NOT_IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The longest target that [`Uri`] takes, in bytes.
const LONGEST: usize = 65_534;

/// The variables that a target is made of; an absent one is empty.
#[derive(Debug, Default)]
pub(super) struct Target<'a> {
    /// What the client sent, as it sent it. No standard has it, all web servers do.
    pub(super) request_uri: &'a [u8],
    /// RFC 3875 §4.1.13, decoded.
    pub(super) script_name: &'a [u8],
    /// RFC 3875 §4.1.5, decoded.
    pub(super) path_info: &'a [u8],
    /// RFC 3875 §4.1.7, as sent.
    pub(super) query_string: &'a [u8],
}

impl Target<'_> {
    /// REQUEST_URI as it is where there is one: SCRIPT_NAME and PATH_INFO are decoded, and each web server
    /// splits the path between them in its own way. Without it they are put together and encoded again.
    pub(super) fn uri(&self, params: &Params) -> Result<Uri, Failure> {
        parsed(if self.request_uri.is_empty() {
            self.put_together(&[self.script_name, self.path_info])
        } else {
            origin_form(self.request_uri, params)
        })
    }

    /// What is routed on, where that is less than the `whole`.
    pub(super) fn part(&self, whole: &Uri, on: &RouteOn) -> Result<Uri, Failure> {
        let prefix = match on {
            // RFC 9112 §3.2.4: it is about the server, not about a path.
            _ if whole.path() == "*" => return Ok(whole.clone()),
            RouteOn::RequestUri => return Ok(whole.clone()),
            RouteOn::PathInfo => return parsed(self.put_together(&[self.path_info])),
            RouteOn::Below(prefix) => prefix.as_bytes(),
            RouteOn::BelowScriptName => self.script_name,
        };
        let target = whole.path_and_query().map_or("", PathAndQuery::as_str).as_bytes();
        let Some(rest) = below(target, prefix) else {
            return Err(Failure::Request(StatusCode::NOT_FOUND, "its target is not below the prefix"));
        };
        let slash: &[u8] = if rest.starts_with(b"/") { b"" } else { b"/" };
        parsed([slash, rest].concat().into())
    }

    /// A path of these parts, which are decoded, and the query.
    fn put_together(&self, parts: &[&[u8]]) -> Bytes {
        let mut path = String::new();
        for part in parts {
            path.extend(percent_encode(part, NOT_IN_PATH));
        }
        if !path.starts_with('/') {
            path.insert(0, '/');
        }
        let mut target = path.into_bytes();
        if !self.query_string.is_empty() {
            target.push(b'?');
            target.extend_from_slice(self.query_string);
        }
        target.into()
    }
}

fn parsed(target: Bytes) -> Result<Uri, Failure> {
    if target.len() > LONGEST {
        return Err(Failure::Request(StatusCode::URI_TOO_LONG, "its target is too long"));
    }
    let bad = |_| Failure::Request(StatusCode::BAD_REQUEST, "its target is none of HTTP's");
    let uri = Uri::from_maybe_shared(target).map_err(bad)?;
    // CONNECT's authority-form, and words that parse as a host: nothing to route on.
    if uri.authority().is_some() || uri.path_and_query().is_none() {
        return Err(Failure::Request(StatusCode::BAD_REQUEST, "its target has no path"));
    }
    Ok(uri)
}

/// The path and query of an absolute-form target (RFC 9112 §3.2.2), which nginx has made a query alone where that had no
/// path; any other as it is.
fn origin_form(target: &[u8], params: &Params) -> Bytes {
    let sent = params.encoded().slice_ref(target);
    if target.starts_with(b"/") {
        return sent;
    }
    if target.starts_with(b"?") {
        return [b"/", target].concat().into();
    }
    let Some(scheme) = target.windows(3).position(|window| window == b"://") else { return sent };
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    if scheme == 0 || !target[..scheme].iter().all(is_scheme) {
        return sent;
    }
    let authority = scheme + 3;
    match target[authority..].iter().position(|byte| b"/?#".contains(byte)) {
        Some(end) if target[authority + end] == b'/' => sent.slice(authority + end..),
        Some(end) => [b"/", &target[authority + end..]].concat().into(),
        None => Bytes::from_static(b"/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(request_uri: &str, script_name: &str, path_info: &str, query: &str) -> Result<String, StatusCode> {
        let params: Params =
            [request_uri, script_name, path_info, query].map(|value| ("", value)).into_iter().collect();
        let mut values = params.iter().map(|(_, value)| value);
        let mut next = || values.next().unwrap();
        let target =
            Target { request_uri: next(), script_name: next(), path_info: next(), query_string: next() };
        target.uri(&params).map(|uri| uri.to_string()).map_err(|failure| failure.status())
    }

    #[test]
    fn request_uri_stays_as_it_was_sent() {
        for sent in ["/", "/a%20b?q=1", "//a%2Fb/./c/%C3%A9", "/?", "/a?b?c&d=%", "*", "/x:y@z"] {
            assert_eq!(uri(sent, "/other", "/entirely", "no=1"), Ok(sent.to_owned()));
        }
    }

    #[test]
    fn an_absolute_form_is_reduced_to_its_path() {
        for (sent, path) in [
            ("http://example.org/a?b=1", "/a?b=1"),
            ("https://example.org", "/"),
            ("https://example.org?q=1", "/?q=1"),
            ("?q=1", "/?q=1"),
            ("http://user@example.org:80/x", "/x"),
        ] {
            assert_eq!(uri(sent, "", "", ""), Ok(path.to_owned()), "{sent}");
        }
    }

    #[test]
    fn without_request_uri_the_decoded_parts_are_put_together_and_encoded_again() {
        for (script, path, query, expected) in [
            ("/app", "/hello/x y", "q=1", "/app/hello/x%20y?q=1"),
            ("", "", "", "/"),
            ("", "/", "", "/"),
            ("/app", "", "", "/app"),
            ("", "/a%b?c#d", "", "/a%25b%3Fc%23d"),
            ("", "/\u{e9}", "", "/%C3%A9"),
            ("", "relative", "", "/relative"),
            // PATH_INFO that does not lie below SCRIPT_NAME is simply what follows it.
            ("/index.php", "/x", "", "/index.php/x"),
        ] {
            assert_eq!(uri("", script, path, query), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn what_is_no_target_is_a_400_and_what_is_too_long_a_414() {
        for bad in ["/a b", "/a\u{1}", "example.org:443", "word", "", "://x/"] {
            if !bad.is_empty() {
                assert_eq!(uri(bad, "", "", ""), Err(StatusCode::BAD_REQUEST), "{bad}");
            }
        }
        let long = "/".repeat(LONGEST);
        assert_eq!(uri(&long, "", "", ""), Ok(long.clone()));
        assert_eq!(uri(&(long + "x"), "", "", ""), Err(StatusCode::URI_TOO_LONG));
    }

    /// What is routed on in each way: REQUEST_URI, PATH_INFO, below SCRIPT_NAME, below `/app`.
    fn ways(request_uri: &str, script_name: &str, path_info: &str, query: &str) -> [Result<String, u16>; 4] {
        let params: Params = [("", request_uri)].into_iter().collect();
        let request_uri = params.iter().next().unwrap().1;
        let [script_name, path_info, query_string] = [script_name, path_info, query].map(str::as_bytes);
        let target = Target { request_uri, script_name, path_info, query_string };
        let whole = target.uri(&params).map_err(|failure| failure.status()).unwrap();
        [RouteOn::RequestUri, RouteOn::PathInfo, RouteOn::BelowScriptName, RouteOn::Below("/app".to_owned())]
            .map(|on| {
                let part = target.part(&whole, &on).map(|uri| uri.to_string());
                part.map_err(|failure| failure.status().as_u16())
            })
    }

    /// A number is a status.
    fn expected(parts: [&str; 4]) -> [Result<String, u16>; 4] {
        parts.map(|part| part.parse().map_or_else(|_| Ok(part.to_owned()), Err))
    }

    #[test]
    fn mounted_at_app_as_each_web_server_tells_it() {
        let sent = "/app/hello/x%20y?q=1";
        let below = "/hello/x%20y?q=1";
        let root = "/?q=1";
        for (server, script_name, path_info, parts) in [
            ("nginx by default", "/app/hello/x y", "", [sent, root, root, below]),
            ("nginx with a split path", "/app", "/hello/x y", [sent, below, below, below]),
            ("Apache's ProxyPass", "/app/hello/x y", "", [sent, root, root, below]),
            ("Apache's proxy by SetHandler", "/app", "/hello/x y", [sent, below, below, below]),
            ("mod_fcgid", "/app", "/hello/x y", [sent, below, below, below]),
            ("lighttpd at /app", "/app", "/hello/x y", [sent, below, below, below]),
            ("lighttpd at / and fixed, Caddy, H2O", "", "/app/hello/x y", [sent, sent, sent, below]),
            ("HAProxy with path-info", "/app", "/hello/x y", [sent, below, below, below]),
            ("HAProxy without", "/app/hello/x y", "", [sent, root, root, below]),
            ("an authorizer", "", "", [sent, root, sent, below]),
        ] {
            assert_eq!(ways(sent, script_name, path_info, "q=1"), expected(parts), "{server}");
        }
    }

    #[test]
    fn path_info_empty_absent_a_slash_or_not_below_script_name() {
        for (request_uri, script_name, path_info, parts) in [
            ("/app", "/app", "", ["/app", "/", "/", "/"]),
            ("/app/", "/app", "/", ["/app/", "/", "/", "/"]),
            ("/", "/", "", ["/", "/", "/", "404"]),
            ("/", "", "", ["/", "/", "/", "404"]),
            ("/app/x", "/", "/app/x", ["/app/x", "/app/x", "/app/x", "/x"]),
            // lighttpd at "/" and mod_fcgid without a mount: the first segment.
            ("/ok", "/ok", "", ["/ok", "/", "/", "404"]),
            // lighttpd at "/app", which takes this, too.
            ("/appother/x", "/appother", "/x", ["/appother/x", "/x", "/x", "404"]),
            // A rewritten path: SCRIPT_NAME is none of what was sent.
            ("/shop/1", "/app/index.fcgi", "/shop/1", ["/shop/1", "/shop/1", "404", "404"]),
            ("/a", "/a/much/longer/one", "/a", ["/a", "/a", "404", "404"]),
            ("/app/x", "/app/x/y", "/z", ["/app/x", "/z", "404", "/x"]),
            // Cleaned by lighttpd and Caddy, and not as it was sent.
            ("//app//x", "/app", "/x", ["//app//x", "/x", "404", "404"]),
            ("/app//x/%2e%2e", "/app", "/", ["/app//x/%2e%2e", "/", "//x/%2e%2e", "//x/%2e%2e"]),
            ("/app/a%2fb", "/app", "/a/b", ["/app/a%2fb", "/a/b", "/a%2fb", "/a%2fb"]),
            ("/app", "/app", "no slash", ["/app", "/no%20slash", "/", "/"]),
            ("*", "", "*", ["*", "*", "*", "*"]),
            // What Apache calls its script by is a URL; nobody takes it for a path.
            ("/app/x", "proxy:fcgi://127.0.0.1:9000/app/x", "", ["/app/x", "/", "404", "/x"]),
            ("/app/x", "proxy:fcgi://127.0.0.1:9000", "/app/x", ["/app/x", "/app/x", "404", "/x"]),
        ] {
            let found = ways(request_uri, script_name, path_info, "");
            assert_eq!(found, expected(parts), "{request_uri} {script_name} {path_info}");
        }
    }

    #[test]
    fn without_request_uri_a_prefix_is_taken_off_what_was_put_together() {
        let below = "/x%20y?q=1";
        assert_eq!(ways("", "/app", "/x y", "q=1"), expected(["/app/x%20y?q=1", below, below, below]));
    }

    #[test]
    fn a_path_info_that_is_too_long_once_it_is_encoded_is_a_414() {
        let long = " ".repeat(LONGEST / 3 + 1);
        assert!(ways("/app", "/app", &long, "")[1] == Err(414));
    }
}
