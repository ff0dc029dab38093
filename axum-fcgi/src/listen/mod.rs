//! Where web servers connect: addresses, the sockets that a process binds or was born with, and who may come in.

mod address;
mod admitted;
mod allow;
mod auto;
mod descriptor;
mod error;
mod exposed;
mod fcgi_addr;
mod id_or_name;
mod listener;
mod networks;
mod path_lock;
mod several;
mod socket_file;
mod stale;
mod stdin;
mod stream;
mod systemd;
mod unix;

pub use self::address::{Address, AddressError};
pub use self::admitted::{AllowedPeer, PeerIp};
pub use self::allow::AllowListener;
pub(crate) use self::auto::inherited;
pub(crate) use self::error::about;
pub(crate) use self::exposed::warn_if_exposed;
pub use self::fcgi_addr::FcgiAddr;
pub use self::id_or_name::IdOrName;
pub use self::listener::FcgiListener;
pub use self::networks::{AllowList, AllowListError};
pub use self::several::Listeners;
pub(crate) use self::stdin::release as release_stdin;
pub use self::stream::FcgiStream;
pub(crate) use self::systemd::Expected;
pub use self::unix::UnixSocket;
