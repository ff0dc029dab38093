//! Starts nginx on a port that is already bound.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use axum_fcgi::{FcgiListener, UnixSocket};
use tokio::net::TcpListener;

const CONFIG: &str = include_str!("../../../../examples/hello/nginx.conf");

/// The shell that waits for the end of its input, which is the end of this process, and then ends nginx. No descriptor but
/// these two is inherited: nginx takes the listening socket from its standard output (see NGINX in its source), so that
/// the test's first connection waits for it.
const SHELL: &str = "nginx=$1 directory=$2
\"$nginx\" -e stderr -p \"$directory\" -c \"$directory/nginx.conf\" </dev/null & pid=$!
exec >/dev/null
read -r _
kill -QUIT $pid; wait $pid
rm -r \"$directory\"";

/// The application's limits are tested, not nginx's.
const LIMITS: &str = "fastcgi_pass app; client_max_body_size 0;
    fastcgi_buffer_size 64k; fastcgi_buffers 8 64k; fastcgi_busy_buffers_size 128k;";

/// All shells: their standard input must stay open.
static RUNNING: Mutex<Vec<Child>> = Mutex::new(Vec::new());

/// Hands the listener over to nginx. The result is where nginx sends the requests.
///
/// # Panics
/// If nginx is not installed, or a file cannot be written.
#[must_use]
pub fn listen(listener: TcpListener) -> FcgiListener {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("behind-nginx-{}-{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let directory = env::temp_dir().join(name);
    fs::create_dir_all(&directory).unwrap();
    let socket = UnixSocket::new(directory.join("app.sock")).bind().unwrap();

    let addr = listener.local_addr().unwrap();
    let user = if is_root() { "user root;\n" } else { "" };
    let config = CONFIG
        .replace("unix:app.sock", &format!("unix:{}/app.sock", directory.display()))
        .replace("127.0.0.1:8080", &addr.to_string())
        .replace("fastcgi_pass app;", LIMITS);
    fs::write(directory.join("nginx.conf"), user.to_owned() + &config).unwrap();

    let mut command = Command::new("sh");
    command.args(["-c", SHELL, "sh"]).arg(nginx()).arg(&directory);
    command
        .env("NGINX", "1;")
        .stdin(Stdio::piped())
        .stdout(std::os::fd::OwnedFd::from(listener.into_std().unwrap()));
    if env::var_os("BEHIND_NGINX_LOG").is_none() {
        command.stderr(Stdio::null());
    }
    RUNNING.lock().unwrap().push(command.spawn().unwrap());
    socket
}

fn nginx() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut places =
        env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]).map(|place| place.join("nginx"));
    places.find(|program| program.is_file()).expect("nginx is installed")
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    Path::new("/proc/self").metadata().is_ok_and(|process| process.uid() == 0)
}
