//! php.md's recipes in front of php-fpm.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use test_support::{PhpFpm, Process, Result, ask, get};

pub(crate) fn recipes(program: &Path) -> Result {
    let directory = tempfile::tempdir()?;
    let path = directory.path();
    for name in ["site", "files"] {
        fs::create_dir(path.join(name))?;
    }
    fs::write(path.join("files/report.pdf"), "0123456789")?;
    for (name, script) in [
        ("index.php", "a page"),
        ("fails.php", "<?php http_response_code(500); header('X-Own: 1'); echo 'the reason';"),
        ("missing.php", "<?php http_response_code(404); echo 'our own 404';"),
        ("report.php", "<?php header('X-Accel-Redirect: /protected/report.pdf');"),
    ] {
        fs::write(path.join("site").join(name), script)?;
    }
    let mut fpm = PhpFpm::start(program, path, 2, "")?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_recipe_php_layers"));
    command.env("SOCKET", fpm.socket()).env("SITE", path.join("site")).env("FILES", path.join("files"));
    let mut router = Process::start(command.stdout(Stdio::piped()), || true)?;
    let mut port = String::new();
    BufReader::new(router.child().stdout.take().ok_or("stdout is not piped")?).read_line(&mut port)?;
    let port = port.trim_end().parse()?;

    const SORRY: &str = "<!DOCTYPE html><title>Sorry</title><p>Please try again later.";
    for (path, status, body) in [
        ("/", 200, "a page"),
        ("/missing.php", 404, "our own 404"),
        ("/fails.php", 500, SORRY),
        ("/report.php", 200, "0123456789"),
    ] {
        let answer = get(port, path)?;
        assert_eq!((answer.status, &*answer.body), (status, body), "{path}");
        assert!(!answer.head.contains("x-powered-by") && !answer.head.contains("x-own"), "{}", answer.head);
    }
    let part = ask(port, "GET", "/report.php", "Range: bytes=2-4\r\n", "")?;
    assert_eq!((part.status, &*part.body), (206, "234"));
    let headers = format!("Expect: 100-continue\r\nContent-Length: {}\r\n", (64 << 20) + 1);
    assert_eq!(ask(port, "POST", "/", &headers, "")?.status, 413);
    // Without PHP, the response is the gateway's.
    fpm.stop();
    let answer = get(port, "/")?;
    assert_eq!((answer.status, &*answer.body), (502, SORRY), "{}", answer.head);
    Ok(())
}
