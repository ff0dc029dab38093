use std::sync::LazyLock;

use fcgi_core::{Params, Role};
use http::Uri;
use proptest::prelude::*;

use super::decision::{decide, decide_by_rules};
use super::uri::MAX_BYTES;
use super::{OwnProgram, TargetContext, TargetVariables, partial_target, whole_target};
use crate::cgi::error::RequestError;
use crate::cgi::request_target::{RequestTarget, TargetSettings};

/// The default settings.
pub(super) static RULE: LazyLock<TargetSettings> = LazyLock::new(TargetSettings::default);

/// The request's own target, or the status of its rejection.
pub(super) fn target_of(
    params: &Params,
    settings: &TargetSettings,
    program: OwnProgram,
    role: Role,
) -> Result<String, u16> {
    let value = |name: &str| params.get(name);
    let variables = TargetVariables {
        request_uri: value("REQUEST_URI").unwrap_or_default(),
        script_name: value("SCRIPT_NAME").unwrap_or_default(),
        path_info: value("PATH_INFO"),
        query_string: value("QUERY_STRING"),
        protocol: value("SERVER_PROTOCOL").unwrap_or_default(),
    };
    let status = |RequestError(status, _)| status.as_u16();
    let whole = whole_target(&variables, params, TargetContext { settings, program, role, log: &() })
        .map_err(status)?;
    let part = partial_target(&variables, &whole, &settings.target).map_err(status)?;
    Ok(part.unwrap_or(whole).to_string())
}

/// The target of a Responder's request with the default settings.
fn decided(pairs: &[(&str, &str)]) -> Result<String, u16> {
    target_of(&pairs.iter().copied().collect(), &RULE, OwnProgram::Application, Role::RESPONDER)
}

fn settings(target: RequestTarget) -> TargetSettings {
    TargetSettings { target, ..Default::default() }
}

fn ok(target: &str) -> Result<String, u16> {
    // A number is a status.
    target.parse().map_or_else(|_| Ok(target.to_owned()), Err)
}

#[test]
fn the_spelling_is_kept_where_it_means_the_path() {
    for (sent, script, expected) in [
        ("/hello", "/hello", "/hello"),
        ("/a%20b", "/a b", "/a%20b"),
        ("//a%2Fb///c", "/a/b/c", "//a%2Fb///c"),
        ("/a%2fb", "/a%2fb", "/a%2fb"),
        ("/%61", "/a", "/%61"),
        ("/a%00b", "/a\0b", "/a%00b"),
        ("/.well-known/x", "/.well-known/x", "/.well-known/x"),
        ("http://h/a?b", "/a", "/a?b"),
        ("http://h?q", "/", "/?q"),
        ("?q", "/", "/?q"),
    ] {
        assert_eq!(decided(&[("REQUEST_URI", sent), ("SCRIPT_NAME", script)]), ok(expected), "{sent}");
        let (name, info) = script.split_at(script.len() / 2);
        let split = [("REQUEST_URI", sent), ("SCRIPT_NAME", name), ("PATH_INFO", info)];
        assert_eq!(decided(&split), ok(expected), "{sent}");
    }
}

#[test]
fn another_path_is_the_target() {
    for (sent, script, expected) in [
        ("/env/../hello", "/hello", "/hello"),
        ("/env/%2e%2e/hello", "/hello", "/hello"),
        ("/guarded/x?y", "/authz", "/authz?y"),
        ("/a", "/to/a b%?#", "/to/a%20b%25%3F%23?"),
        ("/A", "/a", "/a"),
        ("/a%2561", "/aa", "/aa"),
        ("/a", "b", "/b"),
        ("/a", "//a/b", "//a/b"),
    ] {
        let expected = expected.strip_suffix('?').unwrap_or(expected);
        assert_eq!(decided(&[("REQUEST_URI", sent), ("SCRIPT_NAME", script)]), ok(expected), "{sent}");
    }
}

