//! `axum_fcgi::serve` without a web server: what can be served, on which listeners, how it stops, and what
//! happens when the system or a peer does not cooperate.

mod accept;
mod bounds;
mod figures;
mod gone;
mod grace;
mod in_memory;
#[path = "../listen/log.rs"]
mod log;
mod readiness;
mod roles;
mod shutdown;
mod types;
mod wire;
