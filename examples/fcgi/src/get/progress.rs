//! How far a large body is.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A line on stderr, if that is a terminal. It appears with the first mebibyte.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    /// Bytes that are sent, where it is known how many there are.
    up: Option<u64>,
    sent: u64,
    received: u64,
}

/// Below it nobody waits.
const LARGE: u64 = 1024 * 1024;

impl Progress {
    /// For a body of so many bytes.
    pub(crate) const fn new(up: Option<u64>) -> Self {
        Self { bar: None, up, sent: 0, received: 0 }
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        self.show("sent", self.sent, self.up);
    }

    /// `whole`: the answer's Content-Length.
    pub(crate) fn received(&mut self, bytes: usize, whole: Option<u64>) {
        if self.received == 0 {
            self.clear();
        }
        self.received += bytes as u64;
        self.show("received", self.received, whole);
    }

    /// Makes room for other output.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self, word: &'static str, done: u64, whole: Option<u64>) {
        if done < LARGE {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(whole.unwrap_or_default());
            bar.set_style(match whole {
                Some(_) => style("{msg} {bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta}"),
                None => style("{msg} {spinner} {bytes}, {bytes_per_sec}"),
            });
            bar.set_message(word);
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        bar.set_position(done);
    }
}

/// A template that is known to be good.
pub(crate) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
