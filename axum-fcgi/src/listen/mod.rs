//! Listening sockets: addresses, sockets that the process binds or inherits, and who may connect.

mod address;
mod allow_listener;
mod allowed_peer;
#[cfg(feature = "gateway")]
mod application_stream;
mod bind;
mod descriptor;
mod error;
mod exposure;
mod fcgi_addr;
mod folder;
mod id_or_name;
mod inherited;
mod listener;
mod listeners;
mod local_addresses;
mod path_lock;
mod socket_file;
mod stale;
mod stdin;
mod stream;
mod systemd;
mod unix;

pub use self::address::{Address, AddressError, AddressErrorKind};
pub use self::allow_listener::AllowListener;
pub use self::allowed_peer::{AllowedPeer, PeerIp};
#[cfg(feature = "gateway")]
pub use self::application_stream::ApplicationStream;
pub(crate) use self::error::about;
pub(crate) use self::exposure::warn_if_exposed;
pub use self::fcgi_addr::FcgiAddr;
pub use self::id_or_name::IdOrName;
pub(crate) use self::inherited::{Source, inherited};
pub use self::listener::FcgiListener;
pub use self::listeners::Listeners;
pub(crate) use self::local_addresses::local_addresses;
pub(crate) use self::stdin::release as release_stdin;
pub use self::stream::FcgiStream;
pub(crate) use self::systemd::{Expected, names_left as systemd_sockets_left};
pub use self::unix::UnixSocket;
