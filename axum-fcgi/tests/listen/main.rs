//! Where web servers connect: addresses, bound and inherited sockets, and allow-lists.

mod allow_listener;
mod child;
mod exposure;
mod inherited;
mod listeners;
mod log;
#[cfg(feature = "systemd-notify")]
mod notify;
mod stdin;
mod systemd;
mod tcp;
mod threads;
mod unix;
#[path = "../serve/wire.rs"]
mod wire;
