//! One request of a CGI program, in memory.

mod answers;
mod bodies;
mod endings;
mod program;
mod readiness;
mod streams;
