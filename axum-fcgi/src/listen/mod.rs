//! Listening sockets: addresses, sockets that the process binds or inherits, and who may connect. All but TCP needs Unix.

mod address;
mod allow_listener;
mod allowed_peer;
mod bind;
#[cfg(unix)]
mod descriptor;
mod error;
mod exposure;
mod fcgi_addr;
#[cfg(unix)]
mod folder;
#[cfg(unix)]
mod id_or_name;
#[cfg(unix)]
mod inherited;
mod listener;
mod listeners;
mod local_addresses;
#[cfg(unix)]
mod path_lock;
#[cfg(unix)]
mod socket_file;
#[cfg(unix)]
mod stale;
#[cfg(unix)]
mod stdin;
mod stream;
#[cfg(unix)]
mod systemd;
#[cfg(unix)]
mod unix;

pub use self::address::{Address, AddressError, AddressErrorKind};
pub use self::allow_listener::AllowListener;
pub use self::allowed_peer::{AllowedPeer, PeerIp};
#[cfg(unix)]
pub(crate) use self::error::about;
pub(crate) use self::exposure::warn_if_exposed;
pub use self::fcgi_addr::FcgiAddr;
#[cfg(unix)]
pub use self::id_or_name::IdOrName;
#[cfg(unix)]
pub(crate) use self::inherited::{Source, inherited};
pub use self::listener::FcgiListener;
pub use self::listeners::Listeners;
pub(crate) use self::local_addresses::local_addresses;
#[cfg(unix)]
pub(crate) use self::stdin::release as release_stdin;
pub use self::stream::FcgiStream;
#[cfg(unix)]
pub(crate) use self::systemd::{Expected, names_left as systemd_sockets_left};
#[cfg(unix)]
pub use self::unix::UnixSocket;
