//! Encodes the head of an [`http::Request`] as meta-variables (RFC 3875 §4.1): the reverse of `decode_request`.
//!
//! | request | meta-variables |
//! | --- | --- |
//! | method, version | REQUEST_METHOD, SERVER_PROTOCOL |
//! | target | REQUEST_URI unchanged; SCRIPT_NAME empty and PATH_INFO the decoded path; QUERY_STRING |
//! | scheme: a [`Scheme`] in the extensions, else the target's | REQUEST_SCHEME, and HTTPS=on for `https`; nothing without a scheme |
//! | `Host`, else the target's authority | HTTP_HOST, SERVER_NAME, SERVER_PORT |
//! | the body's length, else `Content-Length` | CONTENT_LENGTH; HTTP_TRANSFER_ENCODING=chunked if neither is known; nothing without a body |
//! | `Content-Type` | CONTENT_TYPE |
//! | other headers | HTTP_*; several of one name are joined by `, `, cookies by `; ` (§4.1.18) |
//! | `Proxy` | nothing: programs take HTTP_PROXY for a setting (httpoxy) |
//! | Connection, Keep-Alive, Proxy-Connection, TE, Trailer, Transfer-Encoding, Upgrade | nothing: they are about the client's connection |
//! | names with other bytes than letters, digits and dashes | nothing: `X_Foo` would have the variable of `X-Foo` |
//!
//! The names that `Connection` lists are not left out, as in nginx and although RFC 9110 §7.6.1 has intermediaries remove
//! them: the variables go to the origin server itself, over no further HTTP connection. A client could otherwise remove the
//! Authorization, Cookie or X-Forwarded-For that a proxy in front has checked or set.
//!
//! Spaces and tabs around a header's value are removed (RFC 9110 §5.5).
//!
//! REMOTE_ADDR, SCRIPT_FILENAME and other variables that only the web server knows come from [`ExtraParams`].

use std::borrow::Cow;
use std::iter;
use std::sync::Arc;

use fcgi_core::{MAX_PAIR_LEN, NameValuePairs, Params};
use http::header::{CONTENT_TYPE, COOKIE, HeaderMap};
use http::uri::Scheme;
use http::{Version, request};
use percent_encoding::percent_decode_str;

use super::extra_params::{ExtraParams, Overrides};
use super::header_names::variable_name;
use super::server_name::write_server;
use super::standard_variable::StandardVariable;
use super::variable_writer::VariableWriter;
use super::whitespace::trim_ows;

/// The length of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestBodyLength {
    /// No body, and no CONTENT_LENGTH.
    NoBody,
    /// In bytes.
    Known(u64),
    Unknown,
}

/// Appends the encoded variables of a request to `out`. `length` is that of its body. The request's own
/// [`ExtraParams`] take precedence over those `for_all` requests, and these over the head.
pub(crate) fn write(parts: &request::Parts, length: RequestBodyLength, for_all: &Params, out: &mut Vec<u8>) {
    let none = Params::default();
    let own = Overrides::new(parts.extensions.get::<ExtraParams>().map_or(&none, |extra| &extra.0));
    let for_all = Overrides::new(for_all);
    let mut writer = VariableWriter::new(out, [&own, &for_all]);
    write_head(parts, length, &mut writer);
    write_headers(&parts.headers, &mut writer);
    for_all.write_unless(out, |name| own.params.get(name).is_some());
    own.write(out);
}

/// The most bytes of a name in an error.
const MAX_SHOWN_NAME: usize = 64;

/// The name of the first variable that does not fit a record, of a request that has one; cut after 64 bytes.
#[cold]
pub(crate) fn too_long(parts: &request::Parts, length: RequestBodyLength, for_all: &Params) -> Arc<str> {
    let mut out = Vec::new();
    write(parts, length, for_all, &mut out);
    let mut pairs = NameValuePairs::new(&out);
    let mut before = out.len();
    while let Some(Ok((name, _))) = pairs.next() {
        let rest = pairs.rest().len();
        if before - rest > MAX_PAIR_LEN {
            return name.get(..MAX_SHOWN_NAME).unwrap_or(name).escape_ascii().to_string().into();
        }
        before = rest;
    }
    Arc::default()
}

