//! Counters of several threads.

use tower_fcgi::{Builder, Stats};

use crate::handlers::{echo, handler};
use crate::records::{KEEP, get};
use crate::web_server::serve_with;

/// Connections move between the workers, and the workers end before the numbers are read.
#[test]
fn no_count_is_lost_between_threads() {
    const CONNECTIONS: u64 = 8;
    const REQUESTS: u64 = 50;
    let stats = Stats::new();
    for round in 1..=2 {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
        let builder = Builder::new().with_stats(stats.clone());
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let _entered = runtime.enter();
                let mut web_server = serve_with(builder.clone(), handler(echo));
                runtime.spawn(async move {
                    for _ in 0..REQUESTS {
                        web_server.send(get(1, KEEP, "/"));
                        while !(web_server.answers().has(1) && web_server.answers().of(1).is_whole()) {
                            tokio::task::yield_now().await;
                        }
                        web_server.forget();
                    }
                    web_server.end();
                    web_server.ended().await.unwrap();
                })
            })
            .collect();
        runtime.block_on(async {
            for client in clients {
                client.await.unwrap();
            }
        });
        drop(runtime);
        let snapshot = stats.snapshot();
        let total = round * CONNECTIONS * REQUESTS;
        let requests = &snapshot.requests;
        assert_eq!((requests.begun, requests.completed, requests.in_flight.current), (total, total, 0));
        assert_eq!((requests.time_to_head.count, requests.total_time.count), (total, total));
        let connections = &snapshot.connections;
        let accepted = round * CONNECTIONS;
        assert_eq!((connections.accepted, connections.closed.web_server), (accepted, accepted));
        assert_eq!((connections.open.current, connections.idle.current), (0, 0));
        assert!(stats.connections().is_empty());
    }
}
