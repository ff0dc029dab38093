//! Several applications, of which some fail.

use std::io;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use fcgi_core::ProtocolStatus;
use http_body_util::{BodyExt as _, Channel};
use tokio::io::DuplexStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Duration, Instant, sleep};
use tower::ServiceExt as _;
use tower_fcgi::client::{Balance, Config, Error, Pool};

use crate::connecting::Flaky;
use crate::loopback::*;
use crate::scripted::{Application, complete_response, end_with, stdout};

/// A balancer of two applications that may be down.
macro_rules! balance {
    ($kind:expr) => {{
        let members = [("a", Flaky::new($kind)), ("b", Flaky::new($kind))];
        let pools = members.clone().map(|(name, member)| {
            Pool::builder(move || std::future::ready(member.connect(name))).max_size(8).build::<Body>()
        });
        let [a, b] = members.map(|(_, member)| member);
        (Balance::builder(pools), a, b)
    }};
}

/// A balancer of two scripted applications.
macro_rules! scripted {
    () => {{
        let [(to_a, a), (to_b, b)] = [(); 2].map(|()| unbounded_channel::<DuplexStream>());
        let pools = [to_a, to_b].map(|connected| {
            let pool = Pool::builder(move || {
                let (ours, theirs) = tokio::io::duplex(1 << 16);
                let sent = connected.send(theirs);
                std::future::ready(sent.map(|()| ours).map_err(|_| io::ErrorKind::ConnectionRefused.into()))
            });
            pool.max_size(2).build::<Body>()
        });
        (Balance::builder(pools).build(), [a, b])
    }};
}

async fn next(connections: &mut UnboundedReceiver<DuplexStream>) -> Application {
    let mut app = Application::new(connections.recv().await.unwrap());
    app.request().await;
    app
}

async fn name<S>(balance: &S) -> Result<String, Error>
where
    S: tower::Service<
            http::Request<Body>,
            Response = http::Response<tower_fcgi::client::ResponseBody>,
            Error = Error,
        > + Clone,
{
    text(balance.clone().oneshot(post("/", none())).await?.into_body()).await
}

#[tokio::test(start_paused = true)]
async fn a_failed_connect_goes_to_the_next_one() {
    let (builder, a, b) = balance!(io::ErrorKind::ConnectionRefused);
    let balance = builder.build();
    b.set_up(true);
    for _ in 0..10 {
        assert_eq!(name(&balance).await.unwrap(), "b");
    }
    assert_eq!(a.connects.load(Ordering::Relaxed), 1, "it is unavailable after one failure");
    a.set_up(true);
    sleep(Duration::from_secs(9)).await;
    assert_eq!(name(&balance).await.unwrap(), "b");
    sleep(Duration::from_secs(1)).await;
    let mut names = Vec::new();
    for _ in 0..4 {
        names.push(name(&balance).await.unwrap());
    }
    names.sort();
    assert_eq!(names, ["a", "a", "b", "b"], "each in turn");
}

#[tokio::test(start_paused = true)]
async fn failures_are_counted_within_a_time() {
    let (builder, a, b) = balance!(io::ErrorKind::ConnectionRefused);
    let balance = builder.max_fails(3).fail_timeout(Duration::from_secs(60)).build();
    b.set_up(true);
    for _ in 0..20 {
        assert_eq!(name(&balance).await.unwrap(), "b");
    }
    assert_eq!(a.connects.load(Ordering::Relaxed), 3);
    sleep(Duration::from_secs(60)).await;
    for _ in 0..20 {
        assert_eq!(name(&balance).await.unwrap(), "b");
    }
    assert_eq!(a.connects.load(Ordering::Relaxed), 4, "it is tried with one request");
}

