//! `axum_fcgi::serve` without a web server: services, listeners, shutdown, and failures of the system or of a
//! peer.

mod accept;
mod bounds;
#[cfg(feature = "gateway")]
mod buffering_events;
mod figures;
mod gone;
mod grace;
mod http_upgrades;
mod in_memory;
mod lengths;
mod like_http;
#[path = "../listen/log.rs"]
mod log;
mod make_services;
mod operator_log;
mod readiness;
mod request_events;
mod roles;
mod settings_order;
mod shutdown;
mod stats;
mod types;
mod web_sockets;
mod wire;
