//! A full backlog.

use axum::http::Method;
use libtest_mimic::Trial;

use super::load::{Lost, load};
use super::place::{Programs, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("a_full_backlog_loses_nothing", full)]
}

async fn full(programs: Programs) {
    let place = programs.start("pm = static\npm.max_children = 1\nlisten.backlog = 1\n");
    // More connections than workers and backlog.
    let router = place.router(place.pool());
    let methods = [Method::POST];
    assert_eq!(load(router, 64, &methods, 3000).await, Lost::default(), "{}", place.fpm.log());
    let nginx = programs.nginx(&place);
    let lost = load(&nginx, 64, &methods, 3000).await;
    assert!(lost.count() > 0, "the backlog was never full");
}