fn write_head(parts: &request::Parts, length: RequestBodyLength, writer: &mut VariableWriter<'_>) {
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    writer.write(StandardVariable::GatewayInterface, b"CGI/1.1");
    writer.write(
        StandardVariable::ServerSoftware,
        concat!("tower-fcgi/", env!("CARGO_PKG_VERSION")).as_bytes(),
    );
    writer.write(StandardVariable::RequestMethod, parts.method.as_str().as_bytes());
    writer.write(StandardVariable::RequestUri, target.as_bytes());
    writer.write(StandardVariable::ScriptName, b"");
    if !writer.is_replaced(StandardVariable::PathInfo) {
        writer.write(StandardVariable::PathInfo, &Cow::from(percent_decode_str(path)));
    }
    writer.write(StandardVariable::QueryString, query.as_bytes());
    writer.write(StandardVariable::ServerProtocol, protocol(parts.version));
    let scheme = scheme(parts);
    if let Some(scheme) = scheme {
        writer.write(StandardVariable::RequestScheme, scheme.as_str().as_bytes());
        if *scheme == Scheme::HTTPS {
            writer.write(StandardVariable::Https, b"on");
        }
    }
    write_server(parts, scheme, writer);
    match length {
        RequestBodyLength::NoBody => {}
        RequestBodyLength::Known(length) => writer.write_content_length(length),
        // As nginx and Apache do: otherwise a request of HTTP/1.1 has no body (RFC 9112 §6.3).
        RequestBodyLength::Unknown => writer.write_header(b"HTTP_TRANSFER_ENCODING", b"chunked"),
    }
}

