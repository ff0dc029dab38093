//! Whether SIGHUP stops the program.

use std::fs;

/// The setting of `with_hangup_shutdown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Setting {
    /// It does, unless it was ignored when the program started, as `nohup` does.
    #[default]
    UnlessIgnored,
    Always,
    Never,
}

impl Setting {
    pub(super) fn is_handled(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            // Systems other than Linux do not say. There the signal keeps its effect.
            Self::UnlessIgnored => {
                fs::read_to_string("/proc/self/status").is_ok_and(|status| is_ignored(&status) == Some(false))
            }
        }
    }
}

/// Whether SIGHUP is ignored, according to `/proc/self/status` (`proc_pid_status(5)`). `None`: it does not say.
fn is_ignored(status: &str) -> Option<bool> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    // SIGHUP is signal 1, the lowest bit.
    Some(u64::from_str_radix(mask.trim(), 16).ok()? & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_bit_of_sigign_is_sighup() {
        for (status, ignored) in [
            ("Name:\tapp\nSigIgn:\t0000000000000001\n", Some(true)),
            ("SigBlk:\t0000000000000001\nSigIgn:\t0000000000001000\n", Some(false)),
            ("SigIgn:\t0000000000001001\n", Some(true)),
            ("SigIgn:\tunknown\n", None),
            ("Name:\tapp\n", None),
        ] {
            assert_eq!(is_ignored(status), ignored, "{status:?}");
        }
    }
}
