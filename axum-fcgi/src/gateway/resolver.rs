//! Resolves a path to a file below a document root.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::name_folding::fold;
use super::path_rules::PathRules;
use super::refusal::{Refusal, RefusalLog};
use super::root_directory::RootDirectory;
use super::script_names::{has_extension, is_source};
use super::segment::{SegmentKind, classify, decode, is_plain};
use crate::request_log::RequestLog;

/// What `ServeDir` sends for the path of a directory.
const SERVE_DIR_INDEX: &str = "index.html";
/// What `ServeDir` appends to a name without an extension, if it is so configured.
const SERVE_DIR_EXTENSION: &str = ".html";

/// A document root, and the rules for its scripts.
#[derive(Debug, Clone)]
pub(super) struct ScriptResolver {
    pub(super) root: Arc<RootDirectory>,
    pub(super) extensions: Vec<String>,
    /// Percent-encoded.
    pub(super) index: Vec<String>,
    /// Percent-encoded.
    pub(super) front_controller: Option<String>,
    pub(super) serve_dotfiles: bool,
    pub(super) serve_sources: bool,
    pub(super) symlinks: Symlinks,
    pub(super) other_files: OtherFiles,
    /// Paths that are not served.
    pub(super) denied: PathRules,
    /// Directories whose scripts are not run.
    pub(super) scripts_denied: PathRules,
    pub(super) log: Arc<RefusalLog>,
}

/// Which symbolic links below the document root are followed: see [`PhpGateway::symlinks`](crate::PhpGateway::symlinks).
///
/// ```
/// use axum_fcgi::{PhpGateway, Symlinks};
/// # fn symlinks<S>(php: PhpGateway<S>) -> PhpGateway<S> {
/// // No file has a second path.
/// php.symlinks(Symlinks::Never)
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Symlinks {
    /// Links that lead to a path below the document root.
    #[default]
    WithinRoot,
    /// All links. A user who can create a link below the root decides what is run and served.
    Anywhere,
    /// No links.
    Never,
}

/// What becomes of files that are no scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherFiles {
    /// There is no service for them.
    Refused,
    Served,
}

/// The result of resolving a path.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    Script(Script),
    /// A file that is not a script.
    File,
    /// The same for a directory: its index, percent-encoded.
    IndexFile(String),
    /// A directory, but the path does not end with a slash.
    NeedsSlash,
    /// No file exists at the path.
    Missing,
    /// A path that must not be served, not even by the service for static files.
    Refused,
    /// The path has a malformed segment: see [`SegmentKind::Malformed`].
    Malformed,
    /// The document root does not exist or cannot be read.
    NoRoot,
}

/// A regular file with the extension of a script.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Script {
    /// The document root in which it was found, without symbolic links.
    pub(super) root: Arc<Path>,
    /// Its path below the root, decoded, with a leading slash.
    pub(super) name: Vec<u8>,
    /// The rest of the request's path, decoded.
    pub(super) path_info: Vec<u8>,
}

/// Where a walk ends.
enum WalkEnd {
    Script {
        name: Vec<u8>,
        path_info: Vec<u8>,
    },
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
    ///
    /// The document root is resolved once, so it does not matter if a link to it is switched meanwhile. `request` is for the log.
    pub(super) fn resolve(&self, path: &str, has_slash: bool, request: &RequestLog) -> Resolved {
        let root = match self.root.resolve() {
            Ok(root) => root,
            Err(error) => {
                self.log.no_root(request, self.root.path(), &error);
                return Resolved::NoRoot;
            }
        };
        match self.walk(&root, path, request) {
            WalkEnd::Script { name, path_info } => Resolved::Script(Script { root, name, path_info }),
            WalkEnd::File => Resolved::File,
            WalkEnd::Refused => Resolved::Refused,
            WalkEnd::Malformed => Resolved::Malformed,
            WalkEnd::NotAName => {
                if self.front_controller.is_none()
                    && let Some(file) = file_by_other_spelling(&root, path)
                {
                    self.log.existing(request, &file, Refusal::Spelling);
                }
                self.front_controller_or(root, request, Resolved::Refused)
            }
            WalkEnd::Missing => {
                let otherwise = self.missing(&root, path, request);
                self.front_controller_or(root, request, otherwise)
            }
            WalkEnd::Directory { slash } => self.resolve_directory(root, path, has_slash && slash, request),
        }
    }

