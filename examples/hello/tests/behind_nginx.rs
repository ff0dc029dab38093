//! The example as it is: the program, and nginx with the configuration beside it.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use libtest_mimic::{Arguments, Failed, Trial};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

fn main() {
    let arguments = Arguments::from_args();
    let nginx = nginx();
    // Where a missing nginx is a mistake, a test that is ignored would hide it.
    let ignored = nginx.is_none() && env::var_os("CI").is_none();
    let trial = Trial::test("hello_is_served_behind_nginx", move || {
        let nginx = nginx.ok_or("nginx is not installed")?;
        hello(&nginx).map_err(|error| Failed::from(error.to_string()))
    });
    let trial =
        trial.with_ignored_flag(ignored).with_kind(if ignored { "nginx is not installed" } else { "" });
    libtest_mimic::run(&arguments, vec![trial]).exit();
}

fn hello(nginx: &Path) -> Result<()> {
    let dir = Dir::new()?;
    let socket = dir.0.join("app.sock");
    let _app = Process(Command::new(env!("CARGO_BIN_EXE_hello")).arg(&socket).spawn()?);
    wait_for("the application's socket", || socket.exists())?;

    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let config = include_str!("../nginx.conf")
        .replace("127.0.0.1:8080", &format!("127.0.0.1:{port}"))
        .replace("unix:app.sock", &format!("unix:{}", socket.display()));
    // Only root may, and must, say who the workers are.
    let user = if fs::metadata("/proc/self")?.uid() == 0 { "user root;\n" } else { "" };
    fs::write(dir.0.join("nginx.conf"), user.to_owned() + &config)?;
    let _nginx = Process(
        Command::new(nginx)
            .arg("-e")
            .arg("stderr")
            .arg("-p")
            .arg(&dir.0)
            .args(["-c", "nginx.conf"])
            .spawn()?,
    );
    wait_for("nginx", || TcpStream::connect(("127.0.0.1", port)).is_ok())?;

    for (path, status, body) in [
        ("/", "200 OK", "Hello, World!\n"),
        ("/hello/J%C3%BCrgen", "200 OK", "Hello, J\u{fc}rgen!\n"),
        ("/nowhere", "404 Not Found", ""),
    ] {
        let answer = get(port, path)?;
        let (head, text) = answer.split_once("\r\n\r\n").ok_or("an answer without a head")?;
        assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{path}: {head}");
        assert_eq!(text, body, "{path}");
    }
    Ok(())
}

fn get(port: u16, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn nginx() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let places = env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/local/sbin".into()]);
    places.map(|place| place.join("nginx")).find(|file| file.is_file())
}

/// Neither program tells when it is ready, so it is asked; the limit is there to turn a hang into a failure.
fn wait_for(what: &str, ready: impl Fn() -> bool) -> Result<()> {
    let start = Instant::now();
    while !ready() {
        if start.elapsed() > Duration::from_secs(60) {
            return Err(format!("{what} did not come up").into());
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// Ended with the test, by its process id.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM: the program and nginx remove what they made.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

struct Dir(PathBuf);

impl Dir {
    fn new() -> Result<Self> {
        let path = env::temp_dir().join(format!("hello-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
