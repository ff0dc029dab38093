//! The client, in memory and with paused time: against this crate's server (`loopback`), and against applications that are
//! scripted record by record (`scripted`).

mod loopback;
mod scripted;

mod abandoned;
mod aborts;
mod balance;
mod connecting;
mod faults;
mod multiplex;
mod operator_log;
mod panics;
mod pool;
mod pool_stats;
mod probes;
mod ready_check;
mod requests;
mod responses;
mod reuse;
mod shared_pool;
mod spans;
mod trials;
