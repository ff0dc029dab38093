use fcgi_core::Role;
use http::{HeaderValue, StatusCode};

use super::*;
use crate::cgi::request_target::{RequestTarget, TargetSettings};
use crate::cgi::target::OwnProgram;

#[derive(Debug)]
struct Head {
    parts: http::request::Parts,
    content_length: Option<u64>,
}

fn context(settings: &TargetSettings) -> TargetContext<'_> {
    TargetContext { settings, program: OwnProgram::Application, role: Role::RESPONDER, log: &() }
}

fn read(params: &Params) -> Result<Head, RequestError> {
    let mut request = Request::new(());
    let info = read_head(params, context(&TargetSettings::default()), &mut request)?;
    Ok(Head { parts: request.into_parts().0, content_length: info.content_length })
}

fn head_of(pairs: &[(&[u8], &[u8])]) -> Result<Head, RequestError> {
    let base: [(&[u8], &[u8]); 2] = [(b"REQUEST_METHOD", b"GET"), (b"REQUEST_URI", b"/x?y=1")];
    let params: Params = base.iter().chain(pairs).copied().collect();
    read(&params)
}

fn headers_of(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_bytes(), v.as_bytes())).collect();
    let head = head_of(&pairs).unwrap();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    head.parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

fn status_of(pairs: &[(&[u8], &[u8])]) -> Option<StatusCode> {
    head_of(pairs).err().map(|RequestError(status, _)| status)
}

fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
}

