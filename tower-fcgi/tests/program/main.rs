//! Tests of `serve_cgi`, which serves one request, in memory.

mod answers;
mod bodies;
mod endings;
mod program;
mod readiness;
mod streams;
mod upgrades;