#[tokio::test(start_paused = true)]
async fn all_unavailable_ones_are_tried() {
    let (builder, a, b) = balance!(io::ErrorKind::ConnectionRefused);
    let balance = builder.build();
    let start = Instant::now();
    assert!(name(&balance).await.unwrap_err().is_connect());
    assert_eq!(start.elapsed().as_secs(), 1, "it waits only for the last one");
    let before = [&a, &b].map(|member| member.connects.load(Ordering::Relaxed));
    assert!(name(&balance).await.unwrap_err().is_connect());
    assert_eq!([&a, &b].map(|member| member.connects.load(Ordering::Relaxed)), before.map(|count| count + 1));
    b.set_up(true);
    assert_eq!(name(&balance).await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_full_backlog_is_no_failure() {
    let (builder, a, b) = balance!(io::ErrorKind::WouldBlock);
    let balance = builder.build();
    b.set_up(true);
    for _ in 0..4 {
        assert_eq!(name(&balance).await.unwrap(), "b");
    }
    assert_eq!(a.connects.load(Ordering::Relaxed), 2);
    b.set_up(false);
    let request = tokio::spawn(balance.oneshot(post("/", none())));
    sleep(Duration::from_secs(4)).await;
    a.set_up(true);
    b.set_up(true);
    request.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_least_loaded_one_gets_the_request() {
    let (balance, [mut a, mut b]) = scripted!();
    let send = |path| tokio::spawn(balance.clone().oneshot(get(path)));
    let (_first, mut first) = (send("/1"), next(&mut a).await);
    let (_second, _second_app) = (send("/2"), next(&mut b).await);
    first.send(complete_response("1")).await;
    sleep(Duration::from_millis(1)).await;
    for _ in 0..2 {
        let (_third, mut third) = (send("/3"), next(&mut a).await);
        third.send(complete_response("3")).await;
        sleep(Duration::from_millis(1)).await;
    }
}

/// The result of a request whose first application loses it, and whether the other one got it.
async fn after_a_loss(request: http::Request<Body>, responded: bool) -> (Result<String, Error>, bool) {
    let (balance, [mut a, mut b]) = scripted!();
    let sent = balance.clone().oneshot(request);
    let response = tokio::spawn(async move { text(sent.await?.into_body()).await });
    let mut lost = next(&mut a).await;
    if responded {
        lost.send(stdout("Status:")).await;
    }
    drop(lost);
    let other = tokio::spawn(async move { next(&mut b).await.send(complete_response("again")).await });
    let result = response.await.unwrap();
    (result, other.is_finished())
}

#[tokio::test(start_paused = true)]
async fn a_lost_request_is_sent_again_if_that_is_safe() {
    for (request, responded, again) in [
        (get("/"), false, true),
        (http::Request::put("/").body(none()).unwrap(), false, true),
        (http::Request::put("/").body(full("taken")).unwrap(), false, false),
        (post("/", none()), false, false),
        (get("/"), true, false),
    ] {
        let what = format!("{} {responded}", request.method());
        let (result, was_sent) = after_a_loss(request, responded).await;
        assert_eq!((result.is_ok(), was_sent), (again, again), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_overloaded_application_has_not_run_it() {
    let (balance, [mut a, mut b]) = scripted!();
    let response = tokio::spawn(balance.oneshot(post("/", none())));
    next(&mut a).await.send(end_with(ProtocolStatus::OVERLOADED)).await;
    next(&mut b).await.send(complete_response("b")).await;
    assert_eq!(text(response.await.unwrap().unwrap().into_body()).await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_busy_application_leaves_it_to_the_next() {
    let [(to_a, mut a), (to_b, mut b)] = [(); 2].map(|()| unbounded_channel::<DuplexStream>());
    let pools = [to_a, to_b].map(|connected| {
        let pool = Pool::builder(move || {
            let (ours, theirs) = tokio::io::duplex(1 << 16);
            let sent = connected.send(theirs);
            std::future::ready(sent.map(|()| ours).map_err(|_| io::ErrorKind::ConnectionRefused.into()))
        });
        let config = Config::default();
        pool.max_size(1).acquire_timeout(Duration::from_secs(1)).config(config).build::<Body>()
    });
    let balance = Balance::builder(pools).build();
    let send = || tokio::spawn(balance.clone().oneshot(post("/", none())));
    let (_first, _first_app) = (send(), next(&mut a).await);
    let (_second, mut second_app) = (send(), next(&mut b).await);
    let third = send();
    sleep(Duration::from_millis(1500)).await;
    second_app.send(complete_response("second")).await;
    next(&mut b).await.send(complete_response("third")).await;
    assert_eq!(text(third.await.unwrap().unwrap().into_body()).await.unwrap(), "third");
}

/// Sends a request to the first application, which hangs. Returns its connection 37 s later, when the caller has left.
macro_rules! after_a_hang {
    ($balance:expr, $a:expr, $request:expr) => {{
        let request = tokio::spawn($balance.clone().oneshot($request));
        let hung = $a.recv().await.unwrap();
        sleep(Duration::from_secs(31)).await;
        request.abort();
        sleep(Duration::from_secs(6)).await;
        hung
    }};
}

#[tokio::test(start_paused = true)]
async fn a_hung_application_gets_no_more_requests() {
    let (balance, [mut a, mut b]) = scripted!();
    let _hung = after_a_hang!(balance, a, get("/"));
    for _ in 0..4 {
        let response = tokio::spawn(balance.clone().oneshot(get("/")));
        next(&mut b).await.send(complete_response("b")).await;
        assert_eq!(text(response.await.unwrap().unwrap().into_body()).await.unwrap(), "b");
    }
    assert!(a.try_recv().is_err());
    // It is tried with one request, until that has had its time.
    sleep(Duration::from_secs(4)).await;
    let [first, second] = [(); 2].map(|()| tokio::spawn(balance.clone().oneshot(get("/"))));
    let (mut tried, mut other) = (next(&mut a).await, next(&mut b).await);
    sleep(Duration::from_secs(29)).await;
    other.send(complete_response("b")).await;
    let third = tokio::spawn(balance.clone().oneshot(get("/")));
    next(&mut b).await.send(complete_response("b")).await;
    third.await.unwrap().unwrap();
    // It is late, but it responds.
    sleep(Duration::from_secs(5)).await;
    tried.send(complete_response("a")).await;
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
    let fourth = tokio::spawn(balance.clone().oneshot(get("/")));
    let fifth = tokio::spawn(balance.oneshot(get("/")));
    next(&mut a).await.send(complete_response("a")).await;
    next(&mut b).await.send(complete_response("b")).await;
    fourth.await.unwrap().unwrap();
    fifth.await.unwrap().unwrap();
}

/// The application may wait for the client.
#[tokio::test(start_paused = true)]
async fn a_slow_body_is_no_failure() {
    let (balance, [mut a, mut b]) = scripted!();
    let (_client, body) = Channel::<Bytes, io::Error>::new(1);
    let _slow = after_a_hang!(balance, a, post("/", body.boxed_unsync()));
    let [first, second] = [(); 2].map(|()| tokio::spawn(balance.clone().oneshot(get("/"))));
    next(&mut a).await.send(complete_response("a")).await;
    next(&mut b).await.send(complete_response("b")).await;
    first.await.unwrap().unwrap();
    second.await.unwrap().unwrap();
}

#[test]
#[should_panic = "at least one pool"]
fn a_balancer_without_pools_is_a_bug() {
    let connect = || std::future::pending::<io::Result<DuplexStream>>();
    let _ = Balance::builder(Some(Pool::builder(connect).build::<Body>()).filter(|_| false)).build();
}
