//! Under Apache with the example's `.htaccess`: `app.fcgi` with mod_fcgid, `app.cgi` without it.

use std::fs::{self, Permissions};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;
use test_support::{Process, Result, find_program, free_port, needs};

use crate::PROGRAM;

pub(crate) fn trials() -> Vec<Trial> {
    let trial = |name: &str, modules: &'static [&'static str]| {
        needs(name, Apache::find(modules), |apache| apache.run())
    };
    vec![trial("apache_with_mod_fcgid", &["fcgid", "cgid"]), trial("apache_without_mod_fcgid", &["cgid"])]
}

/// An installed Apache, and the modules to load.
struct Apache {
    program: PathBuf,
    modules: PathBuf,
    names: &'static [&'static str],
}

impl Apache {
    fn find(names: &'static [&'static str]) -> std::result::Result<Self, String> {
        let program = find_program(&["apache2", "httpd"])?;
        let modules = ["/usr/lib/apache2/modules", "/usr/lib64/httpd/modules", "/usr/lib/httpd/modules"];
        let modules = modules.map(PathBuf::from).into_iter().find(|dir| dir.is_dir());
        let modules = modules.ok_or("Apache's modules were not found")?;
        match names.iter().find(|name| !modules.join(format!("mod_{name}.so")).is_file()) {
            Some(name) => Err(format!("mod_{name} is not installed")),
            None => Ok(Self { program, modules, names }),
        }
    }

    fn run(&self) -> Result<()> {
        let dir = tempfile::tempdir()?;
        let root = dir.path();
        // If root runs the test, Apache's children and their programs run as another user.
        fs::set_permissions(root, Permissions::from_mode(0o755))?;
        let site = root.join("site");
        fs::create_dir(&site)?;
        fs::write(site.join(".htaccess"), include_str!("../../.htaccess"))?;
        fs::write(site.join("file.txt"), "a file\n")?;
        // Only the file that should be used exists.
        let name = if self.names.contains(&"fcgid") { "app.fcgi" } else { "app.cgi" };
        fs::copy(PROGRAM, site.join(name))?;
        let port = free_port()?;
        let config = root.join("httpd.conf");
        fs::write(&config, self.config(root, port)?)?;
        let mut apache = Command::new(&self.program);
        apache.args(["-D", "FOREGROUND", "-d"]).arg(root).arg("-f").arg(&config).env_remove("FCGI_LISTEN");
        let _apache = Process::start(&mut apache, || TcpStream::connect(("127.0.0.1", port)).is_ok())?;
        let checked = check(port);
        checked.map_err(|error| {
            let log = fs::read_to_string(root.join("error.log")).unwrap_or_default();
            format!("{error}\nApache's log:\n{log}").into()
        })
    }

    fn config(&self, root: &Path, port: u16) -> Result<String> {
        let mut config = String::new();
        for name in ["mpm_event", "authz_core", "mime", "rewrite"].iter().chain(self.names) {
            let file = self.modules.join(format!("mod_{name}.so"));
            if file.is_file() {
                config += &format!("LoadModule {name}_module {}\n", file.display());
            }
        }
        let root = root.display();
        config += &format!(
            "ServerName localhost\nListen 127.0.0.1:{port}\nDefaultRuntimeDir {root}\nPidFile {root}/pid\n\
             ErrorLog {root}/error.log\nMutex file:{root} default\nTypesConfig /dev/null\n\
             ScriptSock {root}/cgid\nDocumentRoot {root}/site\n\
             <Directory {root}/site>\nAllowOverride FileInfo Options\nRequire all granted\n</Directory>\n"
        );
        if self.names.contains(&"fcgid") {
            config += &format!("FcgidIPCDir {root}/ipc\nFcgidProcessTableFile {root}/processes\n");
        }
        if fs::metadata("/proc/self")?.uid() == 0 {
            config += "User #65534\nGroup #65534\n";
        }
        Ok(config)
    }
}

/// Uses HTTP/1.0: in HTTP/1.1 Apache sends the output of a running CGI program chunked.
fn check(port: u16) -> Result<()> {
    for (request, status, body) in [
        ("GET / HTTP/1.0\r\n", "200 OK", "Hello, World!\n"),
        ("GET /file.txt HTTP/1.0\r\n", "200 OK", "a file\n"),
        ("GET /nowhere/at%20all HTTP/1.0\r\n", "404 Not Found", ""),
        ("HEAD / HTTP/1.0\r\n", "200 OK", ""),
        ("POST /shout HTTP/1.0\r\nContent-Length: 5\r\n", "200 OK", "HELLO"),
    ] {
        let response = send(port, request, if request.starts_with("POST") { "hello" } else { "" })?;
        let (head, text) = response.split_once("\r\n\r\n").ok_or("the response has no head")?;
        if !head.starts_with(&format!("HTTP/1.1 {status}\r\n")) || text != body {
            return Err(format!("{request}: {response}").into());
        }
    }
    Ok(())
}

fn send(port: u16, head: &str, body: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    write!(stream, "{head}Host: localhost\r\nConnection: close\r\n\r\n{body}")?;
    let mut response = String::new();
    stream.read_to_string(&mut response)?;
    Ok(response)
}
