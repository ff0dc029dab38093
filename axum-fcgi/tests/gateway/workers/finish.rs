//! Scripts that go on after `fastcgi_finish_request()`.

use std::fs;

use libtest_mimic::Trial;

use super::load::{Front, Load, Lost, sends_all, slow_requests};
use super::place::{Programs, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("a_finished_request_delays_no_other", finished)]
}

async fn finished(programs: Programs) {
    let place = programs.start("pm = static\npm.max_children = 2\n");
    for (number, router) in [place.gateway(2), place.keeping_gateway(2)].into_iter().enumerate() {
        let front = Front::from(router);
        let file = place.path().join(format!("go-{number}"));
        let response = front.get(&format!("/finish.php?file={}", file.display())).await;
        assert_eq!(response, (200, "done".to_owned()));
        // The script runs until the file exists, so these must use the other worker.
        for _ in 0..5 {
            assert_eq!(front.get("/hello.php").await, (200, "Hello, World!".to_owned()));
        }
        fs::write(file, "").unwrap();
    }
    // Of these, each script goes on until it has found the file.
    let go = place.path().join("go-0");
    let path = format!("/finish.php?file={}", go.display());
    let load = Load { path: &path, expected: "done", ..Load::greetings("fastcgi_finish_request", 32) };
    for (variant, router) in [("a connection each", place.gateway(2)), ("kept", place.keeping_gateway(2))] {
        let lost = load.send(variant, router, slow_requests()).await;
        assert_eq!(lost, Lost::default(), "{variant}: {}", place.fpm.log());
    }
    if sends_all() {
        load.send("nginx", &programs.nginx(&place), slow_requests()).await;
    }
}
