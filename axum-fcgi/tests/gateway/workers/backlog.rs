//! A full backlog.

use axum::http::Method;
use libtest_mimic::Trial;

use super::load::{Load, Lost, slow_requests};
use super::place::{Programs, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("a_full_backlog_loses_nothing", full)]
}

async fn full(programs: Programs) {
    let place = programs.start("pm = static\npm.max_children = 1\nlisten.backlog = 1\n");
    let load = Load { methods: &[Method::POST], ..Load::greetings("full backlog", 64) };
    // More connections than workers and backlog.
    let each = place.router(place.pool());
    let kept = place.keeping_gateway(64);
    for (variant, router) in [("a connection each", each), ("kept", kept)] {
        let lost = load.send(variant, router, slow_requests()).await;
        assert_eq!(lost, Lost::default(), "{variant}: {}", place.fpm.log());
    }
    let nginx = programs.nginx(&place);
    let lost = load.send("nginx", &nginx, slow_requests()).await;
    assert!(lost.count() > 0, "the backlog was never full");
}