#[test]
fn a_post_as_nginx_sends_it() {
    let params: Params = [
        ("QUERY_STRING", "q=1"),
        ("REQUEST_METHOD", "POST"),
        ("CONTENT_TYPE", "text/plain"),
        ("CONTENT_LENGTH", "4"),
        ("SCRIPT_NAME", "/app/hello/x y"),
        ("REQUEST_URI", "/app/hello/x%20y?q=1"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("HTTP_HOST", "127.0.0.1"),
        ("HTTP_COOKIE", "a=b"),
        ("HTTP_X_DUP", "1"),
        ("HTTP_X_DUP", "2"),
        ("HTTP_PROXY", "http://evil"),
        ("HTTP_CONTENT_LENGTH", "4"),
        ("HTTP_CONTENT_TYPE", "text/plain"),
    ]
    .into_iter()
    .collect();
    let head = read(&params).unwrap();
    assert_eq!(head.parts.method, Method::POST);
    assert_eq!(head.parts.uri, "/app/hello/x%20y?q=1");
    assert_eq!(head.parts.version, Version::HTTP_11);
    assert_eq!(head.content_length, Some(4));
    assert_eq!(head.parts.headers["content-type"], "text/plain");
    assert_eq!(head.parts.headers["content-length"], "4");
    assert_eq!(head.parts.headers.get_all("x-dup").iter().collect::<Vec<_>>(), ["1", "2"]);
    assert_eq!(head.parts.headers.len(), 6, "{:?}", head.parts.headers);
    let value = head.parts.headers["cookie"].as_bytes().as_ptr();
    assert!(params.encoded().as_ptr_range().contains(&value), "a slice of the PARAMS, not a copy");
}

#[test]
fn of_repeated_variables_the_last_counts() {
    let params: Params = [
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", "/first"),
        ("SERVER_PROTOCOL", "HTTP/1.0"),
        ("CONTENT_LENGTH", "1"),
        ("REMOTE_ADDR", "192.0.2.1"),
        ("REMOTE_PORT", "1"),
        ("REQUEST_METHOD", "POST"),
        ("REQUEST_URI", "/last"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("CONTENT_LENGTH", "2"),
        ("REMOTE_ADDR", "192.0.2.2"),
        ("REMOTE_PORT", "2"),
    ]
    .into_iter()
    .collect();
    let mut request = Request::new(());
    let info = read_head(&params, context(&TargetSettings::default()), &mut request).unwrap();
    assert_eq!((request.method(), request.version()), (&Method::POST, Version::HTTP_11));
    assert_eq!(request.uri(), "/last");
    assert_eq!((info.content_length, info.client), (Some(2), "192.0.2.2:2".parse().ok()));
    assert_eq!(request.headers()["content-length"], "2");
}

#[test]
fn of_repeated_headers_the_last_host_stands_alone() {
    let pairs = [
        ("HTTP_HOST", "example.org"),
        ("HTTP_AUTHORIZATION", "Basic YQ=="),
        ("HTTP_X", "1"),
        ("HTTP_Host", "example.org:8080"),
        ("HTTP_COOKIE", "a=1"),
        ("HTTP_AUTHORIZATION", "Basic Yg=="),
        ("HTTP_X", "2"),
        ("HTTP_COOKIE", "b=2"),
    ];
    let expected = [
        ("host", "example.org:8080"),
        ("authorization", "Basic Yg=="),
        ("x", "1"),
        ("x", "2"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
    ];
    // Twice, since the thread caches heads, and beside a head without repetitions.
    for _ in 0..2 {
        assert_eq!(headers_of(&pairs), owned(&expected));
        assert_eq!(headers_of(&pairs[3..]).len(), 5);
    }
}

#[test]
fn of_repeated_content_types_the_first_counts() {
    for (types, expected) in [
        (&["text/a", "text/b"][..], "text/a"),
        (&["", "text/b", "text/c"], "text/b"),
        (&["text/a", ""], "text/a"),
    ] {
        let pairs: Vec<_> = types.iter().map(|kind| ("CONTENT_TYPE", *kind)).collect();
        for _ in 0..6 {
            assert_eq!(headers_of(&pairs), owned(&[("content-type", expected)]), "{types:?}");
        }
    }
}

#[test]
fn http_proxy_never_becomes_a_header() {
    assert_eq!(headers_of(&[("HTTP_PROXY", "http://evil")]), []);
    assert_eq!(
        headers_of(&[("HTTP_PROXY_AUTHORIZATION", "x")]),
        owned(&[("proxy-authorization", "x")]),
        "another header"
    );
}

#[test]
fn content_headers_ignore_http_content_star() {
    let pairs = [
        ("HTTP_CONTENT_TYPE", "text/evil"),
        ("HTTP_CONTENT_LENGTH", "99"),
        ("CONTENT_TYPE", "text/plain"),
        ("CONTENT_LENGTH", "4"),
    ];
    let expected = owned(&[("content-type", "text/plain"), ("content-length", "4")]);
    assert_eq!(headers_of(&pairs), expected);
    assert_eq!(headers_of(&pairs[..2]), [], "not in their place either");
    assert_eq!(headers_of(&[("CONTENT_TYPE", ""), ("CONTENT_LENGTH", "")]), [], "empty ones are left out");
}

#[test]
fn a_non_numeric_content_length_is_an_unknown_length() {
    for (value, length) in [
        ("", None),
        ("-1", None),
        ("+1", None),
        ("1 1", None),
        ("1 ", Some(1)),
        ("\t1", Some(1)),
        ("0x10", None),
        ("18446744073709551616", None),
        ("18446744073709551615", Some(u64::MAX)),
        ("0", Some(0)),
        ("007", Some(7)),
    ] {
        let head = head_of(&[(b"CONTENT_LENGTH", value.as_bytes())]).unwrap();
        assert_eq!(head.content_length, length, "{value:?}");
        assert_eq!(head.parts.headers.contains_key("content-length"), length.is_some(), "{value:?}");
    }
}

#[test]
fn header_values_have_no_whitespace_around_them() {
    let pairs = [
        ("HTTP_AUTHORIZATION", "Bearer secret\t"),
        ("HTTP_ACCEPT", " \t"),
        ("HTTP_USER_AGENT", "\t a \t b "),
        ("HTTP_HOST", " example.org "),
        ("CONTENT_TYPE", "application/json\t"),
        ("CONTENT_LENGTH", " 4\t"),
    ];
    let expected = owned(&[
        ("authorization", "Bearer secret"),
        ("accept", ""),
        ("user-agent", "a \t b"),
        ("host", "example.org"),
        ("content-type", "application/json"),
        ("content-length", "4"),
    ]);
    let trimmed = pairs.map(|(name, value)| (name, value.trim()));
    // From the cache, too: of equal values, and of values that differ.
    for pairs in [pairs, pairs, trimmed, pairs] {
        assert_eq!(headers_of(&pairs), expected);
    }
    assert_eq!(headers_of(&[("CONTENT_TYPE", " "), ("CONTENT_LENGTH", "\t")]), [], "as if empty");
}

#[test]
fn what_is_between_client_and_web_server_is_left_out() {
    for name in ["HTTP_EXPECT", "HTTP_KEEP_ALIVE", "HTTP_PROXY_CONNECTION", "HTTP_TE"] {
        assert_eq!(headers_of(&[(name, "x")]), [], "{name}");
    }
    // An application needs them to recognise an upgrade.
    let upgrade = [("HTTP_CONNECTION", "upgrade"), ("HTTP_UPGRADE", "websocket")];
    assert_eq!(headers_of(&upgrade), owned(&[("connection", "upgrade"), ("upgrade", "websocket")]));
}

#[test]
fn the_version_is_http_1_1_for_every_client() {
    for value in ["HTTP/1.1", "HTTP/1.0", "HTTP/2", "HTTP/2.0", "HTTP/3.0", "INCLUDED", "", "HTTP/9"] {
        let head = head_of(&[(b"SERVER_PROTOCOL", value.as_bytes())]).unwrap();
        assert_eq!(head.parts.version, Version::HTTP_11, "{value}");
    }
    assert_eq!(head_of(&[]).unwrap().parts.version, Version::HTTP_11, "absent");
}

#[test]
fn odd_hosts_do_not_change_the_target() {
    for host in ["a@b/c d", "/", "http://x/", ""] {
        let head = head_of(&[(b"HTTP_HOST", host.as_bytes())]).unwrap();
        assert_eq!(head.parts.uri, "/x?y=1");
        assert_eq!(head.parts.headers["host"], host);
    }
}

#[test]
fn a_bad_method_name_or_value_is_a_400() {
    let bad = Some(StatusCode::BAD_REQUEST);
    for method in [&b""[..], b"G T", b"G\0", b"\xff"] {
        assert_eq!(status_of(&[(b"REQUEST_METHOD", method)]), bad, "{method:?}");
    }
    assert_eq!(head_of(&[(b"REQUEST_METHOD", b"PURGE")]).unwrap().parts.method.as_str(), "PURGE");
    for name in [&b"HTTP_"[..], b"HTTP_A B", b"HTTP_\xff"] {
        assert_eq!(status_of(&[(name, b"x")]), bad, "{name:?}");
    }
    for value in [&b"a\0"[..], b"a\rb", b"a\nb", b"\x7f", b"\x1b"] {
        assert_eq!(status_of(&[(b"HTTP_X", value)]), bad, "{value:?}");
        assert_eq!(status_of(&[(b"CONTENT_TYPE", value)]), bad, "{value:?}");
    }
}

#[test]
fn obs_text_passes_unchanged() {
    let head = head_of(&[(b"HTTP_X_NAME", b"caf\xe9 \xc3\xa9\t\xff")]).unwrap();
    assert_eq!(head.parts.headers["x-name"].as_bytes(), b"caf\xe9 \xc3\xa9\t\xff");
}

#[test]
fn forty_thousand_headers_are_a_431_and_no_panic() {
    let names: Vec<_> = (0..40_000).map(|i| format!("HTTP_X{i}")).collect();
    let pairs: Vec<_> = names.iter().map(|name| (name.as_bytes(), &b"v"[..])).collect();
    assert_eq!(status_of(&pairs), Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
}

#[test]
fn the_last_value_of_a_variable_wins() {
    let head = head_of(&[(b"REQUEST_METHOD", b"PUT"), (b"REQUEST_URI", b"/z")]).unwrap();
    assert_eq!((head.parts.method, head.parts.uri.path()), (Method::PUT, "/z"));
}

#[test]
fn only_http_star_and_content_star_become_headers() {
    let pairs = [
        ("REMOTE_USER", "eve"),
        ("SSL_CLIENT_VERIFY", "SUCCESS"),
        ("PATH", "/bin"),
        ("", "x"),
        ("HTTPS", "on"),
    ];
    assert_eq!(headers_of(&pairs), []);
}

#[test]
fn a_decoded_transfer_coding_is_left_out() {
    assert_eq!(headers_of(&[("HTTP_TRANSFER_ENCODING", "chunked")]), []);
}

#[test]
fn the_whole_target_is_beside_a_part_of_it() {
    let pairs = [
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_URI", "http://x/app/a%20b?c"),
        ("SCRIPT_NAME", "/app"),
        ("PATH_INFO", "/a b"),
    ];
    let params: Params = pairs.into_iter().collect();
    for (target, expected, original) in [
        (RequestTarget::Decided, "/app/a%20b?c", None),
        (RequestTarget::RequestUri, "/app/a%20b?c", None),
        (RequestTarget::ScriptNameAndPathInfo, "/app/a%20b", None),
        (RequestTarget::StripScriptName, "/a%20b?c", Some("/app/a%20b?c")),
        (RequestTarget::StripPrefix("/app".to_owned()), "/a%20b?c", Some("/app/a%20b?c")),
        (RequestTarget::PathInfo, "/a%20b", Some("/app/a%20b?c")),
    ] {
        let settings = TargetSettings { target, ..Default::default() };
        let mut request = Request::new(());
        read_head(&params, context(&settings), &mut request).unwrap();
        assert_eq!(request.uri(), expected, "{settings:?}");
        let found = request.extensions().get().map(|OriginalUri(whole)| whole.to_string());
        assert_eq!(found.as_deref(), original, "{settings:?}");
    }
    let other = RequestTarget::StripPrefix("/other".to_owned());
    let settings = TargetSettings { target: other, ..Default::default() };
    let failed = read_head(&params, context(&settings), &mut Request::new(()));
    assert_eq!(failed.unwrap_err().0, StatusCode::NOT_FOUND);
}
