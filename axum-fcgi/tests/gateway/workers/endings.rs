//! Workers that are ended: by a timeout, a reload or a restart.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::Method;
use libtest_mimic::Trial;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::sleep;

use super::load::{Front, Lost, REQUESTS, load};
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
const BOTH: [Method; 2] = [Method::GET, Method::POST];
const STATIC: &str = "pm = static\npm.max_children = 2\n";

async fn terminate_timeout(programs: Programs) {
    let place = programs.start(&format!("{STATIC}request_terminate_timeout = 2s\n"));
    for router in [place.gateway(WORKERS), place.keeping_gateway(WORKERS)] {
        let front = Front::from(router.clone());
        let file = place.path().join("never");
        let path = format!("/do.php?what=wait&file={}", file.display());
        let (slow, lost) = tokio::join!(front.get(&path), load(router, CLIENTS, &BOTH, REQUESTS / 4));
        assert_eq!((slow.0, lost), (502, Lost::default()), "{}", place.fpm.log());
        // Longer than the timeout, which counts for an idle kept connection, too.
        sleep(Duration::from_millis(2500)).await;
        let response = front.ask(&Method::POST, "/hello.php").await;
        assert_eq!(response, Ok((200, "Hello, World!".to_owned())), "{}", place.fpm.log());
    }
}

/// Repeats `change` until the load is over. Returns what was lost, and how often it was changed.
async fn under_load(front: Front, place: &Arc<Mutex<Place>>, change: fn(&mut Place)) -> (Lost, usize) {
    let load = tokio::spawn(async move { load(front, CLIENTS, &BOTH, REQUESTS).await });
    let mut changes = 0;
    while !load.is_finished() {
        let place = Arc::clone(place);
        let changed: JoinHandle<()> = spawn_blocking(move || change(&mut place.lock().unwrap()));
        changed.await.unwrap();
        changes += 1;
        sleep(Duration::from_millis(300)).await;
    }
    (load.await.unwrap(), changes)
}

async fn reloads(programs: Programs) {
    let place = programs.start(STATIC);
    let nginx = programs.nginx(&place);
    let gateway = Front::from(place.gateway(WORKERS));
    let place = Arc::new(Mutex::new(place));
    let reload = |place: &mut Place| place.fpm.reload().unwrap();
    let (lost, reloads) = under_load(gateway, &place, reload).await;
    let (lost_by_nginx, _) = under_load(Front::from(&nginx), &place, reload).await;
    eprintln!("{reloads} reloads: lost {lost:?}; by nginx {lost_by_nginx:?}");
    assert!(lost.count() <= lost_by_nginx.count(), "{lost:?}; by nginx {lost_by_nginx:?}");
}

async fn restarts(programs: Programs) {
    let place = programs.start(STATIC);
    let nginx = programs.nginx(&place);
    let gateway = Front::from(place.gateway(WORKERS));
    let place = Arc::new(Mutex::new(place));
    let restart = |place: &mut Place| place.fpm.restart().unwrap();
    let (lost, restarts) = under_load(gateway, &place, restart).await;
    let (lost_by_nginx, _) = under_load(Front::from(&nginx), &place, restart).await;
    eprintln!("{restarts} restarts: lost {lost:?}; by nginx {lost_by_nginx:?}");
    // Only requests that a worker had, or that waited in its backlog: no more than connections.
    assert!(lost.count() <= restarts * WORKERS, "{lost:?}");
}