    /// Resolves the path of a directory to its index. `slash`: whether the path ends with one.
    fn resolve_directory(&self, root: Arc<Path>, path: &str, slash: bool, request: &RequestLog) -> Resolved {
        let directory = path.trim_end_matches('/');
        for index in &self.index {
            match self.walk(&root, &format!("{directory}/{index}"), request) {
                WalkEnd::Script { .. } | WalkEnd::File if !slash => return Resolved::NeedsSlash,
                WalkEnd::Script { name, path_info } => {
                    return Resolved::Script(Script { root, name, path_info });
                }
                WalkEnd::File => return Resolved::IndexFile(index.clone()),
                WalkEnd::Refused => return Resolved::Refused,
                _ => {}
            }
        }
        // The service for static files would redirect, too, but it does not know the mount's path.
        if !slash {
            return self.front_controller_or(root, request, Resolved::NeedsSlash);
        }
        let otherwise = self.unless_served(&root, &format!("{directory}/{SERVE_DIR_INDEX}"), request);
        self.front_controller_or(root, request, otherwise)
    }

    /// The result for a path without a file, if there is no front controller.
    fn missing(&self, root: &Path, path: &str, request: &RequestLog) -> Resolved {
        let name = path.rsplit('/').next().unwrap_or_default();
        match () {
            () if self.front_controller.is_some() => Resolved::Missing,
            () if self.may_be_source(path) => Resolved::Refused,
            // `Path::extension` of `.name` is `None`, too.
            () if name.is_empty() || name.strip_prefix('.').unwrap_or(name).contains('.') => {
                Resolved::Missing
            }
            () => self.unless_served(root, &format!("{path}{SERVE_DIR_EXTENSION}"), request),
        }
    }

    /// The result for a missing path for which the service for static files may send `file`: it must not send what is refused
    /// by its own name, or would be run.
    fn unless_served(&self, root: &Path, file: &str, request: &RequestLog) -> Resolved {
        if self.other_files == OtherFiles::Refused {
            return Resolved::Missing;
        }
        match self.walk(root, file, request) {
            WalkEnd::Refused | WalkEnd::Script { .. } => Resolved::Refused,
            _ => Resolved::Missing,
        }
    }

    fn front_controller_or(&self, root: Arc<Path>, request: &RequestLog, otherwise: Resolved) -> Resolved {
        let Some(path) = &self.front_controller else { return otherwise };
        if let WalkEnd::Script { name, path_info } = self.walk(&root, path, request) {
            return Resolved::Script(Script { root, name, path_info });
        }
        self.log.front_controller(request, path);
        Resolved::Refused
    }

    /// Whether a file system may take the name of a script, or of its source, for this one.
    fn names_source(&self, name: &[u8]) -> bool {
        let folded = fold(name);
        has_extension(&folded, &self.extensions) || self.is_source(&folded)
    }

    /// Whether the last name of a missing path is that of a script or of its source. If such a file is created now, the
    /// service for static files would send it.
    fn may_be_source(&self, path: &str) -> bool {
        let name = path.rsplit('/').find(|segment| !segment.is_empty()).map(decode).unwrap_or_default();
        self.names_source(&name)
    }

    fn is_source(&self, name: &[u8]) -> bool {
        !self.serve_sources && is_source(name, &self.extensions)
    }

