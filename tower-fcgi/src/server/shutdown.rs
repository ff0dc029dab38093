//! Limits the input that a kept connection receives and discards.

use std::time::Duration;

use tokio::time::Instant;

use super::config::DriverConfig;

/// Input of answered requests, discarded since the last request.
#[derive(Debug)]
pub(super) enum DiscardedBytes {
    None,
    Some(Box<Discarding>),
}

#[derive(Debug)]
pub(super) struct Discarding {
    since: Instant,
    bytes: u64,
}

impl DiscardedBytes {
    /// Sets the bytes that were discarded since the last request. Returns whether they exceed the settings, so that the
    /// connection must accept no more requests.
    pub(super) fn update(&mut self, bytes: u64, config: &DriverConfig) -> bool {
        match self {
            _ if bytes == 0 => {
                *self = Self::None;
                return false;
            }
            Self::None => *self = Self::Some(Box::new(Discarding { since: Instant::now(), bytes })),
            Self::Some(discarding) if discarding.bytes == bytes => return false,
            Self::Some(discarding) => discarding.bytes = bytes,
        }
        self.time_left(config).is_some_and(|left| left.is_zero())
    }

    /// Whether any input was discarded since the last request.
    pub(super) const fn is_some(&self) -> bool {
        matches!(self, Self::Some(_))
    }

    /// How long the rest of an answered request may still be received, counted from the first discarded byte. Zero once
    /// too many bytes were discarded. `None`: without limit.
    pub(super) fn time_left(&self, config: &DriverConfig) -> Option<Duration> {
        let Self::Some(discarding) = self else { return config.linger_timeout };
        if discarding.bytes > config.linger_bytes {
            return Some(Duration::ZERO);
        }
        config.linger_timeout.map(|limit| limit.saturating_sub(discarding.since.elapsed()))
    }
}
