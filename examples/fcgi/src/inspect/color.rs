//! The colours of record types.

use anstyle::{AnsiColor, Style};
use fcgi_core::RecordType;

pub(super) const DIM: Style = Style::new().dimmed();
pub(super) const FAULT: Style = AnsiColor::Red.on_default().bold();
pub(super) const NAME: Style = AnsiColor::Cyan.on_default();

/// Returns the colour of a type: begin and end, PARAMS, input, output, and errors differ.
pub(super) const fn of(kind: RecordType) -> Style {
    match kind {
        RecordType::BEGIN_REQUEST | RecordType::END_REQUEST => AnsiColor::Green.on_default().bold(),
        RecordType::PARAMS => AnsiColor::Cyan.on_default().bold(),
        RecordType::STDIN | RecordType::DATA => AnsiColor::Blue.on_default().bold(),
        RecordType::STDOUT => AnsiColor::Yellow.on_default().bold(),
        RecordType::STDERR | RecordType::ABORT_REQUEST => AnsiColor::Red.on_default().bold(),
        _ => AnsiColor::Magenta.on_default().bold(),
    }
}