#[test]
fn a_dot_segment_is_a_400_and_never_resolved() {
    for (sent, path) in [
        ("/env/../hello", "/env/../hello"),
        ("/env/%2E%2e/hello", "/env/../hello"),
        ("/env/..%2fhello", "/env/../hello"),
        ("/a/.", "/a/."),
        ("/a", "/to/../a"),
        ("/a", "/.."),
    ] {
        for name in ["SCRIPT_NAME", "PATH_INFO"] {
            assert_eq!(decided(&[("REQUEST_URI", sent), (name, path)]), Err(400), "{sent}");
        }
        assert_eq!(decided(&[("SCRIPT_NAME", path)]), Err(400), "without REQUEST_URI");
    }
    assert_eq!(decided(&[("REQUEST_URI", "/x/..")]), Err(400), "with REQUEST_URI alone");
    let parts = [("REQUEST_URI", "/a/../b"), ("SCRIPT_NAME", "/a/."), ("PATH_INFO", "./b")];
    assert_eq!(decided(&parts), Err(400), "across the two variables");
    assert_eq!(decided(&[("REQUEST_URI", "/x/..%2Fy"), ("SCRIPT_NAME", "/x/..%2Fy")]), ok("/x/..%2Fy"));
}

#[test]
fn the_query_is_the_decided_one() {
    for (sent, query, expected) in [
        ("/a?x=1", Some("x=1"), "/a?x=1"),
        ("/a", Some("added=1"), "/a?added=1"),
        ("/a?x=1", Some("added=1&x=1"), "/a?added=1&x=1"),
        ("/a?x=1", Some(""), "/a"),
        ("/a?", Some(""), "/a?"),
        ("/a", Some(""), "/a"),
        ("/a?x=1", None, "/a?x=1"),
        ("/a?x#f", Some("x"), "/a?x"),
        ("/a?x#f", Some("x#f"), "/a?x"),
        ("/a?x y", Some("x y"), "/a?x%20y"),
    ] {
        let mut pairs = vec![("REQUEST_URI", sent), ("SCRIPT_NAME", "/a")];
        pairs.extend(query.map(|query| ("QUERY_STRING", query)));
        assert_eq!(decided(&pairs), ok(expected), "{sent} {query:?}");
    }
}

#[test]
fn bytes_that_a_uri_cannot_have_are_encoded() {
    // OpenBSD httpd decoded REQUEST_URI before 6.4.
    for (sent, expected) in [
        ("/a b", "/a%20b"),
        ("/\"quoted\"", "/%22quoted%22"),
        ("/a\u{1}\t\u{7f}", "/a%01%09%7F"),
        ("/caf\u{e9}?q=\u{e9}", "/caf%C3%A9?q=%C3%A9"),
        ("/<a>`", "/%3Ca%3E%60"),
        ("/100%", "/100%"),
        ("/a|b^[c]", "/a|b^[c]"),
    ] {
        for script in [vec![], vec![("SCRIPT_NAME", ""), ("PATH_INFO", sent.split('?').next().unwrap())]] {
            let pairs: Vec<_> = script.into_iter().chain([("REQUEST_URI", sent)]).collect();
            assert_eq!(decided(&pairs), ok(expected), "{sent}");
        }
        let as_sent = settings(RequestTarget::RequestUri);
        let params = [("REQUEST_URI", sent)].into_iter().collect();
        let found = target_of(&params, &as_sent, OwnProgram::Application, Role::RESPONDER);
        assert_eq!(found, ok(expected), "{sent}");
    }
    let params = [("REQUEST_URI", &b"/\xff"[..]), ("SCRIPT_NAME", b"/\xff")].into_iter().collect();
    assert_eq!(target_of(&params, &RULE, OwnProgram::Application, Role::RESPONDER), ok("/%FF"));
}

#[test]
fn a_target_without_a_path_is_a_400() {
    for sent in ["example.org:443", "word", "://x/", "a b://c/"] {
        assert_eq!(decided(&[("REQUEST_URI", sent), ("SCRIPT_NAME", "/x")]), Err(400), "{sent}");
    }
}

#[test]
fn a_target_that_is_too_long_is_a_414() {
    let long = "/".repeat(MAX_BYTES);
    for script in ["", &long] {
        assert_eq!(decided(&[("REQUEST_URI", &long), ("SCRIPT_NAME", script)]), Ok(long.clone()));
        let longer = long.clone() + "x";
        let script = if script.is_empty() { "" } else { &longer };
        assert_eq!(decided(&[("REQUEST_URI", &longer), ("SCRIPT_NAME", script)]), Err(414));
    }
    // Too long once it is encoded.
    assert_eq!(decided(&[("SCRIPT_NAME", &" ".repeat(MAX_BYTES / 3 + 1))]), Err(414));
}

