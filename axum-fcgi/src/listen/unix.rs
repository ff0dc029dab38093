//! A unix socket at a path.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::address::Address;
use super::error::about;
use super::id_or_name::IdOrName;
use super::listener::{BACKLOG, FcgiListener};
use super::path_lock::PathLock;
use super::socket_file::SocketFile;
use super::stale;

/// A unix socket to bind at a path, with a mode and an owner. Only on Unix.
///
/// Anyone who may write to the file can connect, and claim to be any client and any user. The socket gets the mode set
/// here, whatever the umask, before the first connection: it listens only after its mode and owner are set, and refuses
/// connections until then. The umask, which belongs to the whole process, is not changed.
///
/// # Existing files
/// - A socket file on which no process listens is replaced.
/// - If a process listens on it, or that cannot be determined, binding is an error.
/// - A file that is not a socket is never removed.
/// - Dropping the listener removes its file, if the path still leads to that file. A killed process leaves the file, and
///   the next one replaces it.
///
/// While it binds, it holds a lock on a file beside the socket whose name ends in `.lock`, and then removes that file. If
/// several processes find the same stale socket, one gets the path, and the others an error.
///
/// # Examples
/// ```no_run
/// use axum_fcgi::UnixSocket;
/// # async fn run(router: axum::Router) -> std::io::Result<()> {
/// // Debian's nginx, Apache and lighttpd run as www-data.
/// let listener = UnixSocket::new("/run/app/fcgi.sock").mode(0o660).group("www-data").bind()?;
/// axum_fcgi::serve(listener, router).await
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "nothing is bound until `bind`"]
pub struct UnixSocket {
    path: PathBuf,
    mode: u32,
    owner: Option<IdOrName>,
    group: Option<IdOrName>,
}

impl UnixSocket {
    /// A socket at `path`, with mode 0660 and this process's user and group.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), mode: 0o660, owner: None, group: None }
    }

    /// The mode of the file: who may write to it may connect. Default: 0660.
    pub const fn mode(mut self, mode: u32) -> Self {
        self.mode = mode & 0o777;
        self
    }

    /// The owner of the file. Another user than the process's own requires CAP_CHOWN. Default: the process's user.
    pub fn owner(mut self, user: impl Into<IdOrName>) -> Self {
        self.owner = Some(user.into());
        self
    }

    /// The group of the file: usually the web server's, so that it may connect. Default: the process's group.
    ///
    /// The process must be a member of the group or have CAP_CHOWN. Neither is needed if new files get this group
    /// anyway, because the directory has it and the setgid bit.
    pub fn group(mut self, group: impl Into<IdOrName>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Binds the socket and listens.
    ///
    /// # Errors
    /// If the path is too long (on Linux, more than 107 bytes), in use, not a socket, or in a directory where this process
    /// may not write; or if the owner or group is unknown or cannot be set. No file is left then.
    ///
    /// # Panics
    /// Outside a tokio runtime whose I/O is enabled.
    pub fn bind(&self) -> io::Result<FcgiListener> {
        self.try_bind().map_err(|error| about(Address::Unix(self.path.clone()), &error))
    }

    fn try_bind(&self) -> io::Result<FcgiListener> {
        check_path(&self.path)?;
        let owner = self.owner.as_ref().map(IdOrName::user_id).transpose()?;
        let group = self.group.as_ref().map(IdOrName::group_id).transpose()?;
        let _lock = PathLock::take(&self.path)?;
        let socket = tokio::net::UnixSocket::new_stream()?;
        match socket.bind(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                stale::remove(&self.path)?;
                socket.bind(&self.path)?;
            }
            bound => bound?,
        }
        let file = SocketFile::created_at(std::path::absolute(&self.path)?)?;
        self.set_permissions(owner, group)?;
        let listener = socket.listen(BACKLOG)?;
        // Other programs ignore the lock, and many remove any file at the path.
        if !file.still_exists() {
            return Err(io::Error::new(
                io::ErrorKind::AddrInUse,
                "another process has just replaced the file; give each its own path",
            ));
        }
        Ok(FcgiListener::with_file(listener, file))
    }

    /// Sets the file's mode and owner by its path, because fchmod on the socket does not change its file. A user who could swap
    /// the file may write to the directory, and so could have bound the path anyway.
    fn set_permissions(&self, owner: Option<u32>, group: Option<u32>) -> io::Result<()> {
        std::os::unix::fs::lchown(&self.path, owner, group).map_err(|error| {
            io::Error::new(error.kind(), format!("setting its owner and group failed: {error}"))
        })?;
        fs::set_permissions(&self.path, Permissions::from_mode(self.mode))
    }
}

/// Rejects paths that the system would take for something else, or refuse without a reason.
fn check_path(path: &Path) -> io::Result<()> {
    let invalid = |text| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    let len = path.as_os_str().len();
    if len == 0 {
        // Linux would bind it to an abstract name.
        return invalid("the path is empty".to_owned());
    }
    match std::os::unix::net::SocketAddr::from_pathname(path) {
        Ok(_) => Ok(()),
        Err(_) if path.as_os_str().as_encoded_bytes().contains(&0) => {
            invalid("the path contains a NUL byte".to_owned())
        }
        Err(_) => {
            invalid(format!("a path of {len} bytes is too long for a socket; the limit on Linux is 107"))
        }
    }
}
