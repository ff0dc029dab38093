//! The driver of a connection, in memory and with paused time: I/O, timeouts, cancellation, bodies, failures.
//!
//! `wire` is the transport and `web_server` its other end; `records` and `answers` are the bytes in either direction,
//! `handlers` and `scripted` the services. The other modules are the tests, by subject.

mod handlers;
mod records;
mod reserving;
mod responses;
mod scripted;
mod web_server;
mod wire;

mod abort;
mod backpressure;
mod bodies;
mod body_bounds;
mod chunking;
mod disconnect;
mod early_responses;
mod error_log;
mod filter;
mod hostile;
mod incomplete_responses;
mod keep_conn;
mod linger;
mod logging;
mod management;
mod mapping;
mod multiplex;
mod operator_log;
mod panics;
mod parallel;
mod readiness;
mod roles;
mod shutdown;
mod stats;
mod stderr;
mod timeouts;
mod tower_limits;
mod unwritten;
mod upgrades;
mod writes;
