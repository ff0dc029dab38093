//! How workers start and end: `pm`, `pm.max_children` and `pm.max_requests`.

use std::time::Duration;

use axum::http::Method;
use libtest_mimic::Trial;
use tokio::time::sleep;

use super::load::{Front, Lost, REQUESTS, load};
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

const BOTH: [Method; 2] = [Method::GET, Method::POST];

/// No request is lost, whether connections are kept or not.
async fn nothing_is_lost(place: &Place, workers: usize, requests: usize) {
    for (router, requests) in
        [(place.gateway(workers), requests), (place.keeping_gateway(workers), requests / 4)]
    {
        assert_eq!(load(router, 32, &BOTH, requests).await, Lost::default(), "{}", place.fpm.log());
    }
}

async fn fixed(programs: Programs) {
    nothing_is_lost(&programs.start("pm = static\npm.max_children = 2\n"), 2, REQUESTS).await;
}

async fn dynamic(programs: Programs) {
    let settings = "pm = dynamic\npm.max_children = 4\npm.start_servers = 1\npm.min_spare_servers = 1\n\
        pm.max_spare_servers = 2\n";
    nothing_is_lost(&programs.start(settings), 4, REQUESTS).await;
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
    nothing_is_lost(&place, 4, REQUESTS).await;
}

async fn max_requests(programs: Programs) {
    let place = programs.start("pm = static\npm.max_children = 4\npm.max_requests = 3\n");
    // Each worker serves three, and to start one takes PHP longer than these.
    nothing_is_lost(&place, 4, REQUESTS / 4).await;
}

async fn larger(programs: Programs) {
    let place = programs.start("pm = static\npm.max_children = 2\n");
    let default = place.router(place.pool());
    assert_eq!(load(default, 64, &BOTH, REQUESTS).await, Lost::default(), "{}", place.fpm.log());
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
