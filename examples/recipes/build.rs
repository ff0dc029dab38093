//! Extracts the Rust code blocks from the documents, so that the programs in `src/bin` are the code that readers copy.
//!
//! A value that the reader chooses, such as the socket's path, becomes an environment variable.

use std::path::Path;
use std::{env, fs};

const README: &str = "../../README.md";
const PHP: &str = "../../axum-fcgi/src/php.md";
const DEPLOYMENT: &str = "../../axum-fcgi/src/deployment.md";

fn main() {
    let [serve, serve_auto, php] = snippets(README);
    let [backlog] = snippets(DEPLOYMENT);
    let socket = "place(\"SOCKET\")";
    write("serve", &serve, &[("\"/run/app/fcgi.sock\"", socket)]);
    write("serve_auto", &serve_auto, &[]);
    let places = [("\"/run/php/php-fpm.sock\"", socket), ("\"/srv/shop\"", "place(\"SITE\")")];
    write("php", &format!("{{ {php}\nlisten(router).await }}"), &places);
    // Rustdoc compiles these lines but does not show them.
    let lines: Vec<_> = backlog.lines().map(|line| line.strip_prefix("# ").unwrap_or(line)).collect();
    let [hide, error_page, files, uploads] = snippets(PHP);
    write("php_hide", &hide, &[]);
    write("php_error_page", &error_page, &[]);
    write("php_files", &files, &[("\"/srv/files\"", "crate::place(\"FILES\")")]);
    write("php_uploads", &uploads, &[]);
    write("backlog", &lines.join("\n"), &[("9000", "port()")]);
}

/// Returns the Rust code blocks of a document. Fails if their number is not `N`.
fn snippets<const N: usize>(path: &str) -> [String; N] {
    println!("cargo::rerun-if-changed={path}");
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if matches!(line, "```rust" | "```no_run") {
            let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push(block.join("\n"));
        }
    }
    let count = found.len();
    found.try_into().unwrap_or_else(|_| panic!("{path} has {count} Rust code blocks, but {N} are tested"))
}

fn write(name: &str, snippet: &str, places: &[(&str, &str)]) {
    let mut program = snippet.to_owned();
    for (place, expression) in places {
        assert!(program.contains(place), "the code block {name} does not contain {place}");
        program = program.replace(place, expression);
    }
    let out = env::var_os("OUT_DIR").expect("cargo sets it");
    let path = Path::new(&out).join(name).with_extension("rs");
    fs::write(&path, program).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
