//! Multiplexed requests on a runtime with several workers, the only tests in real time.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use tokio::time::sleep;

use crate::handlers::{full, handler};
use crate::records::{KEEP, get};
use crate::web_server::serve;

/// Blocks the threads of handlers until this many have arrived.
#[derive(Clone, Default)]
struct Meeting(Arc<(Mutex<usize>, Condvar)>);

impl Meeting {
    /// Whether the others have arrived; it does not wait forever.
    fn wait_for(&self, handlers: usize) -> bool {
        let (come, changed) = &*self.0;
        let mut come = come.lock().unwrap();
        *come += 1;
        changed.notify_all();
        let wait = changed.wait_timeout_while(come, Duration::from_secs(3), |come| *come < handlers);
        !wait.unwrap().1.timed_out()
    }
}

/// Three requests in one packet; these block until all of them run.
async fn meet(blocking: &'static [&'static str]) {
    let meeting = Meeting::default();
    let web_server = serve(handler(move |request| {
        let meeting = meeting.clone();
        async move {
            let path = request.uri().path();
            let met = !blocking.contains(&path) || meeting.wait_for(blocking.len());
            full(met.to_string())
        }
    }));
    web_server.send([get(1, KEEP, "/1"), get(2, KEEP, "/2"), get(3, KEEP, "/3")].concat());
    for _ in 0..5000 {
        if (1..=3)
            .all(|id| web_server.answers().list.iter().any(|answer| answer.id == id && answer.end.is_some()))
        {
            break;
        }
        sleep(Duration::from_millis(1)).await;
    }
    for id in 1..=3 {
        assert_eq!(web_server.answer(id).text(), "true", "request {id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_in_tasks_run_in_parallel() {
    meet(&["/2", "/3"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn inline_and_spawned_requests_run_in_parallel() {
    meet(&["/1", "/2", "/3"]).await;
}
