//! A web server: whether it is installed, and how it is started.

use std::env;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs::{self, File, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use libtest_mimic::{Completion, Trial};
use tempfile::TempDir;

use crate::fill::fill;
use crate::ports::free_port;
use crate::process::Process;
use crate::{Answer, Result, ask};

/// The web servers that speak FastCGI, and are packages of Debian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names say it")]
pub enum WebServer {
    Nginx,
    Apache,
    Lighttpd,
    Caddy,
    Haproxy,
    H2o,
}

impl WebServer {
    /// A test behind this web server. Where that is missing the test is ignored, and says so; with `CI=true` it fails.
    pub fn trial(self, name: &str, test: impl FnOnce(Installed) -> Result + Send + 'static) -> Trial {
        let must_run = env::var("CI").is_ok_and(|ci| ci == "true");
        let found = self.find();
        Trial::ignorable_test(format!("{}/{name}", self.program()), move || match found {
            Ok(installed) => match test(installed) {
                Ok(()) => Ok(Completion::Completed),
                Err(error) => Err(error.to_string().into()),
            },
            Err(missing) if must_run => Err(format!("{missing}, and CI=true").into()),
            Err(missing) => Ok(Completion::ignored_with(missing)),
        })
    }

    fn find(self) -> std::result::Result<Installed, String> {
        // Where Debian has Apache's modules, and the configurations look for them.
        if self == Self::Apache && !Path::new("/usr/lib/apache2/modules").is_dir() {
            return Err("no modules of Apache in /usr/lib/apache2".to_owned());
        }
        // Programs of the superuser may not be in the PATH of others.
        let path = env::var_os("PATH").unwrap_or_default();
        let places = env::split_paths(&path).chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from));
        let program = places.map(|place| place.join(self.program())).find(|program| program.is_file());
        let missing = || format!("no {} in PATH or /usr/sbin", self.program());
        Ok(Installed { server: self, program: program.ok_or_else(missing)? })
    }

    const fn program(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache2",
            Self::Lighttpd => "lighttpd",
            Self::Caddy => "caddy",
            Self::Haproxy => "haproxy",
            Self::H2o => "h2o",
        }
    }

    /// In the foreground, with this configuration, and with all that it writes in this directory.
    fn arguments(self, directory: &Path, config: &Path) -> Vec<OsString> {
        let before: &[&str] = match self {
            Self::Nginx => &["-e", "stderr", "-p", ".", "-c"],
            Self::Apache => &["-D", "FOREGROUND", "-d", ".", "-f"],
            Self::Lighttpd => &["-D", "-f"],
            Self::Caddy => &["run", "--adapter", "caddyfile", "--config"],
            Self::Haproxy => &["-db", "-f"],
            Self::H2o => &["-m", "worker", "-c"],
        };
        let there = |argument: &&str| if *argument == "." { directory.into() } else { argument.into() };
        before.iter().map(there).chain([config.into()]).collect()
    }

    /// Whom the workers run as is said in no example's configuration, and has to be where it is root who starts them.
    const fn line_for_root(self) -> &'static str {
        match self {
            Self::Nginx => "user root;\n",
            Self::Apache => "User #65534\nGroup #65534\n",
            Self::H2o => "user: root\n",
            Self::Lighttpd | Self::Caddy | Self::Haproxy => "",
        }
    }
}

/// A web server that can be started.
#[derive(Debug)]
pub struct Installed {
    server: WebServer,
    program: PathBuf,
}

impl Installed {
    /// Starts it with a configuration that has it listen at port 8080, for which it gets one that is free, and with other
    /// values in place of some that are in the text. Waits until it takes connections.
    ///
    /// # Errors
    /// When it does not start, with its log.
    pub fn start(&self, config: &str, values: &[(&str, &dyn Display)]) -> Result<Running> {
        let directory = TempDir::new()?;
        let path = directory.path();
        // Apache's workers are of another user.
        fs::set_permissions(path, Permissions::from_mode(0o755))?;
        let port = free_port()?;
        let filled = fill(config, &[&[("8080", &port as &dyn Display)], values].concat())?;
        let root = rustix::process::geteuid().is_root();
        let file = path.join("server.conf");
        fs::write(&file, if root { self.server.line_for_root() } else { "" }.to_owned() + &filled)?;
        let mut command = Command::new(&self.program);
        command
            .args(self.server.arguments(path, &file))
            .current_dir(path)
            .env("HOME", path)
            .env_remove("FCGI_LISTEN")
            .stdin(Stdio::null())
            .stdout(File::create(path.join("stdout"))?)
            .stderr(File::create(path.join("stderr"))?);
        let started = Process::start(&mut command, || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let process = started.map_err(|error| format!("{error}\n{}", logs(path)))?;
        Ok(Running { port, _process: process, directory })
    }
}

/// A web server that runs as long as this lives, in a directory of its own.
#[derive(Debug)]
pub struct Running {
    /// The port of the loopback interface that it listens at.
    pub port: u16,
    _process: Process,
    directory: TempDir,
}

impl Running {
    /// Its answer to GET.
    ///
    /// # Errors
    /// When there is no whole one, with its log.
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.ask("GET", path, "", "")
    }

    /// Its answer to a request: see [`ask`](crate::ask()).
    ///
    /// # Errors
    /// When there is no whole one, with its log.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Result<Answer> {
        let answer = ask(self.port, method, path, headers, body);
        answer.map_err(|error| format!("{method} {path}: {error}\n{}", self.logs()).into())
    }

    /// What it has written so far.
    #[must_use]
    pub fn logs(&self) -> String {
        logs(self.directory.path())
    }
}

fn logs(directory: &Path) -> String {
    let read = |name| fs::read_to_string(directory.join(name)).unwrap_or_default();
    ["stdout", "stderr", "error.log"].map(read).concat()
}
