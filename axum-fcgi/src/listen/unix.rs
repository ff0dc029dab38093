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

/// A unix socket to be bound at a path, with a mode and an owner.
///
/// Whoever may write to the file can connect, and claim to be any client and any user. So the mode is what is
/// said here, whatever the umask, and holds before the first connection: a socket that is bound refuses
/// everyone until it listens, and it does so only once its mode and owner are set. The umask itself is the
/// whole process's, and left alone.
///
/// # What is at the path
/// - The file of a socket at which nobody listens any more is replaced.
/// - One at which somebody does is not: that is an error, as it is when it cannot be told.
/// - What is no socket is never removed.
/// - When the listener is dropped, its file is removed, if it is still its own. A process that is killed leaves
///   it, and the next one replaces it.
///
/// While it binds, it holds a lock: the file beside the socket's whose name ends in `.lock`, which is then
/// removed. So of several processes that find the same stale file, one has the path, and the others an error.
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
    /// A socket at `path`, with the mode 0660 and this process's user and group.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), mode: 0o660, owner: None, group: None }
    }

    /// Who may connect: those who may write. Default: 0660.
    pub const fn mode(mut self, mode: u32) -> Self {
        self.mode = mode & 0o777;
        self
    }

    /// The user that owns the file. To give it away needs CAP_CHOWN.
    pub fn owner(mut self, user: impl Into<IdOrName>) -> Self {
        self.owner = Some(user.into());
        self
    }

    /// The file's group: the web server's, so that it may connect.
    ///
    /// The process has to be in the group, or needs CAP_CHOWN, unless new files in the directory get this group
    /// anyway, because the directory has it and its mode has the setgid bit.
    pub fn group(mut self, group: impl Into<IdOrName>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Listens.
    ///
    /// # Errors
    /// When the path is too long (on Linux 107 bytes are the most), in use, taken by something that is no
    /// socket, in a directory where this process may not write, or the owner or the group is unknown or cannot
    /// be set. No file is left then.
    ///
    /// # Panics
    /// Outside a tokio runtime whose I/O is enabled.
    pub fn bind(&self) -> io::Result<FcgiListener> {
        self.try_bind().map_err(|error| about(Address::Unix(self.path.clone()), &error))
    }

    fn try_bind(&self) -> io::Result<FcgiListener> {
        check(&self.path)?;
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
        let file = SocketFile::made_at(std::path::absolute(&self.path)?)?;
        self.give_away(owner, group)?;
        let listener = socket.listen(BACKLOG)?;
        // Other programs know nothing of the lock, and many remove whatever they find.
        if !file.is_still_there() {
            return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process has just replaced it"));
        }
        Ok(FcgiListener::with_file(listener, file))
    }

    /// By path, since a mode set on the socket itself is that of something else. Whoever could put another file
    /// there may write to the directory, and so could have bound the path.
    fn give_away(&self, owner: Option<u32>, group: Option<u32>) -> io::Result<()> {
        std::os::unix::fs::lchown(&self.path, owner, group).map_err(|error| {
            io::Error::new(error.kind(), format!("its owner and group cannot be set: {error}"))
        })?;
        fs::set_permissions(&self.path, Permissions::from_mode(self.mode))
    }
}

/// What the system would take for something else, or refuse without saying why.
fn check(path: &Path) -> io::Result<()> {
    let invalid = |text| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    let len = path.as_os_str().len();
    if len == 0 {
        // Linux would choose an abstract name for it.
        return invalid("the path is empty".to_owned());
    }
    match std::os::unix::net::SocketAddr::from_pathname(path) {
        Ok(_) => Ok(()),
        Err(_) if path.as_os_str().as_encoded_bytes().contains(&0) => {
            invalid("the path has a zero byte".to_owned())
        }
        Err(_) => {
            invalid(format!("a path of {len} bytes is too long for a socket, which on Linux can have 107"))
        }
    }
}
