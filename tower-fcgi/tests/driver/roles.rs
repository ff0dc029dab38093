//! The roles of requests.

use std::sync::{Arc, Mutex};

use fcgi_core::{ProtocolStatus, RecordType};
use http::Response;
use http_body::Body as _;
use http_body_util::Full;
use tower_fcgi::{Builder, Params, Role, Roles};

use crate::handlers::{Count, boxed, echo, full, handler, read};
use crate::records::{CLOSE, KEEP, begin_as, end_stdin, get, params, record, stdin};
use crate::responses::Answer;
use crate::scripted::{Scripted, Step, data};
use crate::web_server::{serve, serve_with};

/// A request to an Authorizer as Apache and lighttpd send it: no record after the end of PARAMS.
fn ask_to_authorize(id: u16, keep: bool, method: &str, uri: &str) -> Vec<u8> {
    let pairs = [("REQUEST_METHOD", method), ("REQUEST_URI", uri), ("CONTENT_TYPE", "text/plain")];
    [begin_as(Role::AUTHORIZER, id, keep), params(id, &pairs)].concat()
}

fn authorizer() -> Builder {
    Builder::new().with_roles(Roles::AUTHORIZER)
}

#[tokio::test(start_paused = true)]
async fn an_unsupported_role_gets_unknown_role() {
    let pairs = [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/"), ("FCGI_DATA_LENGTH", "0")];
    let two = Roles::RESPONDER.and(Roles::FILTER);
    for (builder, played) in [
        (Builder::new(), Roles::RESPONDER),
        (Builder::new().with_roles(Roles::AUTHORIZER), Roles::AUTHORIZER),
        (Builder::new().with_roles(Roles::FILTER), Roles::FILTER),
        (Builder::new().with_roles(two), two),
        (Builder::new().with_roles(Roles::ALL), Roles::ALL),
    ] {
        let seen: Arc<Mutex<Vec<Role>>> = Arc::default();
        let roles = Arc::clone(&seen);
        let web_server = serve_with(
            builder,
            handler(move |request| {
                roles.lock().unwrap().push(request.extensions().get::<Params>().unwrap().role());
                echo(request)
            }),
        );
        for role in [Role::RESPONDER, Role::AUTHORIZER, Role::FILTER, Role(17)] {
            web_server.forget();
            let ends = [RecordType::STDIN, RecordType::DATA].map(|kind| record(kind, 1, b""));
            let ends = match role {
                Role::AUTHORIZER => vec![],
                Role::RESPONDER => ends[0].clone(),
                _ => ends.concat(),
            };
            web_server.say([begin_as(role, 1, KEEP), params(1, &pairs), ends].concat()).await;
            let answer = web_server.answers().of(1).clone();
            let status = answer.end.unwrap().protocol_status;
            if played.contains(role) {
                assert_eq!(status, ProtocolStatus::REQUEST_COMPLETE);
                assert_eq!(seen.lock().unwrap().pop(), Some(role));
            } else {
                assert_eq!(status, ProtocolStatus::UNKNOWN_ROLE);
                assert_eq!((answer.stdout, answer.stderr), (vec![], vec![]));
            }
            assert!(seen.lock().unwrap().is_empty());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_authorizer_request_ends_with_params_and_no_body() {
    let seen = Count::default();
    let served = seen.clone();
    let web_server = serve_with(
        authorizer(),
        handler(move |request| {
            let served = served.clone();
            async move {
                let body = request.into_body();
                assert!(body.is_end_stream());
                assert_eq!(body.size_hint().exact(), Some(0));
                assert_eq!(read(body).await.unwrap(), "");
                served.add();
                full("")
            }
        }),
    );
    web_server.ask(1, ask_to_authorize(1, KEEP, "POST", "/")).await;
    assert_eq!(seen.now(), 1);
    // A length, which is that of the request to be authorized.
    let pairs = [("REQUEST_METHOD", "POST"), ("REQUEST_URI", "/"), ("CONTENT_LENGTH", "4")];
    let asked = [begin_as(Role::AUTHORIZER, 1, KEEP), params(1, &pairs)].concat();
    web_server.ask(1, asked.clone()).await;
    assert_eq!(seen.now(), 2);
    // STDIN, which should not be sent.
    web_server.ask(1, [asked, stdin(1, b"abcd"), end_stdin(1)].concat()).await;
    web_server.ask(1, ask_to_authorize(1, KEEP, "GET", "/")).await;
    assert_eq!(seen.now(), 4);
}

#[tokio::test(start_paused = true)]
async fn an_unkept_authorizer_connection_closes_at_once() {
    let mut web_server = serve_with(authorizer(), handler(async |_| full("")));
    web_server.say(ask_to_authorize(1, CLOSE, "GET", "/")).await;
    assert!(web_server.answer(1).text().is_empty());
    web_server.ended().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_authorizer_200_is_a_head_with_variables_only() {
    let web_server = serve_with(
        authorizer(),
        handler(async |request| {
            let response = Response::builder()
                .status(if request.uri() == "/no" { 403 } else { 200 })
                .header("Variable-AUTH_USER", "alice")
                .header("content-type", "text/plain")
                .header("content-length", "4");
            let body = match request.uri().path() {
                "/stream" => boxed(Scripted::new([data("some"), Step::Hang])),
                _ => boxed(Full::from("text")),
            };
            response.body(body).unwrap()
        }),
    );
    for uri in ["/yes", "/stream"] {
        let answer = web_server.ask(1, ask_to_authorize(1, KEEP, "GET", uri)).await;
        assert_eq!(answer.stdout, b"Status: 200 OK\r\nVariable-AUTH_USER: alice\r\n\r\n");
    }
    for (method, body) in [("GET", "text"), ("HEAD", "")] {
        let answer = web_server.ask(1, ask_to_authorize(1, KEEP, method, "/no")).await;
        assert!(answer.stdout.starts_with(b"Status: 403 Forbidden\r\n"));
        assert_eq!(answer.text(), body);
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_is_no_permission() {
    fn is_refusal(answer: &Answer) {
        assert!(answer.stdout.starts_with(b"Status: 500 ") && !answer.stderr.is_empty(), "{answer:?}");
    }
    let web_server = serve_with(authorizer(), handler(async |_| panic!("on purpose")));
    is_refusal(&web_server.ask(1, ask_to_authorize(1, KEEP, "GET", "/")).await);
    let status_101 = async |_| Response::builder().status(101).body(boxed(Full::default())).unwrap();
    let web_server = serve_with(authorizer(), handler(status_101));
    is_refusal(&web_server.ask(1, ask_to_authorize(1, KEEP, "GET", "/")).await);
}

#[tokio::test(start_paused = true)]
async fn authorizers_and_responders_share_a_connection() {
    let both = Roles::RESPONDER.and(Roles::AUTHORIZER);
    let web_server = serve_with(Builder::new().with_roles(both), handler(echo));
    let requests = [get(1, KEEP, "/page"), ask_to_authorize(2, KEEP, "GET", "/page"), get(3, KEEP, "/x")];
    web_server.say(requests.concat()).await;
    assert_eq!(web_server.answer(1).text(), "GET /page ");
    assert_eq!(web_server.answer(2).text(), "");
    assert_eq!(web_server.answer(3).text(), "GET /x ");
}

#[tokio::test(start_paused = true)]
async fn a_variable_of_a_responder_is_a_header_like_others() {
    let web_server = serve(handler(async |_| {
        let mut response = full("page");
        response.headers_mut().insert("variable-x", http::HeaderValue::from_static("1"));
        response
    }));
    let answer = web_server.ask(1, get(1, KEEP, "/")).await;
    assert!(answer.stdout.starts_with(b"Status: 200 OK\r\nvariable-x: 1\r\n"));
    assert_eq!(answer.text(), "page");
}
