//! What the compiler says about a service that cannot be served, and about a setting that is made twice.
//!
//! Each file in `snippets` is compiled against this crate. Its lines that start with `//~` are texts of the compiler's
//! messages; without one, it must compile. Only our own texts are compared: the rest differs between compilers.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// Compiles, so it shows that the libraries were found.
const CORRECT: &str = "own_connect_info_fixed.rs";

/// The files of the libraries that snippets use.
struct Libraries {
    axum: PathBuf,
    axum_fcgi: PathBuf,
    tokio: PathBuf,
}

#[test]
fn messages_say_what_to_pass() {
    let snippets = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_errors/snippets");
    let libraries = Libraries::find(&snippets.join(CORRECT));
    let mut compiled = 0;
    for snippet in fs::read_dir(snippets).unwrap() {
        let snippet = snippet.unwrap().path();
        let source = fs::read_to_string(&snippet).unwrap();
        let expected: Vec<&str> = source.lines().filter_map(|line| line.strip_prefix("//~ ")).collect();
        match libraries.compile(&snippet) {
            Ok(()) => assert!(expected.is_empty(), "{} compiles", snippet.display()),
            Err(messages) => {
                assert!(!expected.is_empty(), "{} does not compile:\n{messages}", snippet.display());
                for text in expected {
                    assert!(messages.contains(text), "{}: {text:?} is not in\n{messages}", snippet.display());
                }
            }
        }
        compiled += 1;
    }
    assert_eq!(compiled, 9, "the number of snippets");
}

impl Libraries {
    /// Finds the libraries beside this test. Builds with other features leave some there that do not fit together, so
    /// this takes the newest that compile `correct`. Asking Cargo would build them again with features of its own.
    fn find(correct: &Path) -> Self {
        let (axum, tokio) = (newest_first("axum"), newest_first("tokio"));
        let axum_fcgi = newest_first("axum_fcgi").into_iter().next().expect("this crate was built");
        let mut messages = String::new();
        for axum in axum {
            for tokio in &tokio {
                let found = Self { axum: axum.clone(), axum_fcgi: axum_fcgi.clone(), tokio: tokio.clone() };
                match found.compile(correct) {
                    Ok(()) => return found,
                    Err(error) => messages = error,
                }
            }
        }
        panic!("no libraries fit together:\n{messages}");
    }

    /// Compiles a snippet as a library. The error is the compiler's messages.
    fn compile(&self, snippet: &Path) -> Result<(), String> {
        let out = tempfile::tempdir().unwrap();
        let mut rustc = Command::new(env::var_os("RUSTC").unwrap_or("rustc".into()));
        rustc.args(["--edition", "2024", "--crate-type", "lib", "--emit", "metadata", "--out-dir"]);
        rustc.arg(out.path()).arg(snippet).arg("-L").arg(format!("dependency={}", directory().display()));
        for (name, file) in [("axum", &self.axum), ("axum_fcgi", &self.axum_fcgi), ("tokio", &self.tokio)] {
            rustc.arg("--extern").arg(format!("{name}={}", file.display()));
        }
        let output = rustc.output().unwrap();
        let messages = || String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(messages()) }
    }
}

/// Where Cargo puts libraries and tests.
fn directory() -> PathBuf {
    env::current_exe().unwrap().parent().unwrap().to_owned()
}

/// The files of a library, the newest one first.
fn newest_first(library: &str) -> Vec<PathBuf> {
    let prefix = format!("lib{library}-");
    let mut found = Vec::new();
    for file in fs::read_dir(directory()).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        if name.starts_with(&prefix) && name.ends_with(".rlib") {
            found.push((file.metadata().unwrap().modified().unwrap(), file.path()));
        }
    }
    found.sort();
    found.into_iter().rev().map(|(_, path)| path).collect()
}
