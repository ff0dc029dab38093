//! Where web servers connect: addresses, sockets that are bound and sockets that a process is started with,
//! and who may come in.

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
