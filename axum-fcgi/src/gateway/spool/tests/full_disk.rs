//! A disk without room.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

use axum::body::Body;
use axum::extract::Request;
use axum::http::HeaderMap;
use futures_util::stream;
use http_body_util::BodyExt as _;
use tempfile::TempDir;

use super::super::{Buffering, CollectError, SpoolError, buffer_response, collect};
use super::pattern;

/// Set in the process that has no room.
const DIRECTORY: &str = "AXUM_FCGI_TEST_FULL_DISK";
const KIB: usize = 1024;

/// The limit on file sizes applies to a whole process, so the test runs itself again in a new one.
#[test]
fn a_file_at_its_size_limit_is_an_error() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return without_room(Path::new(&directory));
    }
    // In blocks of 512 bytes. Without the trap, the signal would end the process.
    run_again(
        "a_file_at_its_size_limit_is_an_error",
        &["sh", "-c", "trap '' XFSZ && ulimit -f 128 && exec \"$@\"", "sh"],
    );
}

/// Needs a mount namespace; the test above does not.
#[test]
fn a_full_disk_is_an_error() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        return without_room(Path::new(&directory));
    }
    let mount = format!("mount -t tmpfs -o size=64k none \"${DIRECTORY}\" && exec \"$@\"");
    let ways: [&[&str]; 2] = [&["unshare", "-m"], &["unshare", "-r", "-m"]];
    let works = |way: &&[&str]| {
        let mut command = Command::new(way[0]);
        command.args(&way[1..]).args(["mount", "-t", "tmpfs", "none", "/mnt"]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let Some(way) = ways.into_iter().find(works) else {
        assert!(std::env::var_os("CI").is_none(), "no mount namespace, and CI is set");
        println!("ignored: no mount namespace");
        return;
    };
    run_again("a_full_disk_is_an_error", &[way, &["sh", "-c", &mount, "sh"]].concat());
}

fn run_again(name: &str, by: &[&str]) {
    let directory = TempDir::new().unwrap();
    let module = module_path!().split_once("::").unwrap().1;
    let output = Command::new(by[0])
        .args(&by[1..])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", &format!("{module}::{name}")])
        .env(DIRECTORY, directory.path())
        .output()
        .unwrap();
    let [text, errors] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(output.status.success() && text.contains("1 passed"), "{text}{errors}");
}

/// A request fails with an error that names the directory. A response is delivered.
fn without_room(directory: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let buffering = Buffering::default().with_directory(directory);
        let chunks = || {
            let chunks: Vec<_> =
                (0..100).map(|at| Ok::<_, io::Error>(pattern(at * 10 * KIB, 10 * KIB))).collect();
            Body::from_stream(stream::iter(chunks))
        };
        let mut request = Request::new(chunks());
        let error = collect(&mut request, &buffering, None).await.unwrap_err();
        let CollectError::Spool(SpoolError::Io { operation: "writing", directory: named, .. }) = &error
        else {
            panic!("{error:?}")
        };
        assert_eq!(named, directory);
        drop(request);

        let response = buffer_response(chunks(), &HeaderMap::new(), &buffering, None, super::no_request());
        // The task writes until there is no room.
        while buffering.used_files() < 64 * KIB as u64 {
            tokio::task::yield_now().await;
        }
        assert_eq!(response.collect().await.unwrap().to_bytes(), pattern(0, 1000 * KIB));
        while (buffering.used_memory(), buffering.used_files()) != (0, 0) {
            tokio::task::yield_now().await;
        }
    });
}