#[test]
fn without_request_uri_the_parts_are_encoded() {
    for (script, path, query, expected) in [
        ("/app", "/hello/x y", "q=1", "/app/hello/x%20y?q=1"),
        ("", "", "", "/"),
        ("", "/", "", "/"),
        ("/app", "", "", "/app"),
        ("", "/a%b?c#d", "", "/a%25b%3Fc%23d"),
        ("", "/\u{e9}", "", "/%C3%A9"),
        ("", "relative", "", "/relative"),
        // PATH_INFO is appended to any SCRIPT_NAME.
        ("/index.php", "/x", "", "/index.php/x"),
    ] {
        let pairs = [("SCRIPT_NAME", script), ("PATH_INFO", path), ("QUERY_STRING", query)];
        assert_eq!(decided(&pairs), ok(expected));
    }
}

#[test]
fn document_uri_stands_in_for_a_script_name_by_hand() {
    let sent = ("REQUEST_URI", "/app/a%20b");
    let by_hand = ("SCRIPT_NAME", "/app");
    let decided_path = ("DOCUMENT_URI", "/app/a b");
    assert_eq!(decided(&[sent, by_hand]), ok("/app"));
    assert_eq!(decided(&[sent, by_hand, decided_path]), ok("/app/a%20b"));
    assert_eq!(decided(&[sent, decided_path]), ok("/app/a%20b"), "without SCRIPT_NAME");
    assert_eq!(decided(&[sent, ("DOCUMENT_URI", "/authz")]), ok("/authz"), "without SCRIPT_NAME");
    let caddy = [sent, by_hand, ("PATH_INFO", "/x y"), ("DOCUMENT_URI", "")];
    assert_eq!(decided(&caddy), ok("/x%20y"));
    let ssi = [("REQUEST_URI", "/page?q"), ("SCRIPT_NAME", "/part"), ("PATH_INFO", "/part")];
    let included = [("SERVER_PROTOCOL", "INCLUDED"), ("DOCUMENT_URI", "/page")];
    let pairs: Vec<_> = ssi.into_iter().chain(included).collect();
    assert_eq!(decided(&pairs), ok("/part?q"));
}

#[test]
fn a_front_controller_keeps_the_clients_target() {
    let named = TargetSettings { front_controllers: vec!["/app.fcgi".to_owned()], ..Default::default() };
    let sent = [("REQUEST_URI", "/x/%79?q=1"), ("QUERY_STRING", "rewritten"), ("SCRIPT_NAME", "/app.fcgi")];
    for (more, own, by_name, by_program) in [
        (vec![], "/app.fcgi?rewritten", "/x/%79?q=1", "/x/%79?q=1"),
        (vec![("PATH_INFO", "/x/y")], "/app.fcgi/x/y?rewritten", "/x/%79?q=1", "/x/%79?q=1"),
        (vec![("PATH_INFO", "/z")], "/app.fcgi/z?rewritten", "/x/%79?q=1", "/app.fcgi/z?rewritten"),
        (
            vec![("REDIRECT_STATUS", "403")],
            "/app.fcgi?rewritten",
            "/app.fcgi?rewritten",
            "/app.fcgi?rewritten",
        ),
        (vec![("REDIRECT_STATUS", "404")], "/app.fcgi?rewritten", "/x/%79?q=1", "/app.fcgi?rewritten"),
        (
            vec![("REDIRECT_STATUS", "200"), ("REDIRECT_URL", "/x/y")],
            "/app.fcgi?rewritten",
            "/x/%79?q=1",
            "/x/%79?q=1",
        ),
        (
            vec![("REDIRECT_STATUS", "200"), ("REDIRECT_URL", "/resolved to")],
            "/app.fcgi?rewritten",
            "/resolved%20to?q=1",
            "/resolved%20to?q=1",
        ),
    ] {
        let params: Params = sent.into_iter().chain(more).collect();
        let found =
            [(&*RULE, OwnProgram::Application), (&named, OwnProgram::Application), (&*RULE, OwnProgram::Cgi)]
                .map(|(settings, program)| target_of(&params, settings, program, Role::RESPONDER));
        assert_eq!(found, [ok(own), ok(by_name), ok(by_program)], "{params:?}");
    }
    let called_directly =
        [("REQUEST_URI", "/app.fcgi/z//y"), ("SCRIPT_NAME", "/app.fcgi"), ("PATH_INFO", "/x")];
    let found = target_of(&called_directly.into_iter().collect(), &RULE, OwnProgram::Cgi, Role::RESPONDER);
    assert_eq!(found, ok("/app.fcgi/x"), "the client named the program itself");
}

