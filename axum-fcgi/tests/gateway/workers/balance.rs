//! Two php-fpm behind one gateway.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Method;
use axum_fcgi::PhpGateway;
use axum_fcgi::tower_fcgi::client::{Balance, Config};
use libtest_mimic::Trial;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use super::load::{Front, Load, Lost, REQUESTS, sends_all};
use super::place::{Place, Programs, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("one_of_two_stops_and_comes_back", stops)]
}

/// Stops and starts a php-fpm under load. Returns what was lost.
async fn under_stops(variant: &'static str, front: Front, stopping: &Arc<Mutex<Place>>) -> Lost {
    let requests = tokio::spawn(async move {
        let load = Load { methods: &[Method::GET], ..Load::greetings("one of two stops", 32) };
        load.send(variant, front, REQUESTS).await
    });
    let mut stops = 0;
    while !requests.is_finished() && stops < 20 {
        sleep(Duration::from_millis(300)).await;
        let stopping = Arc::clone(stopping);
        let restarted = spawn_blocking(move || {
            let mut place = stopping.lock().unwrap();
            place.fpm.stop();
            std::thread::sleep(Duration::from_millis(300));
            place.fpm.restart().unwrap();
        });
        restarted.await.unwrap();
        stops += 1;
    }
    requests.await.unwrap()
}

async fn stops(programs: Programs) {
    let places = [(); 2].map(|()| programs.start("pm = static\npm.max_children = 2\n"));
    let kept = Config::default().with_keep_conn(true).with_early_ready_check(true);
    let [each, kept] = [Config::default(), kept].map(|config| {
        let pools = places.each_ref().map(|place| {
            let pool = place.pool().max_size(2).config(config.clone());
            pool.build::<Body>()
        });
        let balance = Balance::builder(pools).fail_timeout(Duration::from_millis(500)).build();
        Router::new().fallback_service(PhpGateway::new(balance, places[0].path().join("root")))
    });
    let nginx = programs.nginx_before(&places.each_ref());
    let [stopping, other] = places;
    let stopping = Arc::new(Mutex::new(stopping));
    for (variant, router) in [("a connection each", each.clone()), ("kept", kept.clone())] {
        assert_eq!(under_stops(variant, router.into(), &stopping).await, Lost::default(), "{variant}");
    }
    if sends_all() {
        under_stops("nginx", Front::from(&nginx), &stopping).await;
    }
    // Now only the one that was stopped is there.
    drop(other);
    for router in [each, kept] {
        for _ in 0..10 {
            assert_eq!(Front::from(router.clone()).get("/hello.php").await.0, 200);
        }
    }
}
