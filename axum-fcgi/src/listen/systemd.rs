//! The sockets that systemd passes.

use std::env::{self, VarError};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Mutex, PoisonError};

use listenfd::ListenFd;

use super::descriptor;
use super::listener::FcgiListener;

/// How many sockets are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expected {
    One,
    All,
}

/// Why there are none.
#[derive(Debug)]
pub(super) enum NotPassed {
    NotSet,
    Unreadable(&'static str),
    ForAnother { theirs: u32 },
}

impl fmt::Display for NotPassed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSet => f.write_str("LISTEN_FDS is not set"),
            Self::Unreadable(name) => write!(f, "{name} is no number"),
            Self::ForAnother { theirs } => {
                write!(
                    f,
                    "LISTEN_FDS is for process {theirs} (LISTEN_PID), and this is {}",
                    std::process::id()
                )
            }
        }
    }
}

impl From<NotPassed> for io::Error {
    fn from(absent: NotPassed) -> Self {
        Self::new(
            io::ErrorKind::NotFound,
            format!(
                "systemd passes no socket: {absent}; start the program from a .service unit that has a .socket \
                 unit, or try it with systemd-socket-activate"
            ),
        )
    }
}

/// What is left of the sockets that were passed.
struct Passed {
    fds: ListenFd,
    /// By the number of the socket; `None` once it is taken.
    names: Vec<Option<String>>,
}

/// Read from the environment once, since `ListenFd` removes it from there.
static PASSED: Mutex<Option<Passed>> = Mutex::new(None);

/// Takes the sockets of a name, or all; the outer error is that none was passed to this process.
///
/// With [`Want::One`] several are an error, and are not taken.
pub(super) fn take(name: Option<&str>, want: Expected) -> Result<io::Result<Vec<FcgiListener>>, NotPassed> {
    let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
    if passed.is_none() {
        *passed = Some(Passed::from_env()?);
    }
    passed.as_mut().map(|passed| passed.take(name, want)).ok_or(NotPassed::NotSet)
}

impl Passed {
    fn from_env() -> Result<Self, NotPassed> {
        let number = |name| match env::var(name) {
            Err(VarError::NotPresent) => Ok(None),
            Ok(value) if value.is_empty() => Ok(None),
            Ok(value) => value.parse::<u32>().map(Some).map_err(|_| NotPassed::Unreadable(name)),
            Err(VarError::NotUnicode(_)) => Err(NotPassed::Unreadable(name)),
        };
        let count = number("LISTEN_FDS")?.filter(|count| *count > 0).ok_or(NotPassed::NotSet)?;
        // Variables are inherited further than descriptors. Without LISTEN_PID, as systemfd has it for a
        // program that is started through others, they are for everyone.
        if let Some(theirs) = number("LISTEN_PID")?
            && theirs != std::process::id()
        {
            return Err(NotPassed::ForAnother { theirs });
        }
        // Not even the system's own limit on descriptors is as high.
        let count = u16::try_from(count).map_err(|_| NotPassed::Unreadable("LISTEN_FDS"))?;
        let names = names(env::var("LISTEN_FDNAMES").ok().as_deref(), count);
        Ok(Self { fds: ListenFd::from_env(), names })
    }

    fn take(&mut self, name: Option<&str>, want: Expected) -> io::Result<Vec<FcgiListener>> {
        let left = |given: &Option<String>| {
            given.as_deref().is_some_and(|given| name.is_none_or(|name| name == given))
        };
        let found: Vec<usize> = (0..self.names.len()).filter(|at| left(&self.names[*at])).collect();
        match found.len() {
            0 => Err(self.none(name)),
            1 => found.into_iter().map(|at| self.socket(at)).collect(),
            _ if want == Expected::All => found.into_iter().map(|at| self.socket(at)).collect(),
            count => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("systemd passes {count} sockets where one is asked for: {}", self.listed()),
            )),
        }
    }

    fn socket(&mut self, at: usize) -> io::Result<FcgiListener> {
        let name = self.names[at].take().unwrap_or_default();
        // Of two kinds here; what it is in detail is looked at once it is ours.
        let tcp = self.fds.take_tcp_listener(at).map(|tcp| tcp.map(OwnedFd::from));
        let fd = match tcp {
            Err(_) => self.fds.take_unix_listener(at).map(|unix| unix.map(OwnedFd::from)),
            taken => taken,
        };
        let unfit = |what: &dyn fmt::Display| {
            io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "systemd's socket {name:?} is {what}: its .socket unit needs a ListenStream=, and not Accept=yes"
                ),
            )
        };
        match fd {
            Ok(Some(fd)) => descriptor::listener(fd).map_err(|what| unfit(&what)),
            Ok(None) => Err(unfit(&"taken already")),
            Err(_) => Err(unfit(&"neither of TCP nor a unix stream")),
        }
    }

    fn none(&self, name: Option<&str>) -> io::Error {
        let text = match name {
            _ if self.names.iter().all(Option::is_none) => {
                "systemd's sockets are all taken already".to_owned()
            }
            Some(name) => format!("systemd passes no socket named {name:?}, but {}", self.listed()),
            None => "systemd passes no socket".to_owned(),
        };
        io::Error::new(io::ErrorKind::NotFound, text)
    }

    /// The names of those that are left.
    fn listed(&self) -> String {
        let names: Vec<String> = self.names.iter().flatten().map(|name| format!("systemd:{name}")).collect();
        names.join(", ")
    }
}

/// A name for each socket: `unknown`, as systemd has it, where there is none.
fn names(names: Option<&str>, count: u16) -> Vec<Option<String>> {
    let given = names.unwrap_or_default().split(':').filter(|name| !name.is_empty());
    let unknown = std::iter::repeat("unknown");
    given.chain(unknown).take(count.into()).map(|name| Some(name.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_socket_has_a_name() {
        let names = |given, count| names(given, count).into_iter().flatten().collect::<Vec<_>>().join(" ");
        assert_eq!(names(Some("web:admin"), 2), "web admin");
        assert_eq!(names(Some("web"), 2), "web unknown");
        assert_eq!(names(Some("web:admin"), 1), "web");
        assert_eq!(names(Some(""), 1), "unknown");
        assert_eq!(names(None, 2), "unknown unknown");
    }
}
