//! php-fpm with scripts, and the settings of both web servers.

use std::{
    env, fs, io,
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
    process::{Command, Stdio},
};

use test_support::{PhpFpm, Process};

use super::gateway;
use crate::{nginx, scratch::Scratch, stack::process_times::ProcessTimes};

/// How a web server connects to PHP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connections {
    /// A connection for each request, the default of both.
    Each,
    /// Connections are kept.
    Kept,
}

impl Connections {
    pub(super) const BOTH: [Self; 2] = [Self::Each, Self::Kept];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Each => "each",
            Self::Kept => "kept",
        }
    }
}

/// A web server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Gateway,
    Nginx,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Gateway, Self::Nginx];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gateway => "axum with PhpGateway",
            Self::Nginx => "nginx",
        }
    }
}

/// Like Debian's snippets/fastcgi-php.conf and fastcgi.conf.
const NGINX: &str = r#"
daemon off; master_process off; pid nginx.pid; error_log error.log;
worker_rlimit_nofile 65536;
events { worker_connections 8192; }
http {
    access_log off;
    client_body_temp_path body; fastcgi_temp_path fastcgi; proxy_temp_path proxy;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    keepalive_requests 100000000;
    client_max_body_size 64m;
    upstream php { server unix:FOLDER/socket; KEPT_UPSTREAM }
    server {
        listen 127.0.0.1:PORT;
        root FOLDER/root;
        location ~ \.php$ {
            fastcgi_split_path_info ^(.+?\.php)(/.*)$;
            try_files $fastcgi_script_name =404;
            fastcgi_pass php; fastcgi_index index.php; KEPT_CONNECTION
            fastcgi_param PATH_INFO $fastcgi_path_info;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
PARAMS
            fastcgi_param HTTPS $https if_not_empty;
            fastcgi_param REDIRECT_STATUS 200;
        }
    }
}
"#;

/// The scripts below `/php`.
const SCRIPTS: [(&str, &str); 4] = [
    ("hello.php", "<?php\necho \"Hello, World!\";\n"),
    // About what a small application does for a page: it escapes and sorts 500 rows.
    (
        "page.php",
        "<?php\n$rows = [];\nfor ($i = 0; $i < 500; $i++) { $rows[] = md5((string) $i); }\nsort($rows);\n\
         foreach ($rows as $row) { echo '<tr><td>', htmlspecialchars(\"<$row>\"), \"</td></tr>\\n\"; }\n",
    ),
    ("upload.php", "<?php\necho strlen(file_get_contents('php://input'));\n"),
    ("download.php", "<?php\nfor ($i = 0; $i < 64; $i++) { echo str_repeat('x', 65536); }\n"),
];

/// A running php-fpm, and what both web servers need to serve it.
pub(super) struct Setup {
    /// Declared before `scratch`, so that it stops before its directory is removed.
    fpm: PhpFpm,
    scratch: Scratch,
    root: PathBuf,
    /// The ports of the Router and of nginx.
    ports: [u16; 2],
    children: usize,
    connections: Connections,
}

impl Setup {
    /// Starts php-fpm with this number of processes.
    pub(super) fn new(children: usize, connections: Connections) -> io::Result<Self> {
        let fpm = PhpFpm::find().map_err(io::Error::other)?;
        let scratch = Scratch::new()?;
        let directory = scratch.path();
        let root = directory.join("root/php");
        fs::create_dir_all(&root)?;
        for (name, text) in SCRIPTS {
            fs::write(root.join(name), text)?;
        }
        let ports = nginx::free_ports()?;
        let kept =
            |text: &str| if connections == Connections::Kept { text.to_owned() } else { String::new() };
        let configuration = NGINX
            .replace("KEPT_UPSTREAM", &kept("keepalive CHILDREN; keepalive_requests 100000000;"))
            .replace("KEPT_CONNECTION", &kept("fastcgi_keep_conn on;"))
            .replace("PARAMS", nginx::PARAMS)
            .replace("FOLDER", &directory.display().to_string())
            .replace("CHILDREN", &children.to_string())
            .replace("PORT", &ports[1].to_string());
        fs::write(directory.join("nginx.conf"), configuration)?;
        let settings = "php_admin_value[memory_limit] = 64M\n";
        let fpm = PhpFpm::start(&fpm, directory, children, settings).map_err(io::Error::other)?;
        Ok(Self { fpm, root, ports, children, connections, scratch })
    }

    pub(super) fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    pub(super) const fn port(&self, side: Side) -> u16 {
        self.ports[side as usize]
    }

    /// Adds the program of a web server and its arguments to a command.
    pub(super) fn complete(&self, side: Side, command: &mut Command) -> io::Result<()> {
        match side {
            Side::Gateway => {
                command.arg(env::current_exe()?).args([gateway::ROLE, &self.port(side).to_string()]);
                command.arg(self.fpm.socket()).arg(&self.root);
                command.args([&self.children.to_string(), self.connections.name()]);
            }
            Side::Nginx => {
                command.args(["nginx", "-c", "nginx.conf", "-e", "error.log", "-p"]).arg(self.scratch.path());
            }
        }
        Ok(())
    }

    /// Runs a completed command, and waits until the web server listens.
    pub(super) fn start_with(&self, side: Side, command: &mut Command) -> io::Result<Process> {
        let port = self.port(side);
        let listens = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        Process::start(command.stdin(Stdio::null()), listens).map_err(|error| {
            let log = fs::read_to_string(self.scratch.path().join("error.log")).unwrap_or_default();
            io::Error::other(format!("{error}\n{log}"))
        })
    }

    /// Starts a web server, and waits until it listens.
    pub(super) fn start(&self, side: Side) -> io::Result<Process> {
        // `env` executes the program in its own process.
        let mut command = Command::new("env");
        self.complete(side, &mut command)?;
        self.start_with(side, &mut command)
    }

    /// The CPU times of php-fpm's processes so far.
    pub(super) fn php_times(&mut self) -> io::Result<ProcessTimes> {
        let process = self.fpm.process_id().ok_or_else(|| io::Error::other("php-fpm has ended"))?;
        ProcessTimes::of_tree(process)
    }
}
