//! The numbers in JSON.

use std::time::{Duration, SystemTime};

use tokio::time::sleep;
use tower_fcgi::stats::ConnectionInfo;
use tower_fcgi::{Config, Snapshot};

use super::counted;
use crate::handlers::{Gate, full, handler};
use crate::records::{KEEP, get};

#[tokio::test(start_paused = true)]
async fn a_snapshot_survives_json() {
    let gate = Gate::new();
    let held = gate.clone();
    let (web_server, stats) = counted(
        Config::default(),
        handler(move |_| {
            let gate = held.clone();
            async move {
                gate.pass().await;
                full("")
            }
        }),
    );
    web_server.say(get(1, KEEP, "/")).await;
    sleep(Duration::from_millis(1499)).await;
    gate.open(1);
    web_server.quiet().await;
    web_server.say(get(1, KEEP, "/waits")).await;

    let mut snapshot = stats.snapshot();
    // To the microsecond, since a number of seconds since 1970 has no more digits.
    snapshot.started_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let json = serde_json::to_value(&snapshot).unwrap();
    assert_eq!(json["started_at"], 1_800_000_000.0);
    assert_eq!(json["requests"]["begun"], 2);
    assert_eq!(json["requests"]["total_time"]["sum"], 1.5);
    assert_eq!(json["connections"]["open"], serde_json::json!({ "current": 1, "max": 1 }));
    assert_eq!(serde_json::from_value::<Snapshot>(json).unwrap(), snapshot);
    // A version that knows fewer numbers.
    assert_eq!(serde_json::from_str::<Snapshot>("{}").unwrap(), Snapshot::default());

    let connections = stats.connections();
    let json = serde_json::to_value(&connections).unwrap();
    assert_eq!((&json[0]["state"], &json[0]["in_flight"][0]["target"]), (&"active".into(), &"/waits".into()));
    assert_eq!(serde_json::from_value::<Vec<ConnectionInfo>>(json).unwrap(), connections);
}
