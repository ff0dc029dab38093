//! Detects whether SCRIPT_FILENAME is this program itself.

use std::env;
use std::sync::LazyLock;

/// How the program that serves a request was started.
#[derive(Debug, Clone, Copy)]
pub(crate) enum OwnProgram {
    /// As a CGI program: SCRIPT_FILENAME is this program.
    Cgi,
    /// As a FastCGI application. If a web server started it, SCRIPT_FILENAME is its path; if not, SCRIPT_FILENAME is the
    /// file that the request's path names.
    Application,
}

/// The paths of this program: the executable, and the first argument, which may be a link to it.
static PATHS: LazyLock<[Vec<u8>; 2]> = LazyLock::new(|| {
    let executable = env::current_exe().unwrap_or_default().into_os_string();
    let called = env::args_os().next().unwrap_or_default();
    [executable, called].map(std::ffi::OsString::into_encoded_bytes)
});

impl OwnProgram {
    /// Whether `script_filename` is this program, by its full path.
    pub(super) fn is(self, script_filename: &[u8]) -> bool {
        match self {
            Self::Cgi => true,
            Self::Application => {
                script_filename.starts_with(b"/") && PATHS.iter().any(|path| path == script_filename)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn a_full_path_is_this_program_or_another() {
        let own = env::current_exe().unwrap().into_os_string().into_encoded_bytes();
        assert!(OwnProgram::Application.is(&own));
        for other in [&b""[..], b"/", b"app.fcgi", b"/srv/app.fcgi"] {
            assert!(!OwnProgram::Application.is(other));
            assert!(OwnProgram::Cgi.is(other));
        }
    }
}
