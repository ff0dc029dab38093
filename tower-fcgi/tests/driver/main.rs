//! The driver of a connection, in memory and with paused time: I/O, timeouts, cancellation, bodies, failures.
//!
//! `wire` is the transport and `web_server` its other end; `records` and `answers` are the bytes in either direction,
//! `handlers` and `scripted` the services. The other modules are the tests, by subject.

mod answers;
mod handlers;
mod records;
mod reserving;
mod scripted;
mod web_server;
mod wire;

mod abort;
mod back_pressure;
mod bodies;
mod body_bounds;
mod chunking;
mod closing;
mod cut_off;
mod disconnect;
mod early_answers;
mod error_log;
mod filter;
mod hostile;
mod keep_conn;
mod logging;
mod management;
mod mapping;
mod multiplex;
mod panics;
mod parallel;
mod readiness;
mod roles;
mod shutdown;
mod stderr;
mod timeouts;
mod tower_limits;
mod unwritten;
mod writes;
