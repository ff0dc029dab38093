//! Numbers with units, as a person reads them.

use std::time::Duration;

/// A duration with about three digits: `0.4 ms`, `12 ms`, `3.5 s`, `2 min 5 s`, `3 h 12 min`, `4 d 2 h`.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (large, small) = match seconds {
        0 if duration < Duration::from_millis(10) => {
            return format!("{:.1} ms", duration.as_secs_f64() * 1000.0);
        }
        0 => return format!("{} ms", duration.as_millis()),
        1..60 => return format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => ((seconds / 60, "min"), (seconds % 60, "s")),
        3600..86_400 => ((seconds / 3600, "h"), (seconds / 60 % 60, "min")),
        _ => ((seconds / 86_400, "d"), (seconds / 3600 % 24, "h")),
    };
    format!("{} {} {} {}", large.0, large.1, small.0, small.1)
}

/// Bytes in decimal units: `512 B`, `1.2 kB`, `3.4 GB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    let mut amount = bytes as f64 / 1000.0;
    if amount < 1.0 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    // 999.95 would be shown as 1000.0.
    while amount >= 999.95 && unit + 1 < UNITS.len() {
        amount /= 1000.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS[unit])
}

/// A name of a counter in words: `keep_alive_timeout` as `keep alive timeout`.
pub(super) fn words(name: &str) -> String {
    name.replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_bytes_are_short() {
        for (millis, expected) in [
            (0, "0.0 ms"),
            (9, "9.0 ms"),
            (10, "10 ms"),
            (1500, "1.5 s"),
            (125_000, "2 min 5 s"),
            (11_520_000, "3 h 12 min"),
            (352_800_000, "4 d 2 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), expected);
        }
        for (count, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (3_400_000_000, "3.4 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(count), expected);
        }
    }
}
