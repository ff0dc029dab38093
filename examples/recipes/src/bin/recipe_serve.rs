//! README.md's first snippet.

include!(concat!(env!("OUT_DIR"), "/serve.rs"));

fn place(variable: &str) -> String {
    std::env::var(variable).expect("the test says where the socket is")
}
