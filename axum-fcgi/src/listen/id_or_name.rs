//! A user or a group, by number or by name.

use std::fmt::Display;
use std::io;

/// A user or a group of the system, by number or by name.
///
/// A name is looked up when it is used, in `/etc/passwd` or `/etc/group` and wherever else `nsswitch.conf(5)` says.
///
/// # Examples
/// ```
/// use axum_fcgi::IdOrName;
///
/// assert_eq!(IdOrName::from(33), IdOrName::Id(33));
/// assert_eq!(IdOrName::from("www-data"), IdOrName::Name("www-data".to_owned()));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum IdOrName {
    /// The number.
    Id(u32),
    /// The name.
    Name(String),
}

impl IdOrName {
    pub(super) fn user_id(&self) -> io::Result<u32> {
        self.resolve("user", |name| Ok(nix::unistd::User::from_name(name)?.map(|user| user.uid.as_raw())))
    }

    pub(super) fn group_id(&self) -> io::Result<u32> {
        self.resolve("group", |name| Ok(nix::unistd::Group::from_name(name)?.map(|group| group.gid.as_raw())))
    }

    fn resolve(&self, kind: &str, look_up: impl Fn(&str) -> nix::Result<Option<u32>>) -> io::Result<u32> {
        let name = match self {
            Self::Id(id) => return Ok(*id),
            Self::Name(name) => name,
        };
        let error = |error_kind, reason: &dyn Display| {
            io::Error::new(error_kind, format!("{kind} {name:?}: {reason}"))
        };
        // A C string would end at the NUL, and name another user.
        let found = if name.contains('\0') { Ok(None) } else { look_up(name) };
        match found {
            Ok(Some(id)) => Ok(id),
            Ok(None) => {
                Err(error(io::ErrorKind::InvalidInput, &format_args!("this system has no such {kind}")))
            }
            Err(errno) => Err(error(io::Error::from(errno).kind(), &errno.desc())),
        }
    }
}

impl From<u32> for IdOrName {
    fn from(id: u32) -> Self {
        Self::Id(id)
    }
}

impl From<&str> for IdOrName {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<String> for IdOrName {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}
