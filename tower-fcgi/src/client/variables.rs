//! The head of an [`http::Request`] to meta-variables (RFC 3875 §4.1): the other way round from what an
//! application does.
//!
//! | the request | becomes |
//! | --- | --- |
//! | method, version | REQUEST_METHOD, SERVER_PROTOCOL |
//! | target | REQUEST_URI as it is; SCRIPT_NAME empty and PATH_INFO the path, decoded; QUERY_STRING |
//! | scheme | REQUEST_SCHEME, and HTTPS=on for `https`; nothing where the target has none |
//! | `Host`, else the target's authority | HTTP_HOST, SERVER_NAME, SERVER_PORT |
//! | the body's length, else `Content-Length` | CONTENT_LENGTH; nothing where neither tells |
//! | `Content-Type` | CONTENT_TYPE |
//! | other headers | HTTP_*; several of one name joined by `, `, cookies by `; ` (§4.1.18) |
//! | `Proxy` | nothing: programs take HTTP_PROXY for a setting (httpoxy) |
//! | headers between two HTTP peers | nothing |
//! | names with other than letters, digits and dashes | nothing: `X_Foo` would become what `X-Foo` becomes |
//!
//! REMOTE_ADDR, SCRIPT_FILENAME and whatever else only the web server knows is for [`ExtraParams`].

use std::borrow::Cow;

use fcgi_core::Params;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName};
use http::uri::{Authority, Scheme};
use http::{Version, request};
use percent_encoding::percent_decode_str;

use crate::cgi::{is_between_peers, is_named_by_connection};

/// Meta-variables beside those that a request's head becomes, or instead of them where they have the same name.
///
/// In a request's extensions, for that request; in [`Config::params`](super::Config::params), for all. The
/// request's own win. CONTENT_LENGTH and HTTP_PROXY are left out: the one is the body's to tell, the other
/// nobody's.
///
/// ```
/// use tower_fcgi::client::ExtraParams;
/// let mut request = http::Request::new(());
/// let extra = [("SCRIPT_FILENAME", "/srv/index.php"), ("REMOTE_ADDR", "192.0.2.1")];
/// request.extensions_mut().insert(ExtraParams(extra.into_iter().collect()));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExtraParams(pub Params);

/// Gives `put` every meta-variable of a request whose body has `length` bytes; `for_all`: the configured ones.
pub(super) fn write(
    parts: &request::Parts,
    length: Option<u64>,
    for_all: &Params,
    put: &mut dyn FnMut(&[u8], &[u8]),
) {
    let none = Params::default();
    let own = parts.extensions.get::<ExtraParams>().map_or(&none, |extra| &extra.0);
    let is_ours = |name: &[u8]| name == b"CONTENT_LENGTH" || name.eq_ignore_ascii_case(b"HTTP_PROXY");
    let mut derived = |name: &[u8], value: &[u8]| {
        if is_ours(name) || (own.get(name).is_none() && for_all.get(name).is_none()) {
            put(name, value);
        }
    };
    write_head(parts, length, &mut derived);
    write_headers(&parts.headers, &mut derived);
    for (name, value) in for_all {
        if !is_ours(name) && own.get(name).is_none() {
            put(name, value);
        }
    }
    for (name, value) in own {
        if !is_ours(name) {
            put(name, value);
        }
    }
}

fn write_head(parts: &request::Parts, length: Option<u64>, put: &mut dyn FnMut(&[u8], &[u8])) {
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    put(b"GATEWAY_INTERFACE", b"CGI/1.1");
    put(b"SERVER_SOFTWARE", concat!("tower-fcgi/", env!("CARGO_PKG_VERSION")).as_bytes());
    put(b"REQUEST_METHOD", parts.method.as_str().as_bytes());
    put(b"REQUEST_URI", target.as_bytes());
    put(b"SCRIPT_NAME", b"");
    put(b"PATH_INFO", &Cow::from(percent_decode_str(path)));
    put(b"QUERY_STRING", query.as_bytes());
    put(b"SERVER_PROTOCOL", protocol(parts.version));
    if let Some(scheme) = parts.uri.scheme() {
        put(b"REQUEST_SCHEME", scheme.as_str().as_bytes());
        if *scheme == Scheme::HTTPS {
            put(b"HTTPS", b"on");
        }
    }
    write_server(parts, put);
    if let Some(length) = length {
        put(b"CONTENT_LENGTH", length.to_string().as_bytes());
    }
}

/// RFC 3875 §4.1.14 and §4.1.15: a server has a name and a port, whatever the client said.
fn write_server(parts: &request::Parts, put: &mut dyn FnMut(&[u8], &[u8])) {
    let host = parts.headers.get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let authority = host.as_ref().or(parts.uri.authority());
    if !parts.headers.contains_key(HOST)
        && let Some(authority) = authority
    {
        // HTTP/2 has no Host; nor has it a use for the user that a target may name.
        let authority = authority.as_str();
        put(b"HTTP_HOST", authority.rsplit('@').next().unwrap_or(authority).as_bytes());
    }
    let https = parts.uri.scheme() == Some(&Scheme::HTTPS);
    let port = authority.and_then(Authority::port_u16).unwrap_or(if https { 443 } else { 80 });
    put(b"SERVER_NAME", authority.map_or("localhost", Authority::host).as_bytes());
    put(b"SERVER_PORT", port.to_string().as_bytes());
}

