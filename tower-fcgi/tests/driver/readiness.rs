//! The service's `poll_ready`, which each request calls on its own clone.

use std::time::Duration;

use tokio::time::sleep;
use tower_fcgi::{Builder, Config, ErrorKind, Limits, RequestTarget, Role, Roles};

use crate::records::{CLOSE, KEEP, abort, begin_as, end_stdin, get, head, params, post, post_whole, stdin};
use crate::reserving::{Reserving, State};
use crate::scripted::quietly;
use crate::web_server::{WebServer, serve, serve_with};

const SECOND: Duration = Duration::from_secs(1);

/// A service without free permits.
fn busy() -> (WebServer, Reserving) {
    let service = Reserving::new();
    (serve(service.clone()), service)
}

/// The clones of the test and its connections.
const OWN: usize = 2;

#[tokio::test(start_paused = true)]
async fn nothing_is_called_before_it_is_ready() {
    let (web_server, service) = busy();
    for id in 1..=5 {
        web_server.say(get(id, KEEP, &format!("/{id}"))).await;
    }
    assert!(service.calls().is_empty());
    service.set(|shared| shared.free = 2);
    web_server.quiet().await;
    assert_eq!(service.calls(), ["/1", "/2"]);
    assert!(web_server.answer(1).is_whole() && web_server.answer(2).is_whole());
    assert!(!web_server.answers().has(3));
    web_server.say(get(6, KEEP, "/6")).await;
    service.set(|shared| shared.free = 10);
    web_server.quiet().await;
    assert_eq!(service.calls(), ["/1", "/2", "/3", "/4", "/5", "/6"]);
    assert_eq!(web_server.answer(6).text(), "GET /6 ");
    assert_eq!((service.free(), service.clones()), (6, OWN));
}

#[tokio::test(start_paused = true)]
async fn a_clone_is_dropped_right_after_the_call() {
    let (web_server, service) = busy();
    // Ready immediately, inline and in a task.
    service.set(|shared| shared.free = 2);
    web_server.say([get(1, KEEP, "/held"), get(2, KEEP, "/held")].concat()).await;
    assert_eq!((service.calls().len(), service.clones()), (2, OWN));
    // Ready later.
    web_server.say([get(3, KEEP, "/held"), get(4, KEEP, "/held")].concat()).await;
    assert_eq!(service.clones(), OWN + 2);
    service.set(|shared| shared.free = 2);
    web_server.quiet().await;
    assert_eq!((service.calls().len(), service.clones()), (4, OWN));
    service.open(4);
    web_server.quiet().await;
    for id in 1..=4 {
        assert_eq!(web_server.answer(id).text(), "held");
    }
}

/// Requests that do not reach the service, and their status; 0: the answer is END_REQUEST alone.
fn rejected() -> (Builder, Vec<(Vec<u8>, u16)>) {
    let mut limits = Limits::default();
    limits.max_params_bytes = 100_000;
    let config = Config::default()
        .with_limits(limits)
        .with_max_body_bytes(10)
        .with_request_target(RequestTarget::StripPrefix("/app".to_owned()));
    let builder = Builder::new().with_config(config).with_roles(Roles::RESPONDER.and(Roles::FILTER));
    let whole = |head: Vec<u8>| [head, end_stdin(1)].concat();
    let filter = [("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/app")];
    let requests = vec![
        (whole(head(1, KEEP, "G E T", "/app", &[])), 400),
        (whole(head(1, KEEP, "GET", "/app/x/../y", &[])), 400),
        (whole(head(1, KEEP, "GET", "/other", &[])), 404),
        (post_whole(1, KEEP, "/app", &[b'x'; 11]), 413),
        (whole([head(1, KEEP, "POST", "/app", &[]), stdin(1, &[b'x'; 11])].concat()), 413),
        (get(1, KEEP, &format!("/app?{}", "x".repeat(70_000))), 414),
        (get(1, KEEP, &format!("/app?{}", "x".repeat(110_000))), 431),
        (whole([begin_as(Role::FILTER, 1, KEEP), params(1, &filter)].concat()), 400),
        (begin_as(Role::AUTHORIZER, 1, KEEP), 0),
    ];
    (builder, requests)
}

