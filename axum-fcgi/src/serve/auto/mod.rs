//! `serve_auto`: serves however the program was started.

mod addresses;
mod builder;
mod cgi;
mod detect;
mod exit_watchdog;
mod front_controllers;
mod hangup;
mod listener;
mod signals;
mod stdio;

pub use self::builder::{ServeAuto, serve_auto};
