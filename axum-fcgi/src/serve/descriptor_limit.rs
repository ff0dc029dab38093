//! The process's limit for file descriptors (RLIMIT_NOFILE): each connection needs one.

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The least and the most descriptors that are reserved for the rest of the program: files, connections to databases,
/// listeners. In between, an eighth of the limit is reserved.
#[cfg(unix)]
const RESERVE: (u64, u64) = (32, 1024);

/// Returns how many connections may be open: `wanted`, or as many as the process has descriptors for.
#[cfg(unix)]
pub(super) fn max_connections(wanted: usize, may_raise: bool) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let soft = if may_raise { raise(limit, needed(wanted)) } else { limit.current };
    let Some(soft) = soft else { return wanted };
    let max = usize::try_from(available(soft)).unwrap_or(usize::MAX);
    if max >= wanted {
        return wanted;
    }
    tracing::warn!(
        max_connections = wanted,
        connections = max,
        descriptors = soft,
        "the limit for file descriptors is too low for max_connections: fewer connections are kept open. Raise the limit \
         (LimitNOFILE= of a systemd unit, ulimit -n in a shell) or lower max_connections"
    );
    max
}

#[cfg(not(unix))]
pub(super) const fn max_connections(wanted: usize, _may_raise: bool) -> usize {
    wanted
}

/// Raises the soft limit to `needed`, or as far as the hard limit allows. Returns the soft limit, or `None` if there is no
/// limit.
#[cfg(unix)]
fn raise(limit: Rlimit, needed: u64) -> Option<u64> {
    let soft = limit.current?;
    let target = limit.maximum.map_or(needed, |hard| hard.min(needed));
    if target <= soft {
        return Some(soft);
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(target), maximum: limit.maximum }) {
        Ok(()) => {
            tracing::debug!(from = soft, to = target, "raised the soft limit for file descriptors");
            Some(target)
        }
        Err(error) => {
            tracing::debug!(%error, "raising the soft limit for file descriptors failed");
            Some(soft)
        }
    }
}

/// The limit on descriptors that a number of connections needs.
#[cfg(unix)]
fn needed(connections: usize) -> u64 {
    let connections = u64::try_from(connections).unwrap_or(u64::MAX);
    // A seventh of the connections is an eighth of the sum, which `available` subtracts.
    connections.saturating_add((connections / 7 + 1).clamp(RESERVE.0, RESERVE.1))
}

/// The number of connections that a limit on descriptors allows. At least 1.
#[cfg(unix)]
fn available(limit: u64) -> u64 {
    limit.saturating_sub((limit / 8).clamp(RESERVE.0, RESERVE.1)).max(1)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn an_eighth_of_the_limit_is_reserved() {
        for (limit, connections) in [(0, 1), (33, 1), (48, 16), (1024, 896), (4096, 3584), (524_288, 523_264)]
        {
            assert_eq!(available(limit), connections, "{limit}");
        }
        for connections in (1..40_000).chain([usize::MAX]) {
            assert!(
                available(needed(connections)) >= u64::try_from(connections).unwrap().min(u64::MAX - 1024)
            );
        }
    }
}
