//! A visitor, who follows redirects and keeps cookies, signs the guest book.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, ExitCode};

use tempfile::TempDir;
use test_support::{PhpFpm, Process, Result, ask, free_port, get, needs};

fn main() -> ExitCode {
    test_support::run(vec![
        needs("a_guest_signs", PhpFpm::find(), |program| book(&program)),
        needs("one_of_two_php_fpm_stops", PhpFpm::find(), |program| two(&program)),
    ])
}

/// Starts php-fpm with the example's configuration, but with another socket, log and user.
fn start_php(program: &Path, directory: &Path) -> Result<PhpFpm> {
    let path = directory.display();
    let config = include_str!("../php-fpm.conf")
        .replace("/tmp/php-example.sock", &format!("{path}/socket"))
        .replace("/dev/stderr", &format!("{path}/error.log"))
        .replace("[www]\n", &format!("[www]\nuser = root\nphp_admin_value[session.save_path] = {path}\n"));
    PhpFpm::start_with(program, directory, &config)
}

fn book(program: &Path) -> Result {
    let directory = TempDir::new()?;
    let php = start_php(program, directory.path())?;
    let port = free_port()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_php"));
    command.env("LISTEN", format!("127.0.0.1:{port}")).env("PHP_SOCKET", php.socket());
    let _application = Process::start(&mut command, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;

    assert_eq!(get(port, "/")?.body, "The book is at /book/.");
    let bare = get(port, "/book")?;
    assert!(bare.status == 308 && bare.head.contains("location: ./book/\r\n"), "{bare:?}");

    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let signed = ask(port, "POST", "/book/", form, "name=Ann+%26+Bob")?;
    assert!(signed.status == 303 && signed.head.contains("location: /book/index.php\r\n"), "{signed:?}");
    let cookie = signed.head.lines().find_map(|line| line.strip_prefix("set-cookie: ")).ok_or("no cookie")?;
    let cookie = cookie.split(';').next().unwrap_or_default();

    let page = ask(port, "GET", "/book/index.php", &format!("Cookie: {cookie}\r\n"), "")?;
    assert!(page.body.contains("<p>Hello, 127.0.0.1.</p>"), "{page:?}");
    assert!(page.body.contains("<li>Ann &amp; Bob</li>"), "{page:?}");
    assert!(!get(port, "/book/")?.body.contains("<li>"), "another visitor sees the names");

    assert_eq!(get(port, "/book/style.css")?.body, include_str!("../site/style.css"));
    for path in ["/book/style.css/x.php", "/book/nothing.php", "/book/../Cargo.toml", "/book/.git"] {
        assert!(matches!(get(port, path)?.status, 400 | 404), "{path}");
    }
    Ok(())
}

fn two(program: &Path) -> Result {
    let directories = [TempDir::new()?, TempDir::new()?];
    let [mut first, mut second] =
        [start_php(program, directories[0].path())?, start_php(program, directories[1].path())?];
    let port = free_port()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_php-balanced"));
    command.env("LISTEN", format!("127.0.0.1:{port}"));
    command.env("PHP_SOCKET", first.socket()).env("PHP_SOCKET_2", second.socket());
    let _application = Process::start(&mut command, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
    let visit = || -> Result {
        for _ in 0..4 {
            let page = get(port, "/book/index.php")?;
            assert!(page.status == 200 && page.body.contains("<p>Hello, 127.0.0.1.</p>"), "{page:?}");
        }
        Ok(())
    };
    visit()?;
    first.stop();
    visit()?;
    first.restart()?;
    second.stop();
    visit()
}
