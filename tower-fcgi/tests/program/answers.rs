//! The mapping, which is the same as for FastCGI.

use std::convert::Infallible;

use http::{Response, StatusCode};
use tower_fcgi::Params;

use crate::program::{environment, handler, run};

#[tokio::test]
async fn environment_to_request_and_response_to_stdout() {
    let service = handler(async |request| {
        let params = request.extensions().get::<Params>().unwrap();
        let client = params.client_addr().unwrap();
        let path = params.get_str("PATH").unwrap();
        let header = request.headers()["x-foo"].to_str().unwrap();
        format!("{} {} {header} {client} {path}", request.method(), request.uri())
    });
    let more = [("HTTP_X_FOO", "bar"), ("REMOTE_ADDR", "192.0.2.1"), ("REMOTE_PORT", "4711")];
    let run = run(environment("GET", &more), tokio::io::empty(), service).await;
    run.result.unwrap();
    assert_eq!(
        run.stdout,
        "Status: 200 OK\r\ncontent-length: 52\r\n\r\nGET /app.cgi/a%20b?q=1 bar 192.0.2.1:4711 /usr/bin"
            .replace("52", "50")
    );
    assert_eq!(run.stderr, "");
}

#[tokio::test]
async fn http_proxy_is_never_a_header() {
    let service = handler(async |request| format!("{:?}", request.headers().get("proxy")));
    let run = run(environment("GET", &[("HTTP_PROXY", "http://evil")]), tokio::io::empty(), service).await;
    assert!(run.stdout.ends_with("\r\n\r\nNone"), "{}", run.stdout);
}

#[tokio::test]
async fn a_variable_that_is_not_utf8_stays_as_it_is() {
    use std::ffi::OsString;
    use std::os::unix::ffi::OsStringExt as _;

    let vars = [(OsString::from("REMOTE_USER"), OsString::from_vec(b"J\xfcrgen".to_vec()))];
    assert_eq!(Params::from_vars(vars).get("REMOTE_USER"), Some(&b"J\xfcrgen"[..]));
}

#[tokio::test]
async fn an_answer_to_head_and_a_204_have_no_body() {
    let hello = || handler(async |_| "hello".to_owned());
    let head = run(environment("HEAD", &[]), tokio::io::empty(), hello()).await;
    assert_eq!(head.stdout, "Status: 200 OK\r\ncontent-length: 5\r\n\r\n");
    let none = tower::service_fn(async |_| {
        let mut response = Response::new("hello".to_owned());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Ok::<_, Infallible>(response)
    });
    let none = run(environment("GET", &[]), tokio::io::empty(), none).await;
    assert_eq!(none.stdout, "Status: 204 No Content\r\n\r\n");
}

#[tokio::test]
async fn a_method_that_is_none_is_a_whole_400() {
    for params in [environment("G E T", &[]), [("PATH", "/usr/bin")].into_iter().collect()] {
        let run = run(params, tokio::io::empty(), handler(async |_| unreachable!())).await;
        run.result.unwrap();
        assert_eq!(run.stdout, "Status: 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        assert_eq!(run.stderr, "");
    }
}

#[tokio::test]
async fn what_is_routed_on_is_as_over_fastcgi() {
    let config = tower_fcgi::Config::default()
        .with_request_target(tower_fcgi::RequestTarget::StripPrefix("/app".to_owned()));
    for (uri, expected) in
        [("/app/x?y=1", "Status: 200 OK\r\n"), ("/application/x", "Status: 404 Not Found\r\n")]
    {
        let params: Params = [("REQUEST_METHOD", "GET"), ("REQUEST_URI", uri)].into_iter().collect();
        let mut answer = Vec::new();
        let io = tower_fcgi::CgiStdio {
            stdin: tokio::io::empty(),
            stdout: &mut answer,
            stderr: tokio::io::sink(),
        };
        let service = handler(async |request: http::Request<_>| request.uri().to_string());
        tower_fcgi::serve_cgi(params, io, config.clone(), service).await.unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with(expected), "{answer}");
        assert_eq!(answer.ends_with("\r\n\r\n/x?y=1"), uri == "/app/x?y=1", "{answer}");
    }
}
