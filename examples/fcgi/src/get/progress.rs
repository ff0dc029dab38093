//! The progress bar of a large body.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A progress bar on stderr, if that is a terminal. It appears after the first mebibyte.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    /// Length of the request body, if known.
    upload_length: Option<u64>,
    sent: u64,
    received: u64,
}

/// Smaller bodies get no progress bar.
const MIN_LENGTH: u64 = 1024 * 1024;

impl Progress {
    /// Creates the progress of a request whose body has this length.
    pub(crate) const fn new(upload_length: Option<u64>) -> Self {
        Self { bar: None, upload_length, sent: 0, received: 0 }
    }

    pub(crate) fn sent(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        self.show("sent", self.sent, self.upload_length);
    }

    /// `total`: the response's Content-Length.
    pub(crate) fn received(&mut self, bytes: usize, total: Option<u64>) {
        if self.received == 0 {
            self.clear();
        }
        self.received += bytes as u64;
        self.show("received", self.received, total);
    }

    /// Removes the bar before other output.
    pub(crate) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self, word: &'static str, done: u64, total: Option<u64>) {
        if done < MIN_LENGTH {
            return;
        }
        let bar = self.bar.get_or_insert_with(|| {
            let bar = ProgressBar::new(total.unwrap_or_default());
            bar.set_style(match total {
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

/// Returns the style of a template that is known to be valid.
pub(crate) fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
