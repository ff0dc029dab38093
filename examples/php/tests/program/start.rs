//! What the program finds, and what it says when something is missing.

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::process::{Command, Stdio};

use test_support::{PhpFpm, Result, get};

use crate::site::{Program, directory};

const USER: &str = "<?php echo posix_geteuid();";

/// The user and group `nobody`.
const NOBODY: u32 = 65_534;

pub(crate) fn owner() -> Result {
    let site = directory(&[("user.php", USER)])?;
    let root = rustix::process::geteuid().is_root();
    if root {
        chown(site.path(), Some(NOBODY), Some(NOBODY))?;
    }
    let program = Program::start(site.path(), &["--fpm", "own"])?;
    let expected = if root { NOBODY } else { rustix::process::geteuid().as_raw() };
    assert_eq!(get(program.port, "/user.php")?.body, expected.to_string());
    Ok(())
}

pub(crate) fn not_root() -> Result {
    let site = directory(&[("user.php", USER)])?;
    let program = Program::start(site.path(), &["--fpm", "own"])?;
    let user = get(program.port, "/user.php")?.body;
    assert!(user.parse::<u32>()? > 0, "{user}");
    Ok(())
}

/// Static files, index files, the front controller, and what is never sent.
pub(crate) fn site() -> Result {
    let site = directory(&[
        ("index.php", "<?php echo 'index of ', $_SERVER['REQUEST_URI'];"),
        ("style.css", "li {}"),
        ("docs/index.html", "<p>Docs</p>"),
        (".env", "SECRET=1"),
        ("data/pages/start.txt", "SECRET=2"),
        ("data/run.php", "SECRET=3"),
        ("docs/run.php", "SECRET=4"),
        ("fails.php", "<?php error_log('a message'); http_response_code(500); echo 'failed';"),
    ])?;
    let program = Program::start(site.path(), &["--fpm", "own"])?;
    for (path, status, body) in [
        ("/", 200, "index of /"),
        ("/2026/11/a-post/?page=2", 200, "index of /2026/11/a-post/?page=2"),
        ("/style.css", 200, "li {}"),
        ("/docs/", 200, "<p>Docs</p>"),
        ("/fails.php", 500, "failed"),
        ("/.env", 404, ""),
    ] {
        let answer = get(program.port, path)?;
        assert_eq!((answer.status, &*answer.body), (status, body), "{path}: {}", answer.head);
    }
    assert_eq!(get(program.port, "/data/run.php")?.body, "SECRET=3");
    drop(program);
    let denied = ["--deny", "/data", "--deny", "*.css", "--deny-scripts", "/docs"];
    let options = [&["--fpm", "own", "--no-front-controller"], &denied[..]].concat();
    let program = Program::start(site.path(), &options)?;
    for path in
        ["/data/pages/start.txt", "/data/run.php", "/data/run.php/x", "/data/", "/style.css", "/docs/run.php"]
    {
        assert_eq!(get(program.port, path)?.status, 404, "{path}");
    }
    for path in
        ["/%64ata/run.php", "//data/run.php", "/data%2frun.php", "/./data/run.php", "/docs/../data/run.php"]
    {
        assert!(matches!(get(program.port, path)?.status, 400 | 404), "{path}");
    }
    assert_eq!(get(program.port, "/2026/11/a-post/")?.status, 404);
    assert_eq!(get(program.port, "/index.php")?.body, "index of /index.php");
    assert_eq!(get(program.port, "/docs/")?.body, "<p>Docs</p>");
    Ok(())
}

/// One php-fpm serves two programs, and stays.
pub(crate) fn running() -> Result {
    let site = directory(&[("index.php", "Hello!")])?;
    let files = tempfile::tempdir()?;
    let fpm = PhpFpm::start(&PhpFpm::find()?, files.path(), 2, "")?;
    let address = format!("unix:{}", fpm.socket().display());
    for _ in 0..2 {
        let mut program = Program::start(site.path(), &["--fpm", &address])?;
        assert_eq!(program.socket, fpm.socket());
        assert_eq!(get(program.port, "/")?.body, "Hello!");
        assert!(program.process.terminate()?.success());
    }
    Ok(())
}

pub(crate) fn errors() -> Result {
    let site = directory(&[("index.php", "Hello!")])?;
    let path = site.path().to_str().ok_or("not UTF-8")?;
    let taken = TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    for (arguments, error) in [
        (&["no-such-directory"][..], "php: no-such-directory: No such file or directory"),
        (&[path, "--listen", &address], "Address already in use"),
        (&[path, "--listen", "127.0.0.1:0", "--fpm", "fd:0"], "cannot connect to fd:0"),
        (&[path, "--listen", "8080"], "invalid socket address"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_php")).args(arguments).stdin(Stdio::null()).output()?;
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && text.contains(error), "{arguments:?}: {text}");
    }
    Ok(())
}
