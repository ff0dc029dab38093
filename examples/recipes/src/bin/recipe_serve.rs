//! README.md's first code block.

include!(concat!(env!("OUT_DIR"), "/serve.rs"));

fn place(variable: &str) -> String {
    std::env::var(variable).expect("the test sets the variable")
}
