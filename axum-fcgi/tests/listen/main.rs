//! Where web servers connect: addresses, bound and inherited sockets, and allow-lists.

mod allow;
mod auto;
mod child;
mod exposed;
mod log;
#[cfg(feature = "systemd-notify")]
mod notify;
mod several;
mod stdin;
mod systemd;
mod tcp;
mod threads;
mod unix;
#[path = "../serve/wire.rs"]
mod wire;
