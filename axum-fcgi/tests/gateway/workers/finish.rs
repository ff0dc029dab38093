//! Scripts that go on after `fastcgi_finish_request()`.

use std::fs;

use libtest_mimic::Trial;

use super::load::Front;
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
}
