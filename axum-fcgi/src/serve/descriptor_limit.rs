//! The process's limit for file descriptors (RLIMIT_NOFILE), of which each connection needs one.

#[cfg(unix)]
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are left to the rest of the program, at least and at most: its own files, its connections to
/// databases, the listeners. In between it is an eighth of the limit.
#[cfg(unix)]
const RESERVE: (u64, u64) = (32, 1024);

/// How many connections may be open: as many as `config` says, or as the process has descriptors for.
#[cfg(unix)]
pub(super) fn max_connections(wanted: usize, may_raise: bool) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let soft = if may_raise { raise(limit, needed(wanted)) } else { limit.current };
    let Some(soft) = soft else { return wanted };
    let most = usize::try_from(available(soft)).unwrap_or(usize::MAX);
    if most >= wanted {
        return wanted;
    }
    tracing::warn!(
        max_connections = wanted,
        connections = most,
        descriptors = soft,
        "the limit for file descriptors is too low for max_connections: fewer connections are kept open. Raise the limit \
         (LimitNOFILE= of a systemd unit, ulimit -n in a shell) or lower max_connections"
    );
    most
}

#[cfg(not(unix))]
pub(super) const fn max_connections(wanted: usize, _may_raise: bool) -> usize {
    wanted
}

/// Raises the soft limit to `needed`, or as near to it as the hard limit lets it. Gives the soft limit, `None` where
/// there is no limit.
#[cfg(unix)]
fn raise(limit: Rlimit, needed: u64) -> Option<u64> {
    let soft = limit.current?;
    let to = limit.maximum.map_or(needed, |hard| hard.min(needed));
    if to <= soft {
        return Some(soft);
    }
    match setrlimit(Resource::Nofile, Rlimit { current: Some(to), maximum: limit.maximum }) {
        Ok(()) => {
            tracing::debug!(from = soft, to, "the soft limit for file descriptors was raised");
            Some(to)
        }
        Err(error) => {
            tracing::debug!(%error, "the soft limit for file descriptors could not be raised");
            Some(soft)
        }
    }
}

/// Descriptors for so many connections.
#[cfg(unix)]
fn needed(connections: usize) -> u64 {
    let connections = u64::try_from(connections).unwrap_or(u64::MAX);
    // So that an eighth of the sum is left, as `available` leaves it.
    connections.saturating_add((connections / 7 + 1).clamp(RESERVE.0, RESERVE.1))
}

/// Connections that there are descriptors for. At least one.
#[cfg(unix)]
fn available(limit: u64) -> u64 {
    limit.saturating_sub((limit / 8).clamp(RESERVE.0, RESERVE.1)).max(1)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_reserve_is_left_and_it_fits() {
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
