//! Prints steps as a sequence diagram in a terminal.

use std::fmt;

use crate::records::{Content, Peer, Step, What};

/// One aligned line per step.
pub(crate) struct Diagram<'a>(pub(crate) &'a [Step]);

impl fmt::Display for Diagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:>11}  {:<10}{:>45}", "", "web server", "application")?;
        for step in self.0 {
            let label = Label(&step.what).to_string();
            let line = match step.from {
                Peer::WebServer => format!("\u{2502} {label:<48} \u{2500}\u{25b6} \u{2502}"),
                Peer::Application => format!("\u{2502} \u{25c0}\u{2500} {label:<48} \u{2502}"),
            };
            writeln!(f, "{:>11}  {line}", Time(step.micros).to_string())?;
        }
        Ok(())
    }
}

struct Label<'a>(&'a What);

impl fmt::Display for Label<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            What::Closed => f.write_str("closes the connection"),
            What::Omitted { kind, records, bytes } => write!(f, "{kind}: {records} more, {bytes} bytes"),
            What::Record { kind, id, bytes, content, .. } => {
                write!(f, "{kind} id {id}, ")?;
                match content {
                    Content::Begin { keep_conn: true, .. } => f.write_str("KEEP_CONN"),
                    Content::Begin { keep_conn: false, .. } => f.write_str("no KEEP_CONN"),
                    Content::EndOfStream => f.write_str("empty, end of stream"),
                    _ => write!(f, "{bytes} bytes"),
                }
            }
        }
    }
}

/// Microseconds, displayed in µs or ms.
pub(crate) struct Time(pub(crate) u64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            micros @ ..1_000 => write!(f, "{micros} \u{b5}s"),
            micros => write!(f, "{}.{:02} ms", micros / 1_000, micros % 1_000 / 10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_have_the_same_width() {
        let record = |kind: &str, content| What::Record {
            kind: kind.to_owned(),
            id: 1,
            bytes: 65_535,
            padding: 0,
            content,
        };
        let steps = [
            (Peer::WebServer, 0, record("BEGIN_REQUEST", Content::EndOfStream)),
            (Peer::Application, 1_234_567, record("STDOUT", Content::Nothing)),
            (Peer::Application, 999, What::Closed),
        ];
        let steps = steps.map(|(from, micros, what)| Step { request: 1, from, micros, what });
        let text = Diagram(&steps).to_string();
        let widths: Vec<_> = text.lines().map(|line| line.chars().count()).collect();
        assert!(widths.iter().all(|width| *width == widths[0]), "{text}");
        assert!(text.contains(" 999 \u{b5}s") && text.contains("1234.56 ms"), "{text}");
    }
}
