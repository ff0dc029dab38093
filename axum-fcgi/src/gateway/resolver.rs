//! Which file of a document root a path names.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::segment::{SegmentKind, decoded, form, is_plain};

/// A document root, and which of its files are scripts.
#[derive(Debug, Clone)]
pub(super) struct ScriptResolver {
    pub(super) root: PathBuf,
    pub(super) extensions: Vec<String>,
    pub(super) index: Vec<String>,
    pub(super) front_controller: Option<String>,
    pub(super) hidden_files: bool,
    pub(super) symlinks: Symlinks,
}

/// Which symbolic links below the document root are followed: see [`FastCgi::symlinks`](crate::FastCgi::symlinks).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Symlinks {
    /// Those that lead to what is below the document root as well.
    #[default]
    WithinRoot,
    /// All. Whoever can make a link below the root decides what is run, and served.
    Anywhere,
    /// None.
    Never,
}

/// What a path asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    Script(Script),
    /// A file that is none.
    File,
    /// A directory with an index, whose path has no slash at its end.
    NeedsSlash,
    /// Nothing that there is.
    Missing,
    /// What nobody is to have, and neither is a service of files to look for it.
    Refused,
    /// See [`Form::Malformed`].
    Malformed,
}

/// A regular file whose name ends as a script's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Script {
    /// Its path below the root, decoded, with a slash at its front.
    pub(super) name: Vec<u8>,
    /// What of the path lies behind it, decoded.
    pub(super) path_info: Vec<u8>,
}

/// What is at the end of a walk.
enum End {
    Script(Script),
    File,
    /// And whether there was a slash at the end.
    Directory {
        slash: bool,
    },
    Missing,
    /// The path has a part that names no file.
    NoName,
    Refused,
    Malformed,
}

impl ScriptResolver {
    /// Looks for what a path means, which begins with a slash and is as it was sent. `slash`: whether it may be taken for
    /// one that ends with one if it does.
    pub(super) fn find(&self, path: &str, slash: bool) -> Resolved {
        match self.walk(path) {
            End::Script(script) => Resolved::Script(script),
            End::File => Resolved::File,
            End::Refused => Resolved::Refused,
            End::Malformed => Resolved::Malformed,
            End::NoName => self.front(Resolved::Refused),
            End::Missing => self.front(Resolved::Missing),
            End::Directory { slash: ends } => {
                let directory = path.trim_end_matches('/');
                for index in &self.index {
                    match self.walk(&format!("{directory}/{index}")) {
                        End::Script(_) | End::File if !(slash && ends) => return Resolved::NeedsSlash,
                        End::Script(script) => return Resolved::Script(script),
                        End::File => return Resolved::File,
                        _ => {}
                    }
                }
                self.front(Resolved::Missing)
            }
        }
    }

    fn front(&self, otherwise: Resolved) -> Resolved {
        match self.front_controller.as_ref().map(|path| self.walk(path)) {
            Some(End::Script(script)) => Resolved::Script(script),
            Some(_) => {
                tracing::warn!(
                    path = self.front_controller,
                    "the front controller is no script below the root"
                );
                Resolved::Refused
            }
            None => otherwise,
        }
    }

    /// Goes down from the root, a part of the path at a time, to the first that is no directory: so a file is found
    /// before anything that its name might be put in front of, and `/x.jpg/y.php` is x.jpg. One look at each file
    /// is enough, since none of the parts leads upwards.
    fn walk(&self, path: &str) -> End {
        let Some(below) = path.strip_prefix('/') else { return End::Malformed };
        // Few paths have anything in them that could be malformed.
        let is_suspect = !is_plain(path) || path.as_bytes().windows(2).any(|two| two == b"/.");
        if is_suspect && below.split('/').any(|part| form(part) == SegmentKind::Malformed) {
            return End::Malformed;
        }
        let mut file = PathBuf::with_capacity(self.root.as_os_str().len() + path.len() + 1);
        file.push(&self.root);
        let mut end = 0;
        while end < path.len() {
            let start = end + 1;
            end = path[start..].bytes().position(|byte| byte == b'/').map_or(path.len(), |len| start + len);
            let part = &path[start..end];
            if part.is_empty() && end == path.len() {
                return End::Directory { slash: true };
            }
            let name = decoded(part);
            if form(part) == SegmentKind::Odd {
                return End::NoName;
            }
            if name.starts_with(b".") && !self.hidden_files && !(start == 1 && *name == *b".well-known") {
                return End::Refused;
            }
            let Some(os) = os_str(&name) else { return End::NoName };
            file.push(os);
            match self.kind(&file) {
                Ok(Kind::Directory) => {}
                Ok(Kind::File) if self.is_script(&name) => {
                    let [name, path_info] =
                        [&path[..end], &path[end..]].map(|text| decoded(text).into_owned());
                    return End::Script(Script { name, path_info });
                }
                Ok(Kind::File) if end == path.len() => return End::File,
                Ok(Kind::File | Kind::Other) => return End::Refused,
                Err(error) if is_missing(&error) => return End::Missing,
                Err(error) => {
                    tracing::debug!(%error, file = %file.display(), "a file could not be looked at");
                    return End::Refused;
                }
            }
        }
        End::Directory { slash: false }
    }

    fn is_script(&self, name: &[u8]) -> bool {
        self.extensions.iter().any(|extension| {
            let stem = name.len().checked_sub(extension.len());
            stem.is_some_and(|stem| name[stem..].eq_ignore_ascii_case(extension.as_bytes()))
        })
    }

    fn kind(&self, file: &Path) -> io::Result<Kind> {
        let mut metadata = file.symlink_metadata()?;
        if metadata.is_symlink() {
            match self.symlinks {
                Symlinks::Never => return Ok(Kind::Other),
                Symlinks::WithinRoot if !file.canonicalize()?.starts_with(self.root.canonicalize()?) => {
                    tracing::debug!(file = %file.display(), "a symbolic link leads out of the document root");
                    return Ok(Kind::Other);
                }
                Symlinks::WithinRoot | Symlinks::Anywhere => metadata = file.metadata()?,
            }
        }
        Ok(match metadata {
            _ if metadata.is_dir() => Kind::Directory,
            _ if metadata.is_file() => Kind::File,
            _ => Kind::Other,
        })
    }
}

enum Kind {
    Directory,
    File,
    /// A socket, a device, a link that is not followed.
    Other,
}

fn is_missing(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory | InvalidFilename)
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere a name may be none")]
fn os_str(name: &[u8]) -> Option<&OsStr> {
    Some(std::os::unix::ffi::OsStrExt::from_bytes(name))
}

#[cfg(not(unix))]
fn os_str(name: &[u8]) -> Option<&OsStr> {
    std::str::from_utf8(name).ok().map(OsStr::new)
}

#[cfg(all(test, unix))]
mod tests;