/// Sends request 1 and asserts that it is rejected immediately.
async fn is_rejected(web_server: &WebServer, request: Vec<u8>, status: u16) {
    web_server.forget();
    web_server.say(request).await;
    let answers = web_server.answers();
    let answer = answers.of(1);
    assert!(answer.end.is_some(), "{status}");
    assert_eq!(if answer.stdout.is_empty() { 0 } else { answer.status() }, status);
}

#[tokio::test(start_paused = true)]
async fn a_rejected_request_reserves_nothing() {
    let (builder, requests) = rejected();
    let service = Reserving::new();
    let web_server = serve_with(builder, service.clone());
    for ready in [0, 1] {
        service.set(|shared| shared.free = ready);
        for (request, status) in &requests {
            is_rejected(&web_server, request.clone(), *status).await;
            let found = (service.free(), service.clones(), service.calls().len());
            assert_eq!(found, (ready, OWN, 0), "{status}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_rejection_does_not_wait() {
    let (builder, requests) = rejected();
    let service = Reserving::new();
    let web_server = serve_with(builder, service.clone());
    web_server.say([get(2, KEEP, "/app/2"), get(3, KEEP, "/app/3")].concat()).await;
    for (request, status) in requests {
        is_rejected(&web_server, request, status).await;
    }
    service.set(|shared| shared.free = 2);
    web_server.quiet().await;
    assert_eq!(service.calls(), ["/2", "/3"]);
}

/// Two requests that wait, one inline and one in a task, and what ends them.
async fn given_up(config: Config, requests: [Vec<u8>; 2], end: impl AsyncFnOnce(&mut WebServer)) {
    let service = Reserving::new();
    let mut web_server = serve_with(config, service.clone());
    web_server.say(requests.concat()).await;
    assert_eq!(service.clones(), OWN + 2);
    end(&mut web_server).await;
    web_server.quiet().await;
    assert!(service.clones() <= OWN, "{}", service.clones());
    service.set(|shared| shared.free = 1);
    web_server.quiet().await;
    assert_eq!((service.free(), service.calls().len()), (1, 0));
    let other = serve(service.clone());
    assert_eq!(other.ask(1, get(1, KEEP, "/")).await.text(), "GET / ");
}

fn two() -> [Vec<u8>; 2] {
    [get(1, KEEP, "/1"), get(2, KEEP, "/2")]
}

#[tokio::test(start_paused = true)]
async fn an_abort_while_waiting_drops_the_clone() {
    given_up(Config::default(), two(), async |web_server| {
        web_server.say([abort(1), abort(2)].concat()).await;
        assert!(web_server.answer(1).stdout.is_empty() && web_server.answer(2).stdout.is_empty());
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_abort_while_waiting_leaves_the_others() {
    let (web_server, service) = busy();
    web_server.say([get(1, KEEP, "/1"), get(2, KEEP, "/2"), get(3, KEEP, "/3")].concat()).await;
    web_server.say(abort(2)).await;
    assert!(web_server.answer(2).stdout.is_empty());
    service.set(|shared| shared.free = 10);
    web_server.quiet().await;
    assert_eq!(service.calls(), ["/1", "/3"]);
}

#[tokio::test(start_paused = true)]
async fn a_close_while_waiting_drops_the_clone() {
    given_up(Config::default(), two(), async |web_server| {
        web_server.end();
        assert_eq!(web_server.ended().await.unwrap_err().kind(), ErrorKind::Canceled);
    })
    .await;
    given_up(Config::default(), two(), async |web_server| web_server.drop_connection().await).await;
}

#[tokio::test(start_paused = true)]
async fn a_body_too_large_while_waiting_is_a_413() {
    let upload = |id| head(id, KEEP, "POST", "/", &[("CONTENT_LENGTH", "")]);
    given_up(Config::default().with_max_body_bytes(10), [upload(1), upload(2)], async |web_server| {
        web_server.say([stdin(1, &[b'x'; 11]), stdin(2, &[b'x'; 11])].concat()).await;
        assert_eq!((web_server.answer(1).status(), web_server.answer(2).status()), (413, 413));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn request_timeout_ends_a_wait_with_a_503() {
    given_up(Config::default().with_request_timeout(10 * SECOND), two(), async |web_server| {
        sleep(9 * SECOND).await;
        assert!(!web_server.answers().has(1) && !web_server.answers().has(2));
        sleep(SECOND).await;
        for id in [1, 2] {
            let answer = web_server.answer(id);
            assert_eq!(answer.status(), 503);
            assert!(answer.errors().contains("request timed out"), "{}", answer.errors());
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn no_other_timeout_ends_a_wait() {
    let config = Config::default()
        .with_keep_alive_timeout(SECOND)
        .with_header_read_timeout(SECOND)
        .with_write_timeout(SECOND);
    let config = config
        .with_body_stall_timeout(SECOND)
        .with_body_read_timeout(Some(SECOND))
        .with_linger_timeout(SECOND)
        .with_linger_bytes(0);
    let service = Reserving::new();
    let web_server = serve_with(config, service.clone());
    web_server.say([get(1, KEEP, "/1"), post_whole(2, KEEP, "/2", b"abc")].concat()).await;
    sleep(1_000_000 * SECOND).await;
    service.set(|shared| shared.free = 2);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).text(), "GET /1 ");
    assert_eq!(web_server.answer(2).text(), "POST /2 abc");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stalls_does_not_end_a_wait() {
    let service = Reserving::new();
    let config = Config::default().with_body_read_timeout(Some(10 * SECOND));
    let web_server = serve_with(config, service.clone());
    web_server.say([post(1, KEEP, "/1", 9), stdin(1, b"abc")].concat()).await;
    web_server.say([post(2, KEEP, "/2", 9), stdin(2, b"abc")].concat()).await;
    for _ in 0..6 {
        sleep(9 * SECOND).await;
        web_server.say(stdin(2, b"x")).await;
    }
    web_server.say(end_stdin(2)).await;
    assert!(!web_server.answers().has(1) && !web_server.answers().has(2));
    service.set(|shared| shared.free = 2);
    web_server.quiet().await;
    // The handler gets the error of its body; see `body_read_timeout`.
    assert_eq!(web_server.answer(1).status(), 400);
    assert_eq!(web_server.answer(2).text(), "POST /2 abcxxxxxx");
}

#[tokio::test(start_paused = true)]
async fn a_body_held_back_while_waiting_never_stalls() {
    let mut limits = Limits::default();
    limits.request_window = 10_000;
    let service = Reserving::new();
    let config = Config::default()
        .with_limits(limits)
        .with_body_read_timeout(Some(10 * SECOND))
        .with_body_stall_timeout(SECOND);
    let web_server = serve_with(config, service.clone());
    let body = vec![b'x'; 400_000];
    web_server
        .send_in_packets([post(1, KEEP, "/", body.len()), stdin(1, &body), end_stdin(1)].concat(), 3000);
    sleep(1000 * SECOND).await;
    assert!(web_server.taken() < 10_000 + 70_000, "{}", web_server.taken());
    service.set(|shared| shared.free = 1);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).body().len(), "POST / ".len() + 400_000);
}

#[tokio::test(start_paused = true)]
async fn unread_bodies_of_waiting_requests_are_bounded() {
    let mut limits = Limits::default();
    limits.connection_window = 10_000;
    let service = Reserving::new();
    let config = Config::default().with_limits(limits).with_body_stall_timeout(4 * SECOND);
    let web_server = serve_with(config, service.clone());
    web_server.say([post(1, KEEP, "/1", 4003), stdin(1, &[b'a'; 4000])].concat()).await;
    web_server.say([post(2, KEEP, "/2", 9000), stdin(2, &[b'b'; 7000])].concat()).await;
    web_server.say([stdin(1, b"abc"), end_stdin(1)].concat()).await;
    sleep(5 * SECOND).await;
    assert_eq!(web_server.answer(2).status(), 503);
    assert_eq!(service.clones(), OWN + 1);
    service.set(|shared| shared.free = 1);
    web_server.quiet().await;
    assert_eq!(web_server.answer(1).body().len(), "POST /1 ".len() + 4003);
}

/// Request 1 waits inline, 2 in a task, and 3 is sent once `state` is reached.
async fn all_are(state: State, status: u16, reason: &str) {
    quietly();
    let (mut web_server, service) = busy();
    web_server.say([get(1, KEEP, "/1"), get(2, KEEP, "/2")].concat()).await;
    service.set(|shared| shared.state = state);
    web_server.say(get(3, KEEP, "/3")).await;
    for id in 1..=3 {
        let answer = web_server.answer(id);
        assert_eq!(answer.status(), status, "{id}");
        assert!(answer.errors().contains(reason), "{}", answer.errors());
        assert!(!String::from_utf8_lossy(&answer.stdout).contains(reason));
    }
    service.set(|shared| (shared.state, shared.free) = (State::Works, 1));
    assert_eq!(web_server.ask(1, get(1, CLOSE, "/")).await.text(), "GET / ");
    web_server.end();
    assert!(web_server.ended().await.is_ok());
    assert_eq!((service.free(), service.clones()), (0, OWN - 1));
}

#[tokio::test(start_paused = true)]
async fn an_error_of_poll_ready_is_a_503() {
    all_are(State::Fails, 503, "the pool is empty").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_poll_ready_is_a_500() {
    all_are(State::Panics, 500, "poll_ready has a bug").await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_clone_or_its_drop_is_a_500() {
    quietly();
    for (state, reason) in
        [(State::PanicsInClone, "clone has a bug"), (State::PanicsInDrop, "drop has a bug")]
    {
        let (web_server, service) = busy();
        service.set(|shared| (shared.state, shared.free) = (state, 1));
        let answer = web_server.ask(1, get(1, KEEP, "/")).await;
        assert_eq!(answer.status(), 500);
        assert!(answer.errors().contains(reason), "{}", answer.errors());
        service.set(|shared| (shared.state, shared.free) = (State::Works, 1));
        assert_eq!(web_server.ask(1, get(1, KEEP, "/")).await.text(), "GET / ");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_late_drop_of_a_clone_is_a_500() {
    quietly();
    let (web_server, service) = busy();
    web_server.say([get(1, KEEP, "/1"), get(2, KEEP, "/2")].concat()).await;
    service.set(|shared| (shared.state, shared.free) = (State::PanicsInDrop, 2));
    web_server.quiet().await;
    service.set(|shared| shared.state = State::Works);
    for id in [1, 2] {
        assert_eq!(web_server.answer(id).status(), 500);
    }
}

#[tokio::test(start_paused = true)]
async fn a_half_close_while_waiting_ends_the_body() {
    let service = Reserving::new();
    let mut web_server = serve_with(Config::default().with_half_close(true), service.clone());
    web_server.send([post(1, KEEP, "/", 9), stdin(1, b"abc")].concat());
    web_server.end();
    web_server.quiet().await;
    service.set(|shared| shared.free = 1);
    let ended = tokio::time::timeout(100 * SECOND, web_server.ended()).await;
    assert!(ended.expect("the handler waits for a body that never comes").is_ok());
    assert_eq!(web_server.answer(1).status(), 400);
}
