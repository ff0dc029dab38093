//! What the page shows.

#[cfg(feature = "gateway")]
use std::collections::BTreeMap;

use serde::Serialize;
use tower_fcgi::Snapshot;
use tower_fcgi::stats::ConnectionInfo;
#[cfg(feature = "gateway")]
use tower_fcgi::stats::PoolSnapshot;

/// All numbers at one moment. Serialized, it is the page's JSON.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// The version of this crate.
    pub(super) version: &'static str,
    #[serde(flatten)]
    pub(super) snapshot: Snapshot,
    /// By the names that the program gave them.
    #[cfg(feature = "gateway")]
    pub(super) pools: BTreeMap<String, PoolSnapshot>,
    /// The open connections, if they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) list: Option<Vec<ConnectionInfo>>,
}
