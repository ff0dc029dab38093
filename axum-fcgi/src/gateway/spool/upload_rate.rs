//! How fast a client sends a body.

use std::time::Duration;

use super::collect_error::CollectError;

/// The rate is an average over this time, so that a connection that stalls for some seconds is not too slow.
const PERIOD: Duration = Duration::from_secs(60);

/// Checks that a client sends enough in each [`PERIOD`]. Only the time counts in which the client is waited for: a slow disk
/// is not the client's.
#[derive(Debug)]
pub(super) struct UploadRate {
    /// The bytes of each period at the lowest rate; 0: any rate will do.
    least: u64,
    /// Of this period, and what was too much for the one before, at most as much as a period needs: chunks that come at its
    /// end may count in either.
    received: u64,
    waited: Duration,
}

impl UploadRate {
    /// `min` is in bytes per second.
    pub(super) const fn new(min: u64) -> Self {
        Self { least: min.saturating_mul(PERIOD.as_secs()), received: 0, waited: Duration::ZERO }
    }

    /// How long the client can be waited for until the rate is checked; `None`: it is not checked.
    pub(super) fn left(&self) -> Option<Duration> {
        (self.least > 0).then(|| PERIOD.saturating_sub(self.waited))
    }

    /// Adds bytes that the client has sent, after it was waited for.
    pub(super) fn add(&mut self, bytes: u64, waited: Duration) -> Result<(), CollectError> {
        self.received = self.received.saturating_add(bytes);
        self.waited += waited;
        if self.waited < PERIOD {
            return Ok(());
        }
        if self.received < self.least {
            return Err(CollectError::TooSlow);
        }
        (self.received, self.waited) = ((self.received - self.least).min(self.least), Duration::ZERO);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_period_needs_its_bytes() {
        let mut rate = UploadRate::new(100);
        for _ in 0..3 {
            rate.add(5999, 59 * SECOND).unwrap();
            assert_eq!(rate.left(), Some(SECOND));
            rate.add(1, SECOND).unwrap();
            assert_eq!(rate.left(), Some(PERIOD));
        }
        rate.add(5998, 59 * SECOND).unwrap();
        assert!(matches!(rate.add(1, SECOND), Err(CollectError::TooSlow)));
    }

    #[test]
    fn what_was_too_much_counts_once_more() {
        let mut rate = UploadRate::new(100);
        rate.add(1_000_000, PERIOD).unwrap();
        rate.add(0, PERIOD).unwrap();
        assert!(matches!(rate.add(0, PERIOD), Err(CollectError::TooSlow)));
    }

    #[test]
    fn without_a_rate_nothing_is_checked() {
        let mut rate = UploadRate::new(0);
        assert_eq!(rate.left(), None);
        rate.add(0, 1000 * SECOND).unwrap();
    }
}
