//! Workers that are ended: by a timeout, a reload or a restart.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::Method;
use libtest_mimic::Trial;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

use super::load::{Front, Load, Lost, REQUESTS, sends_all, slow_requests};
use super::place::{Place, Programs, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("request_terminate_timeout", terminate_timeout),
        trial("reloads_under_load", reloads),
        trial("restarts_under_load", restarts),
    ]
}

const CLIENTS: usize = 32;
const WORKERS: usize = 2;
const STATIC: &str = "pm = static\npm.max_children = 2\n";

async fn terminate_timeout(programs: Programs) {
    let place = programs.start(&format!("{STATIC}request_terminate_timeout = 2s\n"));
    let file = place.path().join("never");
    let path = format!("/do.php?what=wait&file={}", file.display());
    let load = Load::greetings("request_terminate_timeout", CLIENTS);
    let fronts = [("a connection each", place.gateway(WORKERS)), ("kept", place.keeping_gateway(WORKERS))];
    for (variant, router) in fronts {
        let front = Front::from(router.clone());
        let (slow, lost) = tokio::join!(front.get(&path), load.send(variant, router, slow_requests()));
        assert_eq!((slow.0, lost), (502, Lost::default()), "{}", place.fpm.log());
        // Longer than the timeout, which counts for an idle kept connection, too.
        sleep(Duration::from_millis(2500)).await;
        let response = front.ask(&Method::POST, "/hello.php").await;
        assert_eq!(response, Ok((200, "Hello, World!".to_owned())), "{}", place.fpm.log());
    }
    if sends_all() {
        let nginx = programs.nginx(&place);
        let front = Front::from(&nginx);
        tokio::join!(front.get(&path), load.send("nginx", &nginx, slow_requests()));
    }
}

/// Repeats `change` under load. Returns what was lost.
async fn under_load(
    load: Load<'static>,
    variant: &'static str,
    front: Front,
    place: &Arc<Mutex<Place>>,
    change: fn(&mut Place),
) -> Lost {
    let load = tokio::spawn(async move { load.send(variant, front, REQUESTS).await });
    let mut changes = 0;
    while !load.is_finished() && changes < 20 {
        let place = Arc::clone(place);
        let changed: JoinHandle<()> = spawn_blocking(move || change(&mut place.lock().unwrap()));
        changed.await.unwrap();
        changes += 1;
        sleep(Duration::from_millis(300)).await;
    }
    load.await.unwrap()
}

async fn reloads(programs: Programs) {
    let place = programs.start(STATIC);
    let nginx = programs.nginx(&place);
    let fronts = [("a connection each", place.gateway(WORKERS)), ("kept", place.keeping_gateway(WORKERS))];
    let place = Arc::new(Mutex::new(place));
    let reload = |place: &mut Place| place.fpm.reload().unwrap();
    let load = Load::greetings("reloads", CLIENTS);
    let by_nginx = under_load(load, "nginx", Front::from(&nginx), &place, reload).await;
    for (variant, router) in fronts {
        let lost = under_load(load, variant, router.into(), &place, reload).await;
        assert!(lost.count() <= by_nginx.count(), "{variant}: {lost:?}; by nginx {by_nginx:?}");
    }
}

async fn restarts(programs: Programs) {
    let place = programs.start(STATIC);
    let nginx = programs.nginx(&place);
    let fronts = [("a connection each", place.gateway(WORKERS)), ("kept", place.keeping_gateway(WORKERS))];
    let place = Arc::new(Mutex::new(place));
    let restart = |place: &mut Place| place.fpm.restart().unwrap();
    let load = Load::greetings("restarts", CLIENTS);
    let by_nginx = under_load(load, "nginx", Front::from(&nginx), &place, restart).await;
    for (variant, router) in fronts {
        let lost = under_load(load, variant, router.into(), &place, restart).await;
        // Only requests that a worker had or that waited in the backlog. nginx also fails those that cannot connect.
        assert!(lost.count() < by_nginx.count(), "{variant}: {lost:?}; by nginx {by_nginx:?}");
    }
}
