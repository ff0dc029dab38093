//! README.md's first code block.

#[cfg(unix)]
include!(concat!(env!("OUT_DIR"), "/serve.rs"));

#[cfg(not(unix))]
include!("../needs_unix.rs");

#[cfg(unix)]
fn place(variable: &str) -> String {
    std::env::var(variable).expect("the test sets the variable")
}