#[test]
fn a_front_controllers_dot_segments_are_a_400() {
    let named = TargetSettings { front_controllers: vec!["/app.fcgi".to_owned()], ..Default::default() };
    let params = [("REQUEST_URI", "/env/../x"), ("SCRIPT_NAME", "/app.fcgi")].into_iter().collect();
    assert_eq!(target_of(&params, &named, OwnProgram::Application, Role::RESPONDER), Err(400));
}

#[test]
fn an_authorizers_target_has_one_spelling() {
    for (sent, redirect, expected) in [
        ("/env/x?q", None, "/env/x?q"),
        ("/%65nv/x", None, "/env/x"),
        ("//env%2Fx", None, "/env/x"),
        ("/a b%3f", None, "/a%20b%3F"),
        ("/x/../env", None, "400"),
        ("/x/../env", Some("/env"), "/env"),
        ("/x/../env?q", Some("/en%76?r"), "/env?q"),
        ("*", None, "*"),
    ] {
        let pairs = [("REQUEST_URI", Some(sent)), ("REDIRECT_URI", redirect)];
        let params = pairs.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let found = target_of(&params, &RULE, OwnProgram::Application, Role::AUTHORIZER);
        assert_eq!(found, ok(expected), "{sent}");
    }
}

/// The target with each setting: whole, PATH_INFO, without SCRIPT_NAME, without `/app`.
fn ways(request_uri: &str, script_name: &str, path_info: &str, query: &str) -> [Result<String, u16>; 4] {
    let params: Params = [
        ("REQUEST_URI", request_uri),
        ("SCRIPT_NAME", script_name),
        ("PATH_INFO", path_info),
        ("QUERY_STRING", query),
    ]
    .into_iter()
    .filter(|(name, value)| *name != "REQUEST_URI" || !value.is_empty())
    .collect();
    [
        RequestTarget::Decided,
        RequestTarget::PathInfo,
        RequestTarget::StripScriptName,
        RequestTarget::StripPrefix("/app".to_owned()),
    ]
    .map(|target| target_of(&params, &settings(target), OwnProgram::Application, Role::RESPONDER))
}

#[test]
fn mounted_at_app_as_each_web_server_sends_it() {
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
    ] {
        assert_eq!(ways(sent, script_name, path_info, "q=1"), parts.map(ok), "{server}");
    }
}

#[test]
fn parts_of_targets_at_the_edges() {
    for (request_uri, script_name, path_info, parts) in [
        ("/app", "/app", "", ["/app", "/", "/", "/"]),
        ("/app/", "/app", "/", ["/app/", "/", "/", "/"]),
        ("/", "/", "", ["/", "/", "/", "404"]),
        ("/", "", "", ["/", "/", "/", "404"]),
        ("/app/x", "/", "app/x", ["/app/x", "/app/x", "/app/x", "/x"]),
        // lighttpd at "/" and mod_fcgid without a mount: the first segment.
        ("/ok", "/ok", "", ["/ok", "/", "/", "404"]),
        // lighttpd at "/app", which also accepts this path.
        ("/appother/x", "/appother", "/x", ["/appother/x", "/x", "/x", "404"]),
        // A rewritten path.
        (
            "/shop/1",
            "/app/index.fcgi",
            "/shop/1",
            ["/app/index.fcgi/shop/1", "/shop/1", "/shop/1", "/index.fcgi/shop/1"],
        ),
        ("/app/x", "/app/x/y", "/z", ["/app/x/y/z", "/z", "/z", "/x/y/z"]),
        // Cleaned by lighttpd and Caddy.
        ("//app//x", "/app", "/x", ["//app//x", "/x", "404", "404"]),
        ("/app//x/%2e%2e", "/app", "/", ["/app/", "/", "/", "/"]),
        ("/app/a%2fb", "/app", "/a/b", ["/app/a%2fb", "/a/b", "/a%2fb", "/a%2fb"]),
        ("/app/..%2Fb", "/app", "/../b", ["400", "400", "400", "400"]),
        ("*", "", "*", ["*", "*", "*", "*"]),
    ] {
        let found = ways(request_uri, script_name, path_info, "");
        assert_eq!(found, parts.map(ok), "{request_uri} {script_name} {path_info}");
    }
    let below = "/x%20y?q=1";
    assert_eq!(ways("", "/app", "/x y", "q=1"), ["/app/x%20y?q=1", below, below, below].map(ok));
}

