//! What ends a command early, and the code that it exits with.

use std::{fmt, io};

/// The codes that scripts can go by; `fcgi help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// All is well.
    Good = 0,
    /// The application is at fault: no whole answer, a 5xx, a rule that it breaks. Or a file could not be read.
    Failed = 1,
    /// The command line makes no sense. Clap exits with the same.
    Usage = 2,
    /// There is nobody at the address.
    Unreachable = 3,
}

/// Why a command could not be done. The text is for people, and says what they can do.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    text: String,
}

impl Failure {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self { code: Code::Failed, text: text.into() }
    }

    pub(crate) fn usage(text: impl Into<String>) -> Self {
        Self { code: Code::Usage, text: text.into() }
    }

    pub(crate) fn unreachable(text: impl Into<String>) -> Self {
        Self { code: Code::Unreachable, text: text.into() }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::new(error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