const fn protocol(version: Version) -> &'static [u8] {
    match version {
        Version::HTTP_09 => b"HTTP/0.9",
        Version::HTTP_10 => b"HTTP/1.0",
        Version::HTTP_2 => b"HTTP/2.0",
        Version::HTTP_3 => b"HTTP/3.0",
        _ => b"HTTP/1.1",
    }
}

fn write_headers(headers: &HeaderMap, put: &mut dyn FnMut(&[u8], &[u8])) {
    for name in headers.keys() {
        if *name == CONTENT_TYPE {
            put(b"CONTENT_TYPE", headers.get(name).map_or(&[][..], |value| value.as_bytes()));
        } else if !is_left_out(name) && !is_named_by_connection(name, headers) {
            let separator = if *name == COOKIE { &b"; "[..] } else { b", " };
            let values: Vec<_> = headers.get_all(name).iter().map(|value| value.as_bytes()).collect();
            put(&variable(name), &values.join(separator));
        }
    }
}

fn is_left_out(name: &HeaderName) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    *name == CONTENT_LENGTH || name == "proxy" || is_between_peers(name) || !name.as_str().bytes().all(plain)
}

fn variable(name: &HeaderName) -> Vec<u8> {
    let upper = |byte: u8| if byte == b'-' { b'_' } else { byte.to_ascii_uppercase() };
    b"HTTP_".iter().copied().chain(name.as_str().bytes().map(upper)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn written(request: Request<()>, length: Option<u64>, for_all: &[(&str, &str)]) -> Params {
        let mut pairs = Vec::new();
        let for_all = for_all.iter().copied().collect();
        write(&request.into_parts().0, length, &for_all, &mut |name, value| {
            pairs.push((name.to_vec(), value.to_vec()));
        });
        pairs.into_iter().collect()
    }

    #[test]
    fn a_head_becomes_the_variables_of_rfc_3875() {
        let request = Request::post("https://example.org:8443/a%20b/c?d=%20e")
            .version(Version::HTTP_2)
            .header("content-type", "text/plain")
            .header("x-dup", "1")
            .header("cookie", "a=1")
            .header("x-dup", "2")
            .header("cookie", "b=2");
        let params = written(request.body(()).unwrap(), Some(7), &[]);
        for (name, value) in [
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("REQUEST_METHOD", "POST"),
            ("REQUEST_URI", "/a%20b/c?d=%20e"),
            ("SCRIPT_NAME", ""),
            ("PATH_INFO", "/a b/c"),
            ("QUERY_STRING", "d=%20e"),
            ("SERVER_PROTOCOL", "HTTP/2.0"),
            ("REQUEST_SCHEME", "https"),
            ("HTTPS", "on"),
            ("HTTP_HOST", "example.org:8443"),
            ("SERVER_NAME", "example.org"),
            ("SERVER_PORT", "8443"),
            ("CONTENT_TYPE", "text/plain"),
            ("CONTENT_LENGTH", "7"),
            ("HTTP_X_DUP", "1, 2"),
            ("HTTP_COOKIE", "a=1; b=2"),
        ] {
            assert_eq!(params.get_all(name.as_bytes()).collect::<Vec<_>>(), [value.as_bytes()], "{name}");
        }
    }

    #[test]
    fn what_is_dangerous_or_between_peers_is_left_out() {
        let request = Request::get("/")
            .header("proxy", "http://evil")
            .header("connection", "x-hop")
            .header("x-hop", "1")
            .header("transfer-encoding", "chunked")
            .header("content_length", "9")
            .header("x_real_ip", "evil")
            .header("content-length", "5");
        let params = written(
            request.body(()).unwrap(),
            None,
            &[("HTTP_PROXY", "http://evil"), ("CONTENT_LENGTH", "3")],
        );
        assert!(!params.iter().any(|(name, _)| name.starts_with(b"HTTP_") || name == b"CONTENT_LENGTH"));
    }

    #[test]
    fn extra_variables_win_and_the_requests_own_most() {
        let mut request = Request::new(());
        let own = [("SCRIPT_NAME", "/own"), ("B", "own"), ("HTTP_PROXY", "no"), ("CONTENT_LENGTH", "9")];
        request.extensions_mut().insert(ExtraParams(own.into_iter().collect()));
        let for_all = [("SCRIPT_NAME", "/all"), ("B", "all"), ("SERVER_NAME", "all"), ("C", "all")];
        let params = written(request, Some(0), &for_all);
        for (name, values) in [
            ("SCRIPT_NAME", &["/own"][..]),
            ("B", &["own"]),
            ("C", &["all"]),
            ("SERVER_NAME", &["all"]),
            ("HTTP_PROXY", &[]),
            ("CONTENT_LENGTH", &["0"]),
        ] {
            let told: Vec<_> = params.get_all(name.as_bytes()).collect();
            assert_eq!(told, values.iter().map(|value| value.as_bytes()).collect::<Vec<_>>(), "{name}");
        }
    }
}
