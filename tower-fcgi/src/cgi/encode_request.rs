//! The head of an [`http::Request`] to meta-variables (RFC 3875 §4.1): the other way round from what an
//! application does.
//!
//! | the request | becomes |
//! | --- | --- |
//! | method, version | REQUEST_METHOD, SERVER_PROTOCOL |
//! | target | REQUEST_URI as it is; SCRIPT_NAME empty and PATH_INFO the path, decoded; QUERY_STRING |
//! | scheme: a [`Scheme`] in the extensions, else the target's | REQUEST_SCHEME, and HTTPS=on for `https`; nothing where there is none |
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
use std::iter;

use fcgi_core::{Params, encode_pair};
use http::header::{CONNECTION, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderValue};
use http::uri::{Authority, Scheme};
use http::{Version, request};
use percent_encoding::percent_decode_str;

use super::decimal::parse_decimal;
use super::header_names::variable_name;
use super::hop_by_hop::is_named_by_connection;

/// Meta-variables beside those that a request's head becomes, or instead of them where they have the same name.
///
/// In a request's extensions, for that request; in [`Config::params`](crate::client::Config::with_extra_params), for all. The
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

/// Appends every meta-variable of a request whose body has `length` bytes to `out`; `for_all`: the configured ones.
pub(crate) fn write(parts: &request::Parts, length: Option<u64>, for_all: &Params, out: &mut Vec<u8>) {
    let none = Params::default();
    let own = Extra::new(parts.extensions.get::<ExtraParams>().map_or(&none, |extra| &extra.0));
    let for_all = Extra::new(for_all);
    let mut derived =
        Derived { out, fixed: own.fixed | for_all.fixed, extra: [&own, &for_all].map(Extra::with_headers) };
    write_head(parts, length, &mut derived);
    write_headers(&parts.headers, &mut derived);
    for_all.write(out, |name| own.params.get(name).is_some());
    if own.ours {
        own.write(out, |_| false);
    } else {
        // They are written as they will be.
        out.extend_from_slice(own.params.encoded());
    }
}

/// Variables beside the derived ones, or instead of them.
struct Extra<'a> {
    params: &'a Params,
    /// A bit for each [`Fixed`] that they have.
    fixed: u32,
    /// Whether there may be a header's among them.
    headers: bool,
    /// Whether any is [ours](is_ours).
    ours: bool,
}

impl<'a> Extra<'a> {
    /// One look at each, so that none has to be looked for when the others are written.
    fn new(params: &'a Params) -> Self {
        let mut extra = Self { params, fixed: 0, headers: false, ours: false };
        for (name, _) in params {
            extra.fixed |= Fixed::of(name).map_or(0, Fixed::bit);
            extra.headers |= name.starts_with(b"HTTP_");
            extra.ours |= is_ours(name);
        }
        extra
    }

    /// Those that have to be asked for a header's variable.
    fn with_headers(&self) -> Option<&'a Params> {
        self.headers.then_some(self.params)
    }

    /// Appends those that another has not.
    fn write(&self, out: &mut Vec<u8>, other_has: impl Fn(&[u8]) -> bool) {
        for (name, value) in self.params {
            if (self.ours && is_ours(name)) || other_has(name) {
                continue;
            }
            encode_pair(out, name, value);
        }
    }
}

/// What is no extra variable's to say.
fn is_ours(name: &[u8]) -> bool {
    name == b"CONTENT_LENGTH" || name.eq_ignore_ascii_case(b"HTTP_PROXY")
}

/// The variables that a head becomes, but for those that an extra one is instead.
struct Derived<'a> {
    out: &'a mut Vec<u8>,
    /// A bit for each that there is an extra one of.
    fixed: u32,
    /// Those among which there may be a header's.
    extra: [Option<&'a Params>; 2],
}

impl Derived<'_> {
    #[inline]
    fn put(&mut self, fixed: Fixed, value: &[u8]) {
        if self.fixed & fixed.bit() == 0 {
            encode_pair(self.out, fixed.name(), value);
        }
    }

    fn put_header(&mut self, name: &[u8], value: &[u8]) {
        if self.extra.iter().flatten().all(|extra| extra.get(name).is_none()) {
            encode_pair(self.out, name, value);
        }
    }
}