/// The scheme of a request. The one in the extensions takes precedence: a target of HTTP/1.1 usually has no scheme, and
/// in HTTP/2 the client chooses it (RFC 9113 §8.3.1).
fn scheme(parts: &request::Parts) -> Option<&Scheme> {
    parts.extensions.get().or(parts.uri.scheme())
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

fn write_headers(headers: &HeaderMap, writer: &mut VariableWriter<'_>) {
    let mut scratch = Vec::new();
    let has_repeated = headers.len() > headers.keys_len();
    // A `HeaderMap` iterates over the values of one name consecutively.
    let mut all = headers.iter().peekable();
    while let Some((name, value)) = all.next() {
        let mut more = Vec::new();
        while let Some((_, value)) = all.next_if(|(next, _)| has_repeated && *next == name) {
            more.push(value);
        }
        if *name == CONTENT_TYPE {
            writer.write(StandardVariable::ContentType, trim_ows(value.as_bytes()));
            continue;
        }
        let Some(variable) = variable_name(name, &mut scratch) else { continue };
        if more.is_empty() {
            writer.write_header(variable, trim_ows(value.as_bytes()));
        } else {
            let separator = if *name == COOKIE { &b"; "[..] } else { b", " };
            let values: Vec<_> =
                iter::once(value).chain(more).map(|value| trim_ows(value.as_bytes())).collect();
            writer.write_header(variable, &values.join(separator));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn written(request: Request<()>, length: Option<u64>, for_all: &[(&str, &str)]) -> Params {
        let mut out = Vec::new();
        let length = length.map_or(RequestBodyLength::NoBody, RequestBodyLength::Known);
        let for_all = for_all.iter().copied().collect();
        write(&request.into_parts().0, length, &for_all, &mut out);
        NameValuePairs::new(&out).map(|pair| pair.expect("complete pairs")).collect()
    }

    #[test]
    fn a_head_becomes_the_variables_of_rfc_3875() {
        let request = Request::post("https://example.org:8443/a%20b/c?d=%20e")
            .version(Version::HTTP_2)
            .header("content-type", "text/plain ")
            .header("x-dup", " 1")
            .header("cookie", "a=1 ")
            .header("x-dup", "2\t")
            .header("x-space", " a b ")
            .header("cookie", " b=2");
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
            ("HTTP_X_SPACE", "a b"),
            ("HTTP_COOKIE", "a=1; b=2"),
        ] {
            assert_eq!(params.get_all(name.as_bytes()).collect::<Vec<_>>(), [value.as_bytes()], "{name}");
        }
    }

    #[test]
    fn a_variable_that_is_too_long_is_named() {
        let long = "x".repeat(70_000);
        let name = "x".repeat(60_000);
        for (target, header, value, extra, expected) in [
            ("/", "cookie", &long[..], "A", "HTTP_COOKIE"),
            ("/", &name, &long[..10_000], "A", &format!("HTTP_{}", "X".repeat(59))),
            (&long.replacen('x', "/", 1)[..65_530], "x-a", &long, "A", "REQUEST_URI"),
            ("/", "x-a", &long[..65_520], "A\n", "A\\n"),
        ] {
            let request = Request::get(target).header(header, value).body(()).unwrap().into_parts().0;
            let for_all = [(extra, &long)].into_iter().collect();
            assert_eq!(&*too_long(&request, RequestBodyLength::NoBody, &for_all), expected);
        }
    }

    #[test]
    fn a_body_of_unknown_length_is_announced() {
        for (length, variables) in [
            (RequestBodyLength::NoBody, [None, None]),
            (RequestBodyLength::Known(0), [Some("0"), None]),
            (RequestBodyLength::Unknown, [None, Some("chunked")]),
        ] {
            let mut out = Vec::new();
            write(&Request::new(()).into_parts().0, length, &Params::default(), &mut out);
            let params: Params =
                NameValuePairs::new(&out).map(|pair| pair.expect("complete pairs")).collect();
            let found = ["CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING"].map(|name| params.get_str(name));
            assert_eq!(found, variables, "{length:?}");
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
            (" example.org:81\t", "example.org", "81"),
            ("not a host", "localhost", "80"),
            ("", "localhost", "80"),
        ] {
            let params = written(Request::get("/").header("host", host).body(()).unwrap(), None, &[]);
            let found = ["SERVER_NAME", "SERVER_PORT"].map(|name| params.get_str(name));
            assert_eq!(found, [Some(name), Some(port)], "{host:?}");
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
            let found = ["REQUEST_SCHEME", "HTTPS", "SERVER_PORT"].map(|name| params.get_str(name));
            assert_eq!(found, expected, "{target}");
        }
    }

    #[test]
    fn dangerous_and_hop_by_hop_headers_are_left_out() {
        let request = Request::get("/")
            .header("proxy", "http://evil")
            .header("connection", "keep-alive, te")
            .header("keep-alive", "timeout=5")
            .header("te", "trailers")
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
    fn a_client_removes_no_header_by_naming_it_in_connection() {
        const NAMED: [(&str, &str); 5] = [
            ("host", "HTTP_HOST"),
            ("cookie", "HTTP_COOKIE"),
            ("authorization", "HTTP_AUTHORIZATION"),
            ("content-type", "CONTENT_TYPE"),
            ("x-forwarded-for", "HTTP_X_FORWARDED_FOR"),
        ];
        let mut request = Request::get("/").header("connection", NAMED.map(|(name, _)| name).join(", "));
        for (name, _) in NAMED {
            request = request.header(name, "value");
        }
        let params = written(request.body(()).unwrap(), None, &[]);
        for (_, variable) in NAMED {
            assert_eq!(params.get_str(variable), Some("value"), "{variable}");
        }
        assert_eq!(params.get_str("HTTP_CONNECTION"), None);
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
    fn the_requests_own_extra_variables_win() {
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
            let found: Vec<_> = params.get_all(name.as_bytes()).collect();
            assert_eq!(found, values.iter().map(|value| value.as_bytes()).collect::<Vec<_>>(), "{name}");
        }
    }
}
