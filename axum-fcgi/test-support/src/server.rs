//! Web servers: find and start them.

use std::ffi::OsString;
use std::fmt::Display;
use std::fs::{self, File, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use libtest_mimic::{Completion, Trial};
use tempfile::TempDir;

use crate::fill::fill;
use crate::ports::free_port;
use crate::process::{Process, Signal};
use crate::program::{find_program, needs};
use crate::version::Version;
use crate::{Answer, Result, ask};

/// The web servers that Debian has as packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the web servers'")]
pub enum WebServer {
    Nginx,
    Apache,
    Lighttpd,
    Caddy,
    Haproxy,
    H2o,
}

impl WebServer {
    /// A test behind this web server. If that is not installed, the test is ignored with the reason; with `CI=true` it fails.
    pub fn trial(self, name: &str, test: impl FnOnce(Installed) -> Result + Send + 'static) -> Trial {
        self.trial_with(&[], name, test)
    }

    /// The same for a web server that needs these files, given as whole paths: modules in packages of their own.
    pub fn trial_with(
        self,
        files: &[&str],
        name: &str,
        test: impl FnOnce(Installed) -> Result + Send + 'static,
    ) -> Trial {
        let missing = files.iter().find(|file| !Path::new(file).is_file());
        let found = missing.map_or_else(|| self.find(), |missing| Err(format!("no {missing}")));
        needs(format!("{}/{name}", self.program()), found, test)
    }

    /// The same for a web server of at least this version. An older one is not an error: the test is ignored with the reason.
    pub fn trial_since(
        self,
        first: &Version,
        name: &str,
        test: impl FnOnce(Installed) -> Result + Send + 'static,
    ) -> Trial {
        let found = self.find();
        let installed = found.as_ref().ok().and_then(|installed| installed.version().ok());
        match installed {
            Some(installed) if installed < *first => {
                let program = self.program();
                let reason = format!("{program} {installed} is older than {first}");
                Trial::ignorable_test(format!("{program}/{name}"), move || {
                    Ok(Completion::ignored_with(reason))
                })
            }
            _ => self.trial(name, test),
        }
    }

    /// Looks for it as [`find_program`] does.
    ///
    /// # Errors
    /// If it is not installed. The error names what is missing.
    pub fn find(self) -> std::result::Result<Installed, String> {
        // The configurations look for Apache's modules where Debian has them.
        if self == Self::Apache && !Path::new("/usr/lib/apache2/modules").is_dir() {
            return Err("no modules of Apache in /usr/lib/apache2".to_owned());
        }
        Ok(Installed { server: self, command: vec![find_program(&[self.program()])?.into()] })
    }

    /// The name of its program.
    #[must_use]
    pub const fn program(self) -> &'static str {
        match self {
            Self::Nginx => "nginx",
            Self::Apache => "apache2",
            Self::Lighttpd => "lighttpd",
            Self::Caddy => "caddy",
            Self::Haproxy => "haproxy",
            Self::H2o => "h2o",
        }
    }

    /// Arguments to run in the foreground with this configuration and write all files to this directory.
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

    /// The arguments that print its version.
    const fn version_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Caddy => &["version"],
            Self::Nginx | Self::Apache | Self::Lighttpd | Self::Haproxy | Self::H2o => &["-v"],
        }
    }

    /// The line that sets the user of the workers, which matters if root starts them. Most examples' configurations have none.
    const fn line_for_root(self) -> &'static str {
        match self {
            Self::Nginx => "user root;\n",
            Self::Apache => "User #65534\nGroup #65534\n",
            Self::H2o => "user: root\n",
            Self::Lighttpd | Self::Caddy | Self::Haproxy => "",
        }
    }
}

/// An installed web server.
#[derive(Debug, Clone)]
pub struct Installed {
    server: WebServer,
    /// The program, after the command that starts it, if any.
    command: Vec<OsString>,
}

impl Installed {
    /// Which one it is.
    #[must_use]
    pub const fn server(&self) -> WebServer {
        self.server
    }

    /// Its version.
    ///
    /// # Errors
    /// If it does not print one.
    pub fn version(&self) -> Result<Version> {
        let program = self.command.last().ok_or("no command")?;
        let version = Version::printed_by(program, self.server.version_arguments());
        version.ok_or_else(|| format!("{} prints no version", self.server.program()).into())
    }

    /// Starts it through another program, which gets the web server's command as its last arguments and must `exec` it.
    #[must_use]
    pub fn started_by(mut self, command: &[&str]) -> Self {
        self.command.splice(..0, command.iter().map(OsString::from));
        self
    }

