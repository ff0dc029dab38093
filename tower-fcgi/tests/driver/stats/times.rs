//! Histograms of times.

use std::time::Duration;

use http::Response;
use tokio::time::sleep;
use tower_fcgi::Config;
use tower_fcgi::stats::Histogram;

use super::counted;
use crate::handlers::Gate;
use crate::handlers::{boxed, full, handler};
use crate::records::{KEEP, abort, get};
use crate::reserving::Reserving;
use crate::scripted::{Scripted, Step, data};

const MILLI: Duration = Duration::from_millis(1);

/// Checks the number of times, their sum, and the upper bounds of the buckets that are not empty, with their counts.
#[track_caller]
fn assert_times<const N: usize>(histogram: &Histogram, sum: Duration, buckets: [(f64, u64); N]) {
    let filled = histogram.buckets.iter().filter(|bucket| bucket.count > 0);
    let filled: Vec<_> =
        filled.map(|bucket| (bucket.upper_bound.unwrap().as_secs_f64(), bucket.count)).collect();
    assert_eq!((histogram.sum, &filled[..]), (sum, &buckets[..]));
    assert_eq!(histogram.count, buckets.iter().map(|(_, count)| count).sum::<u64>());
}

#[tokio::test(start_paused = true)]
async fn heads_and_whole_responses_are_timed() {
    let gate = Gate::new();
    let held = gate.clone();
    let (web_server, stats) = counted(
        Config::default(),
        handler(move |_| {
            let steps = vec![data("first"), Step::Wait(held.clone()), data("last")];
            async move {
                sleep(30 * MILLI).await;
                Response::new(boxed(Scripted::new(steps)))
            }
        }),
    );
    web_server.say(get(1, KEEP, "/")).await;
    sleep(99 * MILLI).await;
    let requests = stats.snapshot().requests;
    assert_times(&requests.time_to_head, 30 * MILLI, [(0.051_2, 1)]);
    assert_times(&requests.total_time, Duration::ZERO, []);
    gate.open(1);
    web_server.quiet().await;
    let requests = stats.snapshot().requests;
    assert_times(&requests.time_to_head, 30 * MILLI, [(0.051_2, 1)]);
    assert_times(&requests.total_time, 100 * MILLI, [(0.102_4, 1)]);
    assert_times(&requests.readiness_wait, Duration::ZERO, []);
}

#[tokio::test(start_paused = true)]
async fn a_response_in_one_piece_is_timed_once() {
    let (web_server, stats) = counted(
        Config::default(),
        handler(async |_| {
            sleep(5 * MILLI).await;
            full("hello")
        }),
    );
    // The second one runs in a task.
    web_server.say([get(1, KEEP, "/"), get(2, KEEP, "/")].concat()).await;
    sleep(10 * MILLI).await;
    let requests = stats.snapshot().requests;
    assert_times(&requests.time_to_head, 10 * MILLI, [(0.006_4, 2)]);
    assert_times(&requests.total_time, 10 * MILLI, [(0.006_4, 2)]);
}

#[tokio::test(start_paused = true)]
async fn failed_requests_have_no_time_to_head() {
    let (web_server, stats) = counted(
        Config::default(),
        handler(async |_| {
            sleep(5 * MILLI).await;
            Response::new(boxed(Scripted::new([data("lost"), Step::Error])))
        }),
    );
    web_server.say(get(1, KEEP, "/")).await;
    sleep(10 * MILLI).await;
    assert_eq!(web_server.answer(1).status(), 500);
    web_server.say(get(1, KEEP, "/")).await;
    web_server.say(abort(1)).await;
    let requests = stats.snapshot().requests;
    assert_times(&requests.time_to_head, Duration::ZERO, []);
    assert_times(&requests.total_time, 6 * MILLI, [(0.001_6, 1), (0.006_4, 1)]);
}

#[tokio::test(start_paused = true)]
async fn the_wait_for_readiness_is_timed() {
    let service = Reserving::new();
    let (web_server, stats) = counted(Config::default(), service.clone());
    service.set(|shared| shared.free = 1);
    web_server.say(get(1, KEEP, "/")).await;
    // Inline and in a task.
    web_server.say([get(2, KEEP, "/"), get(3, KEEP, "/")].concat()).await;
    sleep(39 * MILLI).await;
    assert_times(&stats.snapshot().requests.readiness_wait, Duration::ZERO, []);
    service.set(|shared| shared.free = 2);
    web_server.quiet().await;
    let requests = stats.snapshot().requests;
    assert_times(&requests.readiness_wait, 80 * MILLI, [(0.051_2, 2)]);
    assert_times(&requests.total_time, 80 * MILLI, [(0.000_1, 1), (0.051_2, 2)]);
    assert_eq!(requests.completed, 3);
}
