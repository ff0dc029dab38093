//! Two php-fpm behind one gateway.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Method;
use axum_fcgi::PhpGateway;
use axum_fcgi::tower_fcgi::client::Balance;
use libtest_mimic::Trial;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::load::{Front, Lost, REQUESTS, load};
use super::place::{Programs, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("one_of_two_stops_and_comes_back", stops)]
}

async fn stops(programs: Programs) {
    let places = [(); 2].map(|()| programs.start("pm = static\npm.max_children = 2\n"));
    let pools = places.each_ref().map(|place| place.pool().max_size(2).build::<Body>());
    let balance = Balance::builder(pools).fail_timeout(Duration::from_millis(500)).build();
    let router = Router::new().fallback_service(PhpGateway::new(balance, places[0].path().join("root")));
    let [stopping, other] = places;
    let stopping = Arc::new(Mutex::new(stopping));
    let front = Front::from(router.clone());
    let requests = tokio::spawn(async move { load(front, 32, &[Method::GET], REQUESTS).await });
    let mut stops = 0;
    while !requests.is_finished() {
        sleep(Duration::from_millis(300)).await;
        let stopping = Arc::clone(&stopping);
        let restarted = spawn_blocking(move || {
            let mut place = stopping.lock().unwrap();
            place.fpm.stop();
            std::thread::sleep(Duration::from_millis(300));
            place.fpm.restart().unwrap();
        });
        restarted.await.unwrap();
        stops += 1;
    }
    assert_eq!(requests.await.unwrap(), Lost::default(), "{stops} stops");
    // Now only the one that was stopped is there.
    drop(other);
    for _ in 0..10 {
        assert_eq!(Front::from(router.clone()).get("/hello.php").await.0, 200);
    }
}