/// Declares the variables whose names do not come from the request, but for CONTENT_LENGTH, which is no extra one's to say.
macro_rules! fixed {
    ($($variable:ident = $name:literal,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Fixed {
            $($variable,)*
        }

        impl Fixed {
            fn of(name: &[u8]) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variable),)*
                    _ => None,
                }
            }

            #[inline]
            const fn name(self) -> &'static [u8] {
                match self {
                    $(Self::$variable => $name,)*
                }
            }
        }
    };
}

fixed! {
    ContentType = b"CONTENT_TYPE",
    GatewayInterface = b"GATEWAY_INTERFACE",
    Https = b"HTTPS",
    PathInfo = b"PATH_INFO",
    QueryString = b"QUERY_STRING",
    RequestMethod = b"REQUEST_METHOD",
    RequestScheme = b"REQUEST_SCHEME",
    RequestUri = b"REQUEST_URI",
    ScriptName = b"SCRIPT_NAME",
    ServerName = b"SERVER_NAME",
    ServerPort = b"SERVER_PORT",
    ServerProtocol = b"SERVER_PROTOCOL",
    ServerSoftware = b"SERVER_SOFTWARE",
}

impl Fixed {
    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

fn write_head(parts: &request::Parts, length: Option<u64>, derived: &mut Derived<'_>) {
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    derived.put(Fixed::GatewayInterface, b"CGI/1.1");
    derived.put(Fixed::ServerSoftware, concat!("tower-fcgi/", env!("CARGO_PKG_VERSION")).as_bytes());
    derived.put(Fixed::RequestMethod, parts.method.as_str().as_bytes());
    derived.put(Fixed::RequestUri, target.as_bytes());
    derived.put(Fixed::ScriptName, b"");
    if derived.fixed & Fixed::PathInfo.bit() == 0 {
        derived.put(Fixed::PathInfo, &Cow::from(percent_decode_str(path)));
    }
    derived.put(Fixed::QueryString, query.as_bytes());
    derived.put(Fixed::ServerProtocol, protocol(parts.version));
    let scheme = scheme(parts);
    if let Some(scheme) = scheme {
        derived.put(Fixed::RequestScheme, scheme.as_str().as_bytes());
        if *scheme == Scheme::HTTPS {
            derived.put(Fixed::Https, b"on");
        }
    }
    write_server(parts, scheme, derived);
    if let Some(length) = length {
        encode_pair(derived.out, b"CONTENT_LENGTH", length.to_string().as_bytes());
    }
}

/// A target of HTTP/1.1 has none, and in one of HTTP/2 it is the client's word.
fn scheme(parts: &request::Parts) -> Option<&Scheme> {
    parts.extensions.get().or(parts.uri.scheme())
}

/// RFC 3875 §4.1.14 and §4.1.15: a server has a name and a port, whatever the client said.
fn write_server(parts: &request::Parts, scheme: Option<&Scheme>, derived: &mut Derived<'_>) {
    let https = scheme == Some(&Scheme::HTTPS);
    let default = if https { "443" } else { "80" };
    let host = parts.headers.get(HOST);
    if let Some((name, port)) = host.and_then(|host| plain(host.as_bytes())) {
        derived.put(Fixed::ServerName, name);
        derived.put(Fixed::ServerPort, port.unwrap_or(default.as_bytes()));
        return;
    }
    let told = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let authority = told.as_ref().or(parts.uri.authority());
    if host.is_none()
        && let Some(authority) = authority
    {
        // HTTP/2 has no Host; nor has it a use for the user that a target may name.
        let authority = authority.as_str();
        derived.put_header(b"HTTP_HOST", authority.rsplit('@').next().unwrap_or(authority).as_bytes());
    }
    derived.put(Fixed::ServerName, authority.map_or("localhost", Authority::host).as_bytes());
    match authority.and_then(Authority::port_u16) {
        Some(port) => derived.put(Fixed::ServerPort, port.to_string().as_bytes()),
        None => derived.put(Fixed::ServerPort, default.as_bytes()),
    }
}

/// Host and port, where it is a name of letters, digits, dots and dashes, as nearly every one is: that is an authority, and
/// needs no more looking at.
fn plain(host: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let end = host.iter().position(|byte| !is_name(byte)).unwrap_or(host.len());
    let (name, port) = host.split_at_checked(end).filter(|(name, _)| !name.is_empty())?;
    match port {
        [] => Some((name, None)),
        [b':', port @ ..] if matches!(port, [b'1'..=b'9', ..]) && port.len() <= 5 => {
            parse_decimal(port).filter(|number| *number <= u16::MAX.into()).map(|_| (name, Some(port)))
        }
        _ => None,
    }
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

fn write_headers(headers: &HeaderMap, derived: &mut Derived<'_>) {
    let mut scratch = Vec::new();
    let has_connection = headers.contains_key(CONNECTION);
    let has_several = headers.len() > headers.keys_len();
    // Those of one name come one after another.
    let mut all = headers.iter().peekable();
    while let Some((name, value)) = all.next() {
        let mut more = Vec::new();
        while let Some((_, value)) = all.next_if(|(next, _)| has_several && *next == name) {
            more.push(value);
        }
        if *name == CONTENT_TYPE {
            derived.put(Fixed::ContentType, value.as_bytes());
            continue;
        }
        if has_connection && is_named_by_connection(name, headers) {
            continue;
        }
        let Some(variable) = variable_name(name, &mut scratch) else { continue };
        if more.is_empty() {
            derived.put_header(variable, value.as_bytes());
        } else {
            let separator = if *name == COOKIE { &b"; "[..] } else { b", " };
            let values: Vec<_> = iter::once(value).chain(more).map(HeaderValue::as_bytes).collect();
            derived.put_header(variable, &values.join(separator));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fcgi_core::NameValuePairs;
    use http::Request;

    fn written(request: Request<()>, length: Option<u64>, for_all: &[(&str, &str)]) -> Params {
        let mut out = Vec::new();
        let for_all = for_all.iter().copied().collect();
        write(&request.into_parts().0, length, &for_all, &mut out);
        NameValuePairs::new(&out).map(|pair| pair.expect("pairs are whole")).collect()
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
    fn a_server_has_a_name_and_a_port() {
        for (host, name, port) in [
            ("example.org", "example.org", "80"),
            ("a-b.example.org:8080", "a-b.example.org", "8080"),
            ("example.org:65535", "example.org", "65535"),
            ("example.org:65536", "example.org", "80"),
            ("example.org:", "example.org", "80"),
            ("192.0.2.1:81", "192.0.2.1", "81"),
            ("[2001:db8::1]:81", "[2001:db8::1]", "81"),
            ("my_host:81", "my_host", "81"),
            ("not a host", "localhost", "80"),
            ("", "localhost", "80"),
        ] {
            let params = written(Request::get("/").header("host", host).body(()).unwrap(), None, &[]);
            let told = ["SERVER_NAME", "SERVER_PORT"].map(|name| params.get_str(name));
            assert_eq!(told, [Some(name), Some(port)], "{host:?}");
        }
    }

    #[test]
    fn a_scheme_in_the_extensions_wins() {
        for (target, scheme, expected) in [
            ("/", Scheme::HTTPS, ["https", "on", "443"].map(Some)),
            ("https://example.org/", Scheme::HTTP, [Some("http"), None, Some("80")]),
        ] {
            let mut request = Request::get(target).body(()).unwrap();
            request.extensions_mut().insert(scheme);
            let params = written(request, None, &[]);
            let told = ["REQUEST_SCHEME", "HTTPS", "SERVER_PORT"].map(|name| params.get_str(name));
            assert_eq!(told, expected, "{target}");
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
    fn an_extra_variable_replaces_only_its_own_header() {
        let mut request = Request::get("/a")
            .header("host", "example.org")
            .header("x-one", "header")
            .header("content-type", "text/plain")
            .body(())
            .unwrap();
        let long = "x".repeat(300);
        let own = [("HTTP_X_ONE", "own"), ("CONTENT_TYPE", "own"), ("SERVER_NAMES", &long)];
        request.extensions_mut().insert(ExtraParams(own.into_iter().collect()));
        let params = written(request, None, &[("HTTP_HOST", "all"), ("PATH_INFO", "all")]);
        for (name, value) in [
            ("HTTP_X_ONE", "own"),
            ("CONTENT_TYPE", "own"),
            ("SERVER_NAMES", &long),
            ("SERVER_NAME", "example.org"),
            ("HTTP_HOST", "all"),
            ("PATH_INFO", "all"),
            ("REQUEST_URI", "/a"),
        ] {
            assert_eq!(params.get_all(name.as_bytes()).collect::<Vec<_>>(), [value.as_bytes()], "{name}");
        }
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
