//! A visitor, who follows redirects and keeps cookies, signs the guest book.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{env, fs};

use libtest_mimic::{Completion, Trial};
use tempfile::TempDir;
use test_support::{Process, Result, ask, free_port, get};

fn main() -> ExitCode {
    let must_run = env::var("CI").is_ok_and(|ci| ci == "true");
    test_support::run(vec![Trial::ignorable_test("a_guest_signs", move || match find() {
        Some(program) => {
            book(&program).map(|()| Completion::Completed).map_err(|error| error.to_string().into())
        }
        None if must_run => Err("php-fpm is not installed, and CI=true".into()),
        None => Ok(Completion::ignored_with("php-fpm is not installed: it is not in PATH or /usr/sbin")),
    })])
}

/// Finds php-fpm. Distributions add the version to its name.
fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
    let entries = directories.filter_map(|directory| fs::read_dir(directory).ok()).flatten();
    entries.filter_map(|entry| Some(entry.ok()?.path())).find(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let version = name.strip_prefix("php-fpm");
        version.is_some_and(|version| version.chars().all(|c| c.is_ascii_digit() || c == '.'))
            && path.is_file()
    })
}

/// Starts php-fpm with the example's configuration, but with another socket, log and user.
fn start_php(program: &Path, directory: &Path) -> Result<(Process, String)> {
    let socket = directory.join("php.sock");
    let place = socket.display().to_string();
    let config = include_str!("../php-fpm.conf")
        .replace("/tmp/php-example.sock", &place)
        .replace("/dev/stderr", &directory.join("error.log").display().to_string())
        .replace(
            "[www]\n",
            &format!("[www]\nuser = root\nphp_admin_value[session.save_path] = {}\n", directory.display()),
        );
    fs::write(directory.join("fpm.conf"), config)?;
    let mut command = Command::new(program);
    command.args(["--nodaemonize", "--allow-to-run-as-root", "--no-php-ini", "--fpm-config"]);
    command.arg(directory.join("fpm.conf")).stdin(Stdio::null()).stderr(Stdio::null());
    let process = Process::start(&mut command, || UnixStream::connect(&socket).is_ok())?;
    Ok((process, place))
}

fn book(program: &Path) -> Result {
    let directory = TempDir::new()?;
    let (_php, socket) = start_php(program, directory.path())?;
    let port = free_port()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_php"));
    command.env("LISTEN", format!("127.0.0.1:{port}")).env("PHP_SOCKET", socket);
    let _application = Process::start(&mut command, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;

    assert_eq!(get(port, "/")?.body, "The book is at /book/.");
    let bare = get(port, "/book")?;
    assert!(bare.status == 308 && bare.head.contains("location: /book/\r\n"), "{bare:?}");

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
