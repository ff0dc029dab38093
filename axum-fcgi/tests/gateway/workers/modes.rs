//! How workers start and end: `pm`, `pm.max_children` and `pm.max_requests`.

use std::time::Duration;

use axum::http::Method;
use libtest_mimic::Trial;
use tokio::time::sleep;

use super::load::{Front, Load, Lost, REQUESTS, sends_all, slow_requests};
use super::place::{Place, Programs, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("static_workers", fixed),
        trial("dynamic_workers", dynamic),
        trial("workers_on_demand", on_demand),
        trial("max_requests_3", max_requests),
        trial("a_pool_larger_than_max_children", larger),
        trial("idle_kept_connections_free_their_workers", idle),
    ]
}

/// No request is lost, whether connections are kept or not.
async fn nothing_is_lost(
    case: &'static str,
    programs: &Programs,
    place: &Place,
    workers: usize,
    requests: usize,
) {
    let load = Load::greetings(case, 32);
    for (variant, router, requests) in [
        ("a connection each", place.gateway(workers), requests),
        ("kept", place.keeping_gateway(workers), slow_requests()),
    ] {
        let lost = load.send(variant, router, requests).await;
        assert_eq!(lost, Lost::default(), "{variant}: {}", place.fpm.log());
    }
    if sends_all() {
        load.send("nginx", &programs.nginx(place), requests).await;
    }
}

async fn fixed(programs: Programs) {
    let place = programs.start("pm = static\npm.max_children = 2\n");
    nothing_is_lost("static", &programs, &place, 2, REQUESTS).await;
}

async fn dynamic(programs: Programs) {
    let settings = "pm = dynamic\npm.max_children = 4\npm.start_servers = 1\npm.min_spare_servers = 1\n\
        pm.max_spare_servers = 2\n";
    nothing_is_lost("dynamic", &programs, &programs.start(settings), 4, REQUESTS).await;
}

async fn on_demand(programs: Programs) {
    let settings = "pm = ondemand\npm.max_children = 4\npm.process_idle_timeout = 1s\n";
    let mut place = programs.start(settings);
    for router in [place.gateway(4), place.keeping_gateway(4)] {
        let front = Front::from(router);
        for method in [Method::POST, Method::GET] {
            let response = front.ask(&method, "/hello.php").await;
            assert_eq!(response, Ok((200, "Hello, World!".to_owned())), "the first after the idle timeout");
            // The connections' task must run while its worker becomes idle.
            for _ in 0..600 {
                if place.fpm.workers().unwrap() == 0 {
                    break;
                }
                sleep(Duration::from_millis(100)).await;
            }
            assert_eq!(place.fpm.workers().unwrap(), 0, "an idle connection must not hold its worker");
        }
    }
    nothing_is_lost("ondemand", &programs, &place, 4, REQUESTS).await;
}

async fn max_requests(programs: Programs) {
    let place = programs.start("pm = static\npm.max_children = 4\npm.max_requests = 3\n");
    // Each worker serves three, and to start one takes PHP longer than these.
    nothing_is_lost("max_requests 3", &programs, &place, 4, slow_requests()).await;
}

async fn larger(programs: Programs) {
    let place = programs.start("pm = static\npm.max_children = 2\n");
    let load = Load::greetings("max_children 2", 64);
    // Connections that are kept busy must not starve those in the backlog.
    for (variant, router, requests) in [
        ("a connection each", place.router(place.pool()), REQUESTS),
        ("kept", place.keeping_gateway(8), slow_requests()),
    ] {
        let lost = load.send(variant, router, requests).await;
        assert_eq!(lost, Lost::default(), "{variant}: {}", place.fpm.log());
    }
    if sends_all() {
        load.send("nginx", &programs.nginx(&place), REQUESTS).await;
    }
}

/// Two pools that keep connections share a php-fpm with one worker.
async fn idle(programs: Programs) {
    let place = programs.start("pm = static\npm.max_children = 1\n");
    let fronts = [place.keeping_gateway(1), place.keeping_gateway(1)].map(Front::from);
    for _ in 0..2 {
        for front in &fronts {
            assert_eq!(front.get("/hello.php").await.0, 200);
        }
    }
}
