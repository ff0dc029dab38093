//! Resolves a path to a file below a document root.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::segment::{SegmentKind, classify, decode, is_plain};

/// A document root, and the rules for its scripts.
#[derive(Debug, Clone)]
pub(super) struct ScriptResolver {
    pub(super) root: PathBuf,
    pub(super) extensions: Vec<String>,
    pub(super) index: Vec<String>,
    pub(super) front_controller: Option<String>,
    pub(super) serve_dotfiles: bool,
    pub(super) symlinks: Symlinks,
}

/// Which symbolic links below the document root are followed: see [`PhpGateway::symlinks`](crate::PhpGateway::symlinks).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Symlinks {
    /// Links that lead to a path below the document root.
    #[default]
    WithinRoot,
    /// All links. A user who can create a link below the root decides what is run and served.
    Anywhere,
    /// No links.
    Never,
}

/// The result of resolving a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    Script(Script),
    /// A file that is not a script.
    File,
    /// A directory with an index, but the path does not end with a slash.
    NeedsSlash,
    /// No file exists at the path.
    Missing,
    /// A file that must not be served, not even by the service for static files.
    Refused,
    /// The path has a malformed segment: see [`SegmentKind::Malformed`].
    Malformed,
}

/// A regular file with the extension of a script.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Script {
    /// Its path below the root, decoded, with a leading slash.
    pub(super) name: Vec<u8>,
    /// The rest of the request's path, decoded.
    pub(super) path_info: Vec<u8>,
}

/// Where a walk ends.
enum WalkEnd {
    Script(Script),
    File,
    Directory {
        /// Whether the path ends with a slash.
        slash: bool,
    },
    Missing,
    /// A segment of the path is not the name of a file.
    NotAName,
    Refused,
    Malformed,
}

impl ScriptResolver {
    /// Resolves an undecoded path, which starts with a slash. `has_slash`: whether the client sent a slash at the end, if
    /// the path has one.
    pub(super) fn resolve(&self, path: &str, has_slash: bool) -> Resolved {
        match self.walk(path) {
            WalkEnd::Script(script) => Resolved::Script(script),
            WalkEnd::File => Resolved::File,
            WalkEnd::Refused => Resolved::Refused,
            WalkEnd::Malformed => Resolved::Malformed,
            WalkEnd::NotAName => self.front_controller_or(Resolved::Refused),
            WalkEnd::Missing => self.front_controller_or(Resolved::Missing),
            WalkEnd::Directory { slash } => {
                let directory = path.trim_end_matches('/');
                for index in &self.index {
                    match self.walk(&format!("{directory}/{index}")) {
                        WalkEnd::Script(_) | WalkEnd::File if !(has_slash && slash) => {
                            return Resolved::NeedsSlash;
                        }
                        WalkEnd::Script(script) => return Resolved::Script(script),
                        WalkEnd::File => return Resolved::File,
                        _ => {}
                    }
                }
                self.front_controller_or(Resolved::Missing)
            }
        }
    }

    fn front_controller_or(&self, otherwise: Resolved) -> Resolved {
        match self.front_controller.as_ref().map(|path| self.walk(path)) {
            Some(WalkEnd::Script(script)) => Resolved::Script(script),
            Some(_) => {
                tracing::warn!(
                    path = self.front_controller,
                    "the front controller is not a script below the document root: answering 404"
                );
                Resolved::Refused
            }
            None => otherwise,
        }
    }

    /// Walks down from the root, segment by segment, to the first that is not a directory. So a file is found before the
    /// segments after its name: `/x.jpg/y.php` resolves to x.jpg. No segment leads upwards, so each file is checked once.
    fn walk(&self, path: &str) -> WalkEnd {
        let Some(below) = path.strip_prefix('/') else { return WalkEnd::Malformed };
        // Few paths contain anything that could be malformed.
        let is_suspect = !is_plain(path) || path.as_bytes().windows(2).any(|two| two == b"/.");
        if is_suspect && below.split('/').any(|segment| classify(segment) == SegmentKind::Malformed) {
            return WalkEnd::Malformed;
        }
        let mut file = PathBuf::with_capacity(self.root.as_os_str().len() + path.len() + 1);
        file.push(&self.root);
        let mut end = 0;
        while end < path.len() {
            let start = end + 1;
            end = path[start..].bytes().position(|byte| byte == b'/').map_or(path.len(), |len| start + len);
            let segment = &path[start..end];
            if segment.is_empty() && end == path.len() {
                return WalkEnd::Directory { slash: true };
            }
            let name = decode(segment);
            if classify(segment) == SegmentKind::Unusual {
                return WalkEnd::NotAName;
            }
            if name.starts_with(b".") && !self.serve_dotfiles && !(start == 1 && *name == *b".well-known") {
                return WalkEnd::Refused;
            }
            let Some(name_os) = os_str(&name) else { return WalkEnd::NotAName };
            file.push(name_os);
            match self.file_kind(&file) {
                Ok(FileKind::Directory) => {}
                Ok(FileKind::File) if self.is_script(&name) => {
                    let [name, path_info] =
                        [&path[..end], &path[end..]].map(|text| decode(text).into_owned());
                    return WalkEnd::Script(Script { name, path_info });
                }
                Ok(FileKind::File) if end == path.len() => return WalkEnd::File,
                Ok(FileKind::File | FileKind::Other) => return WalkEnd::Refused,
                Err(error) if is_missing(&error) => return WalkEnd::Missing,
                Err(error) => {
                    tracing::debug!(%error, file = %file.display(), "reading a file's metadata failed: answering 404");
                    return WalkEnd::Refused;
                }
            }
        }
        WalkEnd::Directory { slash: false }
    }

    fn is_script(&self, name: &[u8]) -> bool {
        self.extensions.iter().any(|extension| {
            let stem = name.len().checked_sub(extension.len());
            stem.is_some_and(|stem| name[stem..].eq_ignore_ascii_case(extension.as_bytes()))
        })
    }

    fn file_kind(&self, file: &Path) -> io::Result<FileKind> {
        let mut metadata = file.symlink_metadata()?;
        if metadata.is_symlink() {
            match self.symlinks {
                Symlinks::Never => return Ok(FileKind::Other),
                Symlinks::WithinRoot if !file.canonicalize()?.starts_with(self.root.canonicalize()?) => {
                    tracing::debug!(file = %file.display(), "a symbolic link leads out of the document root");
                    return Ok(FileKind::Other);
                }
                Symlinks::WithinRoot | Symlinks::Anywhere => metadata = file.metadata()?,
            }
        }
        Ok(match metadata {
            _ if metadata.is_dir() => FileKind::Directory,
            _ if metadata.is_file() => FileKind::File,
            _ => FileKind::Other,
        })
    }
}

enum FileKind {
    Directory,
    File,
    /// A socket, a device, or a link that is not followed.
    Other,
}

fn is_missing(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "on other systems not all bytes are a name")]
pub(super) fn os_str(name: &[u8]) -> Option<&OsStr> {
    Some(std::os::unix::ffi::OsStrExt::from_bytes(name))
}

#[cfg(not(unix))]
pub(super) fn os_str(name: &[u8]) -> Option<&OsStr> {
    std::str::from_utf8(name).ok().map(OsStr::new)
}

#[cfg(all(test, unix))]
mod tests;
