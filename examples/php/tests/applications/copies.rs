//! Two copies of an application: one for the example and one for nginx, with one php-fpm for both.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use test_support::{Result, Running};

use crate::Programs;
use crate::site::{Program, directory};

/// The user that runs PHP if the tests run as root.
const USER: &str = "www-data";

/// Both copies, served.
#[derive(Debug)]
pub(crate) struct Copies {
    pub(crate) gateway: Program,
    pub(crate) nginx: Running,
    _directories: [TempDir; 2],
}

impl Copies {
    /// Copies the application with `prepare`, which gets an empty directory, and serves both copies. The example gets
    /// `options`. In nginx's configuration, ROOT is the document root and FPM is php-fpm's socket.
    pub(crate) fn serve(
        programs: &Programs,
        options: &[&str],
        nginx: &str,
        prepare: impl Fn(&Path, &str) -> Result,
    ) -> Result<Self> {
        let directories = [directory(&[])?, directory(&[])?];
        for (directory, name) in directories.iter().zip(["gateway", "nginx"]) {
            prepare(directory.path(), name)?;
            if rustix::process::geteuid().is_root() {
                run(Command::new("chown").args(["-R", &format!("{USER}:{USER}")]).arg(directory.path()))?;
            }
        }
        let [for_gateway, for_nginx] = &directories;
        let gateway =
            Program::start(for_gateway.path(), &[&["--fpm", "own", "--workers", "4"], options].concat())?;
        let root = for_nginx.path().display();
        let config = format!("{NGINX}{nginx}}}\n");
        let nginx = programs.nginx.start(&config, &[("ROOT", &root), ("FPM", &gateway.socket.display())])?;
        Ok(Self { gateway, nginx, _directories: directories })
    }

    /// The names and origins of both.
    pub(crate) fn each(&self) -> [(&'static str, String); 2] {
        [("gateway", origin(self.gateway.port)), ("nginx", origin(self.nginx.port))]
    }

    /// Ends the example, and its php-fpm with it.
    pub(crate) fn end(mut self) -> Result {
        let status = self.gateway.process.terminate()?;
        if status.success() { Ok(()) } else { Err(format!("the example ended with {status}").into()) }
    }
}

fn origin(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Runs a command.
pub(crate) fn run(command: &mut Command) -> Result {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// What Debian's nginx.conf has around a `server`, for a server that may not write elsewhere.
const NGINX: &str = "daemon off;
pid nginx.pid;
error_log stderr warn;
events {}
http {
include /etc/nginx/mime.types;
default_type application/octet-stream;
sendfile on;
access_log off;
client_max_body_size 16m;
client_body_temp_path body;
fastcgi_temp_path fastcgi;
proxy_temp_path proxy;
uwsgi_temp_path uwsgi;
scgi_temp_path scgi;
";