#[test]
fn strictly_script_name_and_path_info() {
    let strict = settings(RequestTarget::ScriptNameAndPathInfo);
    for (script, info, expected) in [("/a", "/b c", "/a/b%20c?q"), ("/..", "", "400"), ("", "", "/?q")] {
        let pairs = [
            ("REQUEST_URI", "//x%79?z"),
            ("SCRIPT_NAME", script),
            ("PATH_INFO", info),
            ("QUERY_STRING", "q"),
        ];
        let found = target_of(&pairs.into_iter().collect(), &strict, OwnProgram::Cgi, Role::RESPONDER);
        assert_eq!(found, ok(expected));
    }
}

#[test]
fn request_uri_as_it_is() {
    let as_sent = settings(RequestTarget::RequestUri);
    for sent in ["/", "/a%20b?q=1", "//a%2Fb/./c/%C3%A9", "/?", "/a?b?c&d=%", "*", "/x:y@z", "/env/../hello"]
    {
        let pairs = [("REQUEST_URI", sent), ("SCRIPT_NAME", "/other"), ("QUERY_STRING", "no=1")];
        let found = target_of(&pairs.into_iter().collect(), &as_sent, OwnProgram::Cgi, Role::RESPONDER);
        assert_eq!(found, ok(sent));
    }
}

/// Paths of the characters that the rules treat specially.
fn paths() -> impl Strategy<Value = String> {
    "(/|/[a.%]{0,3}|/\\.\\.|%2[fFeE]|%61|%25|a|\\?|#| ){0,6}"
}

fn merged(path: &str) -> String {
    let mut path = path.to_owned();
    while path.contains("//") {
        path = path.replace("//", "/");
    }
    path
}

fn decoded(path: &str) -> String {
    String::from_utf8(percent_encoding::percent_decode_str(path).collect()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// Every target is equivalent to the decided path and has no dot segment.
    #[test]
    fn any_target_means_the_decided_path(sent in paths(), script in paths(), info in paths(), query in "(\\?|a|=|#){0,2}") {
        let pairs = [("REQUEST_URI", &*sent), ("SCRIPT_NAME", &script), ("PATH_INFO", &info), ("QUERY_STRING", &query)];
        if let Ok(target) = decided(&pairs) && target != "*" {
            let path = target.split('?').next().unwrap();
            let expected = format!("{script}{info}");
            let expected = if expected.starts_with('/') { expected } else { format!("/{expected}") };
            let slash_kept = decoded(&path.replace("%2f", "%252f").replace("%2F", "%252F"));
            prop_assert!(
                merged(&decoded(path)) == merged(&expected) || merged(&slash_kept) == merged(&expected),
                "{} is not {}", target, expected
            );
            prop_assert!(!expected.split('/').any(|segment| [".", ".."].contains(&segment)), "{}", target);
        }
    }

    /// The shortcut for an unchanged target gives the same as the rules.
    #[test]
    fn the_shortcut_agrees_with_the_rules(path in "(/|/[a.:]{0,3}|/\\.\\.|%61|a|b){1,5}", at in 0_usize..16, query in "(\\?[a=#]{0,2})?", known in any::<bool>()) {
        let uri = format!("{path}{query}");
        let (script, info) = path.split_at(at.min(path.len()));
        let variables = TargetVariables {
            request_uri: uri.as_bytes(),
            script_name: script.as_bytes(),
            path_info: Some(info.as_bytes()),
            query_string: known.then_some(query.trim_start_matches('?').as_bytes()),
            protocol: b"",
        };
        let params: Params = [("REQUEST_URI", &*uri)].into_iter().collect();
        let variables = TargetVariables { request_uri: params.get("REQUEST_URI").unwrap(), ..variables };
        let context = TargetContext { settings: &RULE, program: OwnProgram::Application, role: Role::RESPONDER, log: &() };
        let text = |found: Result<Uri, RequestError>| found.map(|uri| uri.to_string()).map_err(|RequestError(status, _)| status);
        prop_assert_eq!(text(decide(&variables, &params, context)), text(decide_by_rules(&variables, &params, context)));
    }
}
