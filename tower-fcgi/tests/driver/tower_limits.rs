//! tower's limit layers around a service.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::sleep;
use tower::buffer::Buffer;
use tower::limit::{ConcurrencyLimit, RateLimit, rate::Rate};
use tower::load_shed::LoadShed;
use tower_fcgi::{Config, FcgiService, RequestTarget};

use crate::handlers::{Body, Gate, echo, full, handler};
use crate::records::{KEEP, abort, end_stdin, get, head};
use crate::reserving::{Reserving, State};
use crate::web_server::{WebServer, serve, serve_with};

const SECOND: Duration = Duration::from_secs(1);

/// Echoes requests; `/held` waits for the gate first.
fn held(gate: &Gate) -> impl FcgiService<ResponseBody = Body, Error = Infallible> {
    let gate = gate.clone();
    handler(move |request| {
        let gate = gate.clone();
        async move {
            if request.uri() == "/held" {
                gate.pass().await;
                return full("held");
            }
            echo(request).await
        }
    })
}

/// Whether a request on another connection gets a response.
async fn answers(web_server: &WebServer) -> bool {
    web_server.forget();
    web_server.say(get(9, KEEP, "/other")).await;
    web_server.answers().has(9) && web_server.answer(9).text() == "GET /other "
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_has_no_permit() {
    let limited = ConcurrencyLimit::new(handler(echo), 1);
    let config = Config::default().with_request_target(RequestTarget::StripPrefix("/app".to_owned()));
    let (a, b) = (serve_with(config, limited.clone()), serve(limited));
    assert!(answers(&b).await, "before the first request");
    let bad = [head(1, KEEP, "G E T", "/app", &[]), end_stdin(1)].concat();
    assert_eq!(a.ask(1, bad).await.status(), 400);
    assert!(answers(&b).await, "after a 400");
    assert_eq!(a.ask(1, get(1, KEEP, "/other")).await.status(), 404);
    assert!(answers(&b).await, "after a 404");
    assert_eq!(a.ask(1, get(1, KEEP, "/app/")).await.status(), 200);
    assert!(answers(&b).await, "after a 200");
}

#[tokio::test(start_paused = true)]
async fn an_aborted_wait_has_no_permit() {
    let gate = Gate::new();
    let limited = ConcurrencyLimit::new(held(&gate), 1);
    let (a, b) = (serve(limited.clone()), serve(limited));
    b.say(get(1, KEEP, "/held")).await;
    a.say([get(1, KEEP, "/"), get(2, KEEP, "/")].concat()).await;
    a.say([abort(1), abort(2)].concat()).await;
    gate.open(1);
    b.quiet().await;
    assert_eq!(b.answer(1).text(), "held");
    assert!(answers(&b).await);
    assert!(answers(&a).await);
}

#[tokio::test(start_paused = true)]
async fn permits_go_to_requests_in_their_order() {
    let gate = Gate::new();
    let limited = ConcurrencyLimit::new(held(&gate), 1);
    let (a, b) = (serve(limited.clone()), serve(limited));
    for id in 1..=3 {
        a.say(get(id, KEEP, "/held")).await;
        b.say(get(id, KEEP, "/held")).await;
    }
    for done in 1..=6_u16 {
        gate.open(1);
        a.quiet().await;
        for id in 1..=3 {
            assert_eq!(a.answers().has(id), id * 2 - 1 <= done, "a {id} after {done}");
            assert_eq!(b.answers().has(id), id * 2 <= done, "b {id} after {done}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_shed_leaves_nothing_behind() {
    let gate = Gate::new();
    let shed = LoadShed::new(ConcurrencyLimit::new(held(&gate), 1));
    let (a, b) = (serve(shed.clone()), serve(shed));
    a.say(get(1, KEEP, "/held")).await;
    // Inline, in a task, and beside a running request.
    b.say([get(1, KEEP, "/"), get(2, KEEP, "/")].concat()).await;
    a.say(get(2, KEEP, "/")).await;
    for answer in [b.answer(1), b.answer(2), a.answer(2)] {
        assert_eq!(answer.status(), 500);
        assert!(answer.errors().contains("overloaded"), "{}", answer.errors());
    }
    gate.open(1);
    a.quiet().await;
    assert_eq!(a.answer(1).text(), "held");
    assert!(answers(&a).await && answers(&b).await);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_goes_behind_a_buffer() {
    // RateLimit is not Clone, so it needs a Buffer.
    let limited = RateLimit::new(handler(echo), Rate::new(2, SECOND));
    let buffer = Buffer::new(limited, 1);
    let (a, b) = (serve(buffer.clone()), serve(buffer));
    // Two are served, the worker has one, one is in the queue, and the last two wait for a place in it.
    a.say([get(1, KEEP, "/1"), get(2, KEEP, "/2"), get(3, KEEP, "/3")].concat()).await;
    b.say([get(1, KEEP, "/4"), get(2, KEEP, "/5"), get(3, KEEP, "/6")].concat()).await;
    assert!(a.answers().has(1) && a.answers().has(2) && !a.answers().has(3));
    b.say(abort(2)).await;
    sleep(SECOND).await;
    assert!(a.answers().has(3) && b.answers().has(1));
    assert!(b.answer(2).stdout.is_empty() && !b.answers().has(3));
    sleep(SECOND).await;
    assert_eq!(b.answer(3).text(), "GET /6 ");
    assert!(answers(&a).await);
}

#[tokio::test(start_paused = true)]
async fn a_buffer_whose_service_fails_is_a_503() {
    let service = Reserving::new();
    service.set(|shared| shared.free = 1);
    let buffer = Buffer::new(service.clone(), 1);
    let (a, b) = (serve(buffer.clone()), serve(buffer));
    assert!(answers(&a).await);
    a.say([get(1, KEEP, "/1"), get(2, KEEP, "/2"), get(3, KEEP, "/3")].concat()).await;
    service.set(|shared| shared.state = State::Fails);
    a.quiet().await;
    // Requests in the queue were called already; the buffer's own future fails.
    assert_eq!(a.answer(1).status(), 500);
    assert_eq!(a.answer(3).status(), 503);
    assert_eq!(b.ask(1, get(1, KEEP, "/")).await.status(), 503);
}
