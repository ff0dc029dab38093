//! nginx and an axum Router before the same php-fpm, with wrk in front of either.

mod counts;

use std::{
    env, fs, io,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use axum::{Router, body::Body};
use axum_fcgi::{
    FastCgi,
    tower_fcgi::client::{Config, Pool},
};
use test_support::{PhpFpm, Process};
use tokio::{net::TcpListener, runtime};

use crate::{
    application,
    nginx::{self, Run},
    options::Options,
    process::Usage,
    scratch::Scratch,
    summary::Summary,
};

/// The argument that makes this program a web server.
pub(crate) const ROLE: &str = "front-for-compare";

/// Processes of PHP, and so connections to them, and of wrk: with more, some would wait for others to be closed.
const CHILDREN: usize = 8;

/// As Debian's snippets/fastcgi-php.conf and fastcgi.conf have it.
const NGINX: &str = r#"
daemon off; master_process off; pid nginx.pid; error_log error.log;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path body; fastcgi_temp_path fastcgi; proxy_temp_path proxy;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    keepalive_requests 100000000;
    upstream php { server unix:FOLDER/socket; keepalive CHILDREN; keepalive_requests 100000000; }
    server {
        listen 127.0.0.1:PORT;
        root FOLDER/root;
        location ~ \.php$ {
            fastcgi_split_path_info ^(.+?\.php)(/.*)$;
            try_files $fastcgi_script_name =404;
            fastcgi_pass php; fastcgi_keep_conn on; fastcgi_index index.php;
            fastcgi_param PATH_INFO $fastcgi_path_info;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
PARAMS
            fastcgi_param HTTPS $https if_not_empty;
            fastcgi_param REDIRECT_STATUS 200;
        }
    }
}
"#;

/// What the child process does: has PHP below a path.
pub(crate) fn serve(port: u16, socket: &Path, root: &Path) -> io::Result<()> {
    let socket = socket.to_owned();
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let pool: Pool<_, Body> =
            Pool::new(CHILDREN, Config::default(), move || tokio::net::UnixStream::connect(socket.clone()));
        let router = Router::new().nest_service("/php", FastCgi::new(pool, root));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
    })
}

/// php-fpm with a script, and what either web server in front of it needs.
struct Setup {
    /// Ends before its folder does.
    _fpm: PhpFpm,
    scratch: Scratch,
    root: PathBuf,
    socket: PathBuf,
    /// The Router's, and nginx's.
    ports: [u16; 2],
    /// nginx's.
    configuration: String,
}

impl Setup {
    fn new() -> io::Result<Self> {
        let fpm = PhpFpm::find().ok_or_else(|| io::Error::other("php-fpm is not installed"))?;
        let scratch = Scratch::new()?;
        let folder = scratch.path();
        let root = folder.join("root/php");
        fs::create_dir_all(&root)?;
        fs::write(root.join("hello.php"), "<?php\necho \"Hello, World!\";\n")?;
        let ports = nginx::free_ports()?;
        let filled = |text: &str| {
            text.replace("PARAMS", nginx::PARAMS)
                .replace("FOLDER", &folder.display().to_string())
                .replace("CHILDREN", &CHILDREN.to_string())
                .replace("PORT", &ports[1].to_string())
        };
        let configuration = filled(NGINX);
        fs::write(folder.join("nginx.conf"), &configuration)?;
        let fpm = PhpFpm::start(&fpm, folder, CHILDREN, "").map_err(io::Error::other)?;
        let socket = fpm.socket();
        Ok(Self { root, socket, ports, configuration, _fpm: fpm, scratch })
    }

    /// The arguments of this program as a web server.
    fn front(&self, command: &mut Command) {
        command.args([ROLE, &self.ports[0].to_string()]).arg(&self.socket).arg(&self.root);
    }

    /// Those of nginx.
    fn nginx(&self, command: &mut Command) {
        command.args(["-c", "nginx.conf", "-e", "error.log", "-p"]).arg(self.scratch.path());
    }
}

fn listens(port: u16) -> impl Fn() -> bool {
    move || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

pub(crate) fn run(options: &Options) -> io::Result<()> {
    for (program, argument) in [("nginx", "-v"), ("wrk", "-v")] {
        if !application::is_installed(program, argument) {
            return Err(io::Error::other(format!("{program} is not installed")));
        }
    }
    let setup = Setup::new()?;
    if options.instructions {
        return counts::run(&setup);
    }
    let [ours, theirs] = setup.ports;
    let mut rounds = Vec::new();
    for round in 0..=options.rounds {
        // A web server that keeps connections keeps PHP's processes: only one can be there at a time.
        let run = |process, port| {
            nginx::load(|| Ok(Usage::of(process)?.cpu), port, "/php/hello.php", CHILDREN, options.time)
        };
        let front = {
            let mut command = Command::new(env::current_exe()?);
            setup.front(&mut command);
            command.stdin(Stdio::null());
            let mut front = Process::start(&mut command, listens(ours)).map_err(io::Error::other)?;
            run(front.child().id(), ours)?
        };
        let nginx = {
            let mut nginx = nginx::start(&setup.scratch, &setup.configuration, theirs)?;
            run(nginx.child().id(), theirs)?
        };
        // The first warms PHP up.
        if round > 0 {
            rounds.push([front, nginx]);
        }
    }
    println!("GET /php/hello.php of php-fpm with {CHILDREN} processes, wrk with {CHILDREN} connections\n");
    println!("| | axum with FastCgi | nginx | ratio: min / median / max |");
    println!("| --- | --- | --- | --- |");
    let of = |side: usize, figure: fn(&Run) -> f64| {
        Summary::of(rounds.iter().map(|round| figure(&round[side]))).median
    };
    for (what, figure) in [
        ("requests/s", (|run| run.requests_per_second) as fn(&Run) -> f64),
        ("requests per CPU second of the web server", |run| 1e6 / run.microseconds),
    ] {
        let ratio = Summary::of(rounds.iter().map(|[front, nginx]| figure(front) / figure(nginx)));
        println!("| {what} | {:.0} | {:.0} | {ratio} |", of(0, figure), of(1, figure));
    }
    Ok(())
}
