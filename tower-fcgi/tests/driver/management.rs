//! Management records: answers of the connection itself.

use fcgi_core::{ProtocolStatus, RecordType, Role};
use tower_fcgi::{Builder, Config, ErrorKind, Limits};

use crate::handlers::{Gate, echo, full, handler};
use crate::records::{
    KEEP, begin, begin_as, end_params, end_stdin, get, get_values, params, post, record, some_params, stdin,
};
use crate::web_server::{serve, serve_with};

const ALL: [&str; 3] = ["FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS"];

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn get_values_gets_one_record_and_no_close() {
    let web_server = serve(handler(echo));
    for (query, answer) in [
        (&[][..], pairs(&[])),
        (&["FCGI_MPXS_CONNS"], pairs(&[("FCGI_MPXS_CONNS", "1")])),
        (&["X", "FCGI_MAX_REQS", "", "FCGI_MAX_REQS"], pairs(&[("FCGI_MAX_REQS", "4")])),
        (&ALL, pairs(&[(ALL[0], "1024"), (ALL[1], "4"), (ALL[2], "1")])),
    ] {
        web_server.forget();
        web_server.say(get_values(query)).await;
        assert_eq!(web_server.answers().values, [answer]);
        assert_eq!(web_server.answers().order.len(), 1, "no empty record follows");
        assert_eq!(web_server.writes().len(), 1);
    }
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "GET / ");
}

#[tokio::test(start_paused = true)]
async fn get_values_during_a_body_leaves_the_body_alone() {
    let web_server = serve(handler(echo));
    web_server.say([post(1, KEEP, "/", 6), stdin(1, b"abc")].concat()).await;
    web_server.say(get_values(&ALL)).await;
    assert_eq!(web_server.answers().values.len(), 1);
    web_server.say([get_values(&[]), stdin(1, b"def"), get_values(&[]), end_stdin(1)].concat()).await;
    assert_eq!(web_server.answers().values.len(), 3);
    assert_eq!(web_server.answer(1).text(), "POST / abcdef");
}

#[tokio::test(start_paused = true)]
async fn get_values_during_params_or_a_handler_is_answered() {
    let gate = Gate::new();
    let held = gate.clone();
    let web_server = serve(handler(move |_| {
        let gate = held.clone();
        async move {
            gate.pass().await;
            full("done")
        }
    }));
    web_server.say([begin(1, KEEP), some_params(1, &[("A", "b")]), get_values(&[])].concat()).await;
    assert_eq!(web_server.answers().values.len(), 1);
    web_server.say([end_params(1), end_stdin(1)].concat()).await;
    web_server.say(get_values(&[])).await;
    assert_eq!(web_server.answers().values.len(), 2);
    gate.open(1);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).status(), 400, "no method");
}

#[tokio::test(start_paused = true)]
async fn what_get_values_tells_is_what_the_connection_does() {
    for requests in [1_u16, 5] {
        let mut limits = Limits::default();
        limits.max_concurrent_requests = requests.into();
        let config = Config::default().with_limits(limits).with_advertised_max_requests(88);
        let builder = Builder::new().with_advertised_max_connections(77).with_config(config);
        let web_server = serve_with(builder, handler(|_| std::future::pending()));
        web_server.say(get_values(&ALL)).await;
        let mpxs = if requests > 1 { "1" } else { "0" };
        let told = pairs(&[(ALL[0], "77"), (ALL[1], &requests.to_string()), (ALL[2], mpxs)]);
        assert_eq!(web_server.answers().values, [told]);
        for id in 1..=requests {
            web_server.say(get(id, KEEP, "/")).await;
            assert!(!web_server.answers().has(id));
        }
        web_server.say(get(100, KEEP, "/")).await;
        assert_eq!(web_server.answer(100).status(), 503);
    }
}

#[tokio::test(start_paused = true)]
async fn an_unknown_management_type_gets_unknown_type() {
    let web_server = serve(handler(echo));
    web_server.say([record(RecordType(12), 0, b"?"), record(RecordType(255), 0, b"")].concat()).await;
    assert_eq!(web_server.answers().unknown, [12, 255]);
    assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "GET / ");
}

#[tokio::test(start_paused = true)]
async fn an_unknown_role_leaves_the_connection_usable() {
    let web_server = serve(handler(echo));
    for role in [Role(0), Role::AUTHORIZER, Role::FILTER, Role(9)] {
        web_server.forget();
        web_server.say(begin_as(role, 1, KEEP)).await;
        let answers = web_server.answers();
        assert_eq!(answers.of(1).end.unwrap().protocol_status, ProtocolStatus::UNKNOWN_ROLE);
        assert!(answers.of(1).stdout.is_empty());
        web_server.forget();
        web_server.say([params(1, &[("A", "b")]), stdin(1, b"abc"), end_stdin(1)].concat()).await;
        assert!(web_server.answers().order.is_empty());
        assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "GET / ");
    }
}

#[tokio::test(start_paused = true)]
async fn a_broken_rule_is_a_violation_and_no_panic() {
    for bytes in [
        record(RecordType::BEGIN_REQUEST, 0, &[0, 1, 1, 0, 0, 0, 0, 0]),
        record(RecordType::BEGIN_REQUEST, 1, &[0, 1, 1, 0, 0, 0, 0]),
        record(RecordType::BEGIN_REQUEST, 1, &[0, 1, 1, 0, 0, 0, 0, 0, 0]),
        record(RecordType::BEGIN_REQUEST, 1, b""),
        record(RecordType::STDOUT, 1, b"x"),
        [begin(1, KEEP), record(RecordType::PARAMS, 1, b"\x05\x05abc"), end_params(1)].concat(),
        [begin(1, KEEP), stdin(1, b"x")].concat(),
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
    ] {
        let mut web_server = serve(handler(echo));
        web_server.send(bytes.clone());
        let error = web_server.ended().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Protocol, "{error}: {}", bytes.escape_ascii());
    }
}
