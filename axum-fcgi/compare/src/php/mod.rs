//! nginx and an axum Router in front of the same php-fpm, both under load from wrk.

mod counters;

use std::{
    env, fs, io,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use axum::{Router, body::Body};
use axum_fcgi::{
    PhpGateway,
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

/// The argument that runs this program as a web server.
pub(crate) const ROLE: &str = "gateway-for-compare";

/// The number of PHP processes, of connections to them, and of wrk's connections. More connections than processes
/// would wait until others are closed.
const CHILDREN: usize = 8;

/// Like Debian's snippets/fastcgi-php.conf and fastcgi.conf.
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

/// The child process's main function: serves PHP below a path.
pub(crate) fn serve(port: u16, socket: &Path, root: &Path) -> io::Result<()> {
    let socket = socket.to_owned();
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // As nginx in `NGINX`.
        let kept =
            Config::default().with_keep_conn(true).with_ready_check(false).with_keep_alive_timeout(None);
        let connect = move || tokio::net::UnixStream::connect(socket.clone());
        let pool: Pool<_, Body> = Pool::builder(connect).max_size(CHILDREN).config(kept).build();
        let router = Router::new().nest_service("/php", PhpGateway::new(pool, root));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await
    })
}

/// php-fpm with a script, and the settings of both web servers.
struct Setup {
    /// Declared before `scratch`, so that it stops before its directory is removed.
    _fpm: PhpFpm,
    scratch: Scratch,
    root: PathBuf,
    socket: PathBuf,
    /// The ports of the Router and of nginx.
    ports: [u16; 2],
    /// nginx.conf.
    configuration: String,
}

impl Setup {
    fn new() -> io::Result<Self> {
        let fpm = PhpFpm::find().map_err(io::Error::other)?;
        let scratch = Scratch::new()?;
        let directory = scratch.path();
        let root = directory.join("root/php");
        fs::create_dir_all(&root)?;
        fs::write(root.join("hello.php"), "<?php\necho \"Hello, World!\";\n")?;
        let ports = nginx::free_ports()?;
        let fill = |text: &str| {
            text.replace("PARAMS", nginx::PARAMS)
                .replace("FOLDER", &directory.display().to_string())
                .replace("CHILDREN", &CHILDREN.to_string())
                .replace("PORT", &ports[1].to_string())
        };
        let configuration = fill(NGINX);
        fs::write(directory.join("nginx.conf"), &configuration)?;
        let fpm = PhpFpm::start(&fpm, directory, CHILDREN, "").map_err(io::Error::other)?;
        let socket = fpm.socket();
        Ok(Self { root, socket, ports, configuration, _fpm: fpm, scratch })
    }

    /// Adds the arguments that run this program as a web server.
    fn gateway(&self, command: &mut Command) {
        command.args([ROLE, &self.ports[0].to_string()]).arg(&self.socket).arg(&self.root);
    }

    /// Adds the arguments of nginx.
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
        return counters::run(&setup);
    }
    let [ours, theirs] = setup.ports;
    let mut rounds = Vec::new();
    for round in 0..=options.rounds {
        // Kept connections occupy PHP's processes, so only one web server can run at a time.
        let run = |process, port| {
            nginx::load(|| Ok(Usage::of(process)?.cpu), port, "/php/hello.php", CHILDREN, options.time)
        };
        let gateway = {
            let mut command = Command::new(env::current_exe()?);
            setup.gateway(&mut command);
            command.stdin(Stdio::null());
            let mut gateway = Process::start(&mut command, listens(ours)).map_err(io::Error::other)?;
            run(gateway.child().id(), ours)?
        };
        let nginx = {
            let mut nginx = nginx::start(&setup.scratch, &setup.configuration, theirs)?;
            run(nginx.child().id(), theirs)?
        };
        // The first round warms up PHP.
        if round > 0 {
            rounds.push([gateway, nginx]);
        }
    }
    println!("GET /php/hello.php of php-fpm with {CHILDREN} processes, wrk with {CHILDREN} connections\n");
    println!("| | axum with PhpGateway | nginx | ratio: min / median / max |");
    println!("| --- | --- | --- | --- |");
    let median = |side: usize, figure: fn(&Run) -> f64| {
        Summary::of(rounds.iter().map(|round| figure(&round[side]))).median
    };
    for (label, figure) in [
        ("requests/s", (|run| run.requests_per_second) as fn(&Run) -> f64),
        ("requests per CPU second of the web server", |run| 1e6 / run.microseconds),
    ] {
        let ratio = Summary::of(rounds.iter().map(|[gateway, nginx]| figure(gateway) / figure(nginx)));
        println!("| {label} | {:.0} | {:.0} | {ratio} |", median(0, figure), median(1, figure));
    }
    Ok(())
}
