//! CPU times of a process and its descendants.

use std::{collections::HashMap, fs, io, time::Duration};

use crate::process::Usage;

/// The CPU time of each process of a tree so far, by process id.
#[derive(Debug, Default)]
pub(crate) struct ProcessTimes(HashMap<u32, Duration>);

impl ProcessTimes {
    /// The times of a process, its children, their children, and so on.
    pub(crate) fn of_tree(root: u32) -> io::Result<Self> {
        let times = tree(root)?.into_iter().map(|process| Ok((process, Usage::of(process)?.cpu)));
        times.collect::<io::Result<_>>().map(Self)
    }

    /// The time of the whole tree since an earlier look. A new process counts from its start.
    ///
    /// # Errors
    /// A process or thread has ended since: the kernel no longer has its time.
    pub(crate) fn since(&self, earlier: &Self) -> io::Result<Duration> {
        let ended = || io::Error::other("a process or thread of the web server ended during a run");
        if earlier.0.keys().any(|process| !self.0.contains_key(process)) {
            return Err(ended());
        }
        let since = |(process, time): (&u32, &Duration)| {
            time.checked_sub(earlier.0.get(process).copied().unwrap_or_default())
        };
        self.0.iter().map(since).sum::<Option<Duration>>().ok_or_else(ended)
    }
}

/// The process and its descendants.
pub(crate) fn tree(root: u32) -> io::Result<Vec<u32>> {
    Ok(descendants(root, &parents()?))
}

fn descendants(root: u32, parents: &[(u32, u32)]) -> Vec<u32> {
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(&parent) = tree.get(next) {
        tree.extend(parents.iter().filter(|(_, of)| *of == parent).map(|(process, _)| *process));
        next += 1;
    }
    tree
}

/// All processes with their parents.
fn parents() -> io::Result<Vec<(u32, u32)>> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(process) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        // A process may end between the two reads.
        if let Ok(stat) = fs::read_to_string(format!("/proc/{process}/stat"))
            && let Some(parent) = parent(&stat)
        {
            parents.push((process, parent));
        }
    }
    Ok(parents)
}

/// The parent in a process's `stat`. The name before it may contain spaces and parentheses.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(times: &[(u32, u64)]) -> ProcessTimes {
        let times = times.iter().map(|(process, seconds)| (*process, Duration::from_secs(*seconds)));
        ProcessTimes(times.collect())
    }

    #[test]
    fn the_tree_has_children_of_children_only() {
        let parents = [(1, 0), (10, 1), (13, 12), (11, 10), (12, 10), (20, 1), (21, 20)];
        let mut tree = descendants(10, &parents);
        tree.sort_unstable();
        assert_eq!(tree, [10, 11, 12, 13]);
    }

    #[test]
    fn the_parent_follows_any_name() {
        assert_eq!(parent("42 (a) b) (c) S 7 42 42 0 -1 4194560"), Some(7));
        assert_eq!(parent("42"), None);
    }

    #[test]
    fn this_process_is_in_the_tree_of_its_parent() {
        let this = std::process::id();
        let parent = parent(&fs::read_to_string("/proc/self/stat").unwrap()).unwrap();
        assert!(parents().unwrap().contains(&(this, parent)));
        assert!(ProcessTimes::of_tree(this).unwrap().0.contains_key(&this));
    }

    #[test]
    fn a_new_process_counts_from_its_start() {
        let since = times(&[(1, 5), (2, 9), (3, 4)]).since(&times(&[(1, 3), (2, 9)]));
        assert_eq!(since.unwrap(), Duration::from_secs(6));
    }

    #[test]
    fn a_process_that_ended_is_an_error() {
        assert!(times(&[(1, 5)]).since(&times(&[(1, 3), (2, 9)])).is_err());
        assert!(times(&[(1, 2)]).since(&times(&[(1, 3)])).is_err(), "a thread has ended");
    }
}