    /// Walks down from the root, segment by segment, to the first that is not a directory. So a file is found before the
    /// segments after its name: `/x.jpg/y.php` resolves to x.jpg. No segment leads upwards, so each file is checked once.
    fn walk(&self, root: &Path, path: &str, request: &RequestLog) -> WalkEnd {
        let Some(below) = path.strip_prefix('/') else { return WalkEnd::Malformed };
        // Few paths contain anything that could be malformed.
        let is_suspect = !is_plain(path) || path.as_bytes().windows(2).any(|two| two == b"/.");
        if is_suspect && below.split('/').any(|segment| classify(segment) == SegmentKind::Malformed) {
            return WalkEnd::Malformed;
        }
        let mut file = PathBuf::with_capacity(root.as_os_str().len() + path.len() + 1);
        file.push(root);
        let mut scripts_denied = false;
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
            let Some(name_os) = os_str(&name) else { return WalkEnd::NotAName };
            file.push(name_os);
            if let Some(reason) = self.refusal_by_name(&path[..end], &name) {
                if file.symlink_metadata().is_ok() {
                    self.log.existing(request, &file, reason);
                }
                return WalkEnd::Refused;
            }
            scripts_denied = scripts_denied || self.scripts_denied.matches(&path[..end]);
            let refusal = match self.file_kind(root, &file) {
                Ok(FileKind::Directory) => continue,
                Ok(kind @ (FileKind::File | FileKind::LinkedFile)) => {
                    match self.refusal_of_file(&name, end == path.len(), scripts_denied) {
                        Some(refusal) => refusal,
                        None if has_extension(&name, &self.extensions) => {
                            let [name, path_info] =
                                [&path[..end], &path[end..]].map(|text| decode(text).into_owned());
                            return WalkEnd::Script { name, path_info };
                        }
                        None if kind == FileKind::LinkedFile && self.leads_to_source(&file) => {
                            Refusal::Source
                        }
                        None if self.other_files == OtherFiles::Refused => Refusal::NotServed,
                        None => return WalkEnd::File,
                    }
                }
                Ok(FileKind::Symlink) => Refusal::Symlink,
                Ok(FileKind::Other) => Refusal::SpecialFile,
                Err(error) if is_missing(&error) => return WalkEnd::Missing,
                Err(error) => Refusal::Unreadable(error.kind()),
            };
            self.log.existing(request, &file, refusal);
            return WalkEnd::Refused;
        }
        WalkEnd::Directory { slash: false }
    }

    /// The rule that denies a path that ends with `name`, whether it exists or not.
    fn refusal_by_name(&self, path: &str, name: &[u8]) -> Option<Refusal> {
        let is_well_known = path == "/.well-known";
        if fold(name).starts_with(b".") && !self.serve_dotfiles && !is_well_known {
            return Some(Refusal::Dotfile);
        }
        self.denied.matches(path).then_some(Refusal::Denied)
    }

    /// Why a regular file is refused. `is_last`: whether the path ends with its name.
    fn refusal_of_file(&self, name: &[u8], is_last: bool, scripts_denied: bool) -> Option<Refusal> {
        if has_extension(name, &self.extensions) {
            return scripts_denied.then_some(Refusal::ScriptsDenied);
        }
        if !is_last {
            return Some(Refusal::NotAScript);
        }
        self.names_source(name).then_some(Refusal::Source)
    }

    /// Whether a symbolic link, which is not a script by its name, leads to a script or a source of one.
    fn leads_to_source(&self, link: &Path) -> bool {
        if self.serve_sources {
            return false;
        }
        link.canonicalize().map_or(true, |target| {
            let name = target.file_name().unwrap_or_default().as_encoded_bytes();
            self.names_source(name)
        })
    }

    fn file_kind(&self, root: &Path, file: &Path) -> io::Result<FileKind> {
        let mut metadata = file.symlink_metadata()?;
        let is_link = metadata.is_symlink();
        if is_link {
            match self.symlinks {
                Symlinks::Never => return Ok(FileKind::Symlink),
                Symlinks::WithinRoot if !file.canonicalize()?.starts_with(root) => {
                    return Ok(FileKind::Symlink);
                }
                Symlinks::WithinRoot | Symlinks::Anywhere => metadata = file.metadata()?,
            }
        }
        Ok(match metadata {
            _ if metadata.is_dir() => FileKind::Directory,
            _ if metadata.is_file() && is_link => FileKind::LinkedFile,
            _ if metadata.is_file() => FileKind::File,
            _ => FileKind::Other,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FileKind {
    Directory,
    File,
    /// A symbolic link to a file, which is followed.
    LinkedFile,
    /// A symbolic link that is not followed.
    Symlink,
    /// A socket or a device.
    Other,
}

/// The file to which a path leads if escapes and slashes do not have to be in their usual spelling.
fn file_by_other_spelling(root: &Path, path: &str) -> Option<PathBuf> {
    let mut file = root.to_owned();
    for name in decode(path).split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        file.push(os_str(name)?);
        if !file.metadata().ok()?.is_dir() {
            return Some(file);
        }
    }
    None
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