    /// Starts it with a configuration and waits until it accepts connections. Port 8080 in the text is replaced by a free
    /// port, and so are the placeholders in `values`.
    ///
    /// # Errors
    /// If it does not start. The error has its log.
    pub fn start(&self, config: &str, values: &[(&str, &dyn Display)]) -> Result<Running> {
        let directory = TempDir::new()?;
        // Apache's workers run as another user.
        fs::set_permissions(&directory, Permissions::from_mode(0o755))?;
        let port = free_port()?;
        let filled = fill(config, &[&[("8080", &port as &dyn Display)], values].concat())?;
        let root = rustix::process::geteuid().is_root();
        let sets_user = config.lines().any(|line| line.starts_with("user "));
        let first = if root && !sets_user { self.server.line_for_root() } else { "" };
        fs::write(directory.path().join(CONFIG), first.to_owned() + &filled)?;
        let process = self.start_in(directory.path(), port, &[])?;
        Ok(Running { port, process, predecessors: Vec::new(), installed: self.clone(), directory })
    }

    fn start_in(&self, directory: &Path, port: u16, more: &[OsString]) -> Result<Process> {
        let log = |name| File::options().create(true).append(true).open(directory.join(name));
        let (program, by) = self.command.split_first().ok_or("no command")?;
        let mut command = Command::new(program);
        command
            .args(by)
            .args(self.server.arguments(directory, &directory.join(CONFIG)))
            .args(more)
            .current_dir(directory)
            .env("HOME", directory)
            .env_remove("FCGI_LISTEN")
            .stdin(Stdio::null())
            .stdout(log("stdout")?)
            .stderr(log("stderr")?);
        let started = Process::start(&mut command, || TcpStream::connect(("127.0.0.1", port)).is_ok());
        started.map_err(|error| format!("{error}\n{}", logs(directory)).into())
    }
}

/// The name of the configuration file.
const CONFIG: &str = "server.conf";

/// A running web server in a directory of its own. It ends when this is dropped.
#[derive(Debug)]
pub struct Running {
    /// The loopback port that it listens on.
    pub port: u16,
    process: Process,
    /// Old processes that end once their clients have gone.
    predecessors: Vec<Process>,
    installed: Installed,
    directory: TempDir,
}

impl Running {
    /// Its process id. It may have children.
    pub fn process_id(&mut self) -> u32 {
        self.process.child().id()
    }

    /// Ends it with SIGTERM and returns all that it has logged.
    ///
    /// # Errors
    /// If it has not exited within a minute.
    pub fn stop(mut self) -> Result<String> {
        self.process.terminate()?;
        Ok(self.logs())
    }

    /// Ends it with all requests in flight and starts it again.
    ///
    /// # Errors
    /// If it does not start again. The error has its log.
    pub fn restart(&mut self) -> Result {
        self.predecessors.clear();
        self.process.terminate()?;
        self.process = self.installed.start_in(self.directory.path(), self.port, &[])?;
        Ok(())
    }

    /// Reloads it, which keeps its port open. Only for nginx and HAProxy.
    ///
    /// # Errors
    /// If it does not start again. The error has its log.
    pub fn reload(&mut self) -> Result {
        if self.installed.server == WebServer::Nginx {
            return self.process.signal(Signal::HUP);
        }
        // The new process signals the old one to end.
        let old = self.process.child().id().to_string();
        let more = ["-sf".into(), old.into()];
        let process = self.installed.start_in(self.directory.path(), self.port, &more)?;
        self.predecessors.push(std::mem::replace(&mut self.process, process));
        Ok(())
    }

    /// Its response to a GET.
    ///
    /// # Errors
    /// If there is no complete response. The error has its log.
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.ask("GET", path, "", "")
    }

    /// Its response to a request: see [`ask`](crate::ask()).
    ///
    /// # Errors
    /// If there is no complete response. The error has its log.
    pub fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Result<Answer> {
        let answer = ask(self.port, method, path, headers, body);
        answer.map_err(|error| format!("{method} {path}: {error}\n{}", self.logs()).into())
    }

    /// All that it has logged so far.
    #[must_use]
    pub fn logs(&self) -> String {
        logs(self.directory.path())
    }
}

fn logs(directory: &Path) -> String {
    let read = |name| fs::read_to_string(directory.join(name)).unwrap_or_default();
    ["stdout", "stderr", "error.log"].map(read).concat()
}
