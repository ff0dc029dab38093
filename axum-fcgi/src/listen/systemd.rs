//! The sockets that systemd passes.

use std::env::{self, VarError};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use listenfd::ListenFd;

use super::descriptor;
use super::listener::FcgiListener;

/// How many sockets the caller expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    One,
    All,
}

/// Why this process has no sockets from systemd.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotPassed {
    #[error("LISTEN_FDS is not set")]
    NotSet,
    #[error("{0} is not a number")]
    Invalid(&'static str),
    #[error("LISTEN_FDS is for process {pid} (LISTEN_PID), and this is {}", std::process::id())]
    OtherProcess { pid: u32 },
}

impl From<NotPassed> for io::Error {
    fn from(reason: NotPassed) -> Self {
        Self::new(
            io::ErrorKind::NotFound,
            format!(
                "systemd passes no socket: {reason}; start the program from a .service unit that has a .socket unit, \
                 or test it with systemd-socket-activate"
            ),
        )
    }
}

/// The sockets that were passed and not taken yet.
struct Passed {
    fds: ListenFd,
    /// The name of each socket; `None` once it is taken.
    names: Vec<Option<String>>,
}

/// Read from the environment once, because `ListenFd` removes the variables.
static PASSED: Mutex<Option<Passed>> = Mutex::new(None);

/// Takes the sockets with a name, or all. The outer error means that none was passed to this process.
///
/// With [`Expected::One`], several matching sockets are an error, and none is taken.
pub(super) fn take(
    name: Option<&str>,
    expected: Expected,
) -> Result<io::Result<Vec<FcgiListener>>, NotPassed> {
    let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
    if passed.is_none() {
        *passed = Some(Passed::from_env()?);
    }
    passed.as_mut().map(|passed| passed.take(name, expected)).ok_or(NotPassed::NotSet)
}

/// The addresses of the sockets that systemd has passed to this process, and that were not taken.
pub(crate) fn names_left() -> Option<String> {
    let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
    if passed.is_none() {
        *passed = Passed::from_env().ok();
    }
    passed.as_ref().map(Passed::names_left).filter(|names| !names.is_empty())
}

impl Passed {
    fn from_env() -> Result<Self, NotPassed> {
        let number = |name| match env::var(name) {
            Err(VarError::NotPresent) => Ok(None),
            Ok(value) if value.is_empty() => Ok(None),
            Ok(value) => value.parse::<u32>().map(Some).map_err(|_| NotPassed::Invalid(name)),
            Err(VarError::NotUnicode(_)) => Err(NotPassed::Invalid(name)),
        };
        let count = number("LISTEN_FDS")?.filter(|count| *count > 0).ok_or(NotPassed::NotSet)?;
        // Grandchildren inherit the variables, but not the descriptors. Without LISTEN_PID the sockets are for any process:
        // systemfd omits it, for programs that are started through others.
        if let Some(pid) = number("LISTEN_PID")?
            && pid != std::process::id()
        {
            return Err(NotPassed::OtherProcess { pid });
        }
        // No system allows a process more descriptors than that.
        let count = u16::try_from(count).map_err(|_| NotPassed::Invalid("LISTEN_FDS"))?;
        let names = socket_names(env::var("LISTEN_FDNAMES").ok().as_deref(), count);
        Ok(Self { fds: ListenFd::from_env(), names })
    }

    fn take(&mut self, name: Option<&str>, expected: Expected) -> io::Result<Vec<FcgiListener>> {
        let matches =
            |left: &Option<String>| left.as_deref().is_some_and(|left| name.is_none_or(|name| name == left));
        let found: Vec<usize> = (0..self.names.len()).filter(|index| matches(&self.names[*index])).collect();
        match found.len() {
            0 => Err(self.not_found(name)),
            1 => found.into_iter().map(|index| self.take_socket(index)).collect(),
            _ if expected == Expected::All => {
                found.into_iter().map(|index| self.take_socket(index)).collect()
            }
            count => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "systemd passes {count} sockets where one is expected: name one of {}",
                    self.names_left()
                ),
            )),
        }
    }

    fn take_socket(&mut self, index: usize) -> io::Result<FcgiListener> {
        let name = self.names[index].take().unwrap_or_default();
        // ListenFd takes a socket only as one of these types; `descriptor::listener` checks the rest.
        let tcp = self.fds.take_tcp_listener(index).map(|tcp| tcp.map(OwnedFd::from));
        let fd = match tcp {
            Err(_) => self.fds.take_unix_listener(index).map(|unix| unix.map(OwnedFd::from)),
            taken => taken,
        };
        let error = |kind: &dyn fmt::Display| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "systemd's socket {name:?} is {kind}: its .socket unit needs a ListenStream=, and must not have \
                     Accept=yes"
                ),
            )
        };
        match fd {
            Ok(Some(fd)) => descriptor::listener(fd).map_err(|kind| error(&kind)),
            Ok(None) => Err(error(&"taken already")),
            Err(_) => Err(error(&"neither a TCP nor a unix stream socket")),
        }
    }

    fn not_found(&self, name: Option<&str>) -> io::Error {
        let text = match name {
            _ if self.names.iter().all(Option::is_none) => {
                "systemd's sockets are all taken already".to_owned()
            }
            Some(name) => format!("systemd passes no socket named {name:?}, but {}", self.names_left()),
            None => "systemd passes no socket".to_owned(),
        };
        io::Error::new(io::ErrorKind::NotFound, text)
    }

    /// The addresses of the sockets that are not taken yet.
    fn names_left(&self) -> String {
        let names: Vec<String> = self.names.iter().flatten().map(|name| format!("systemd:{name}")).collect();
        names.join(", ")
    }
}

/// The names of the sockets. A socket without a name is called `unknown`, as in systemd.
fn socket_names(names: Option<&str>, count: u16) -> Vec<Option<String>> {
    let given = names.unwrap_or_default().split(':').filter(|name| !name.is_empty());
    let unknown = std::iter::repeat("unknown");
    given.chain(unknown).take(count.into()).map(|name| Some(name.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_socket_has_a_name() {
        let names =
            |given, count| socket_names(given, count).into_iter().flatten().collect::<Vec<_>>().join(" ");
        assert_eq!(names(Some("web:admin"), 2), "web admin");
        assert_eq!(names(Some("web"), 2), "web unknown");
        assert_eq!(names(Some("web:admin"), 1), "web");
        assert_eq!(names(Some(""), 1), "unknown");
        assert_eq!(names(None, 2), "unknown unknown");
    }
}
