//! Both applications behind nginx, under load from wrk.

use std::{
    fs, io,
    net::{Ipv4Addr, TcpListener, TcpStream},
    process::{Command, Stdio},
    time::Duration,
};

use test_support::Process;

use crate::{
    application::{self, Application, Protocol},
    headers,
    options::Options,
    scratch::Scratch,
    summary::Summary,
    wrk,
};

const CONNECTIONS: usize = 64;

/// The meta-variables of Debian's `fastcgi_params`.
pub(crate) const PARAMS: &str = "\
    fastcgi_param QUERY_STRING $query_string;
    fastcgi_param REQUEST_METHOD $request_method;
    fastcgi_param CONTENT_TYPE $content_type;
    fastcgi_param CONTENT_LENGTH $content_length;
    fastcgi_param SCRIPT_NAME $fastcgi_script_name;
    fastcgi_param REQUEST_URI $request_uri;
    fastcgi_param DOCUMENT_URI $document_uri;
    fastcgi_param DOCUMENT_ROOT $document_root;
    fastcgi_param SERVER_PROTOCOL $server_protocol;
    fastcgi_param REQUEST_SCHEME $scheme;
    fastcgi_param GATEWAY_INTERFACE CGI/1.1;
    fastcgi_param SERVER_SOFTWARE nginx/$nginx_version;
    fastcgi_param REMOTE_ADDR $remote_addr;
    fastcgi_param REMOTE_PORT $remote_port;
    fastcgi_param SERVER_ADDR $server_addr;
    fastcgi_param SERVER_PORT $server_port;
    fastcgi_param SERVER_NAME $server_name;
";

/// One process, since a second worker only adds noise on few cores.
const CONFIGURATION: &str = r#"
daemon off; master_process off; pid nginx.pid; error_log error.log;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path body; fastcgi_temp_path fastcgi; proxy_temp_path proxy;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    keepalive_requests 1000000;
    upstream fastcgi { server unix:FASTCGI_SOCKET; keepalive 64; keepalive_requests 1000000; }
    upstream http { server unix:HTTP_SOCKET; keepalive 64; keepalive_requests 1000000; }
PARAMS
    server {
        listen 127.0.0.1:FASTCGI_PORT;
        location / { fastcgi_pass fastcgi; fastcgi_keep_conn on; }
    }
    server {
        listen 127.0.0.1:HTTP_PORT;
        location / {
            proxy_pass http://http; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
            proxy_set_header X-Forwarded-Proto $scheme;
        }
    }
}
"#;

/// Starts nginx and waits until it listens on this port.
pub(crate) fn start(scratch: &Scratch, configuration: &str, port: u16) -> io::Result<Process> {
    fs::write(scratch.path().join("nginx.conf"), configuration)?;
    let mut command = Command::new("nginx");
    command.args(["-c", "nginx.conf", "-e", "error.log", "-p"]).arg(scratch.path()).stdin(Stdio::null());
    Process::start(&mut command, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()).map_err(
        |error| {
            let log = fs::read_to_string(scratch.path().join("error.log")).unwrap_or_default();
            io::Error::other(format!("{error}\n{log}"))
        },
    )
}

pub(crate) struct Run {
    pub(crate) requests_per_second: f64,
    /// CPU time per request.
    pub(crate) microseconds: f64,
}

pub(crate) fn run(options: &Options) -> io::Result<()> {
    for (program, argument) in [("nginx", "-v"), ("wrk", "-v")] {
        if !application::is_installed(program, argument) {
            return Err(io::Error::other(format!("{program} is not installed")));
        }
    }
    let scratch = Scratch::new()?;
    let mut applications = Vec::new();
    let mut configuration = CONFIGURATION.replace("PARAMS", PARAMS);
    let ports = free_ports()?;
    for (protocol, port) in Protocol::BOTH.into_iter().zip(ports) {
        let application = Application::start(protocol, &scratch, None)?;
        let name = protocol.name().to_uppercase();
        let socket = application.socket().display().to_string();
        configuration = configuration
            .replace(&format!("{name}_SOCKET"), &socket)
            .replace(&format!("{name}_PORT"), &port.to_string());
        applications.push((application, port));
    }
    let _nginx = start(&scratch, &configuration, ports[0])?;

    let mut rounds = Vec::new();
    for round in 0..=options.rounds {
        let mut runs = Vec::new();
        for (application, port) in &applications {
            let cpu = || Ok(application.usage()?.cpu);
            runs.push(load(cpu, *port, "/hello", CONNECTIONS, options.time)?);
        }
        let Ok(pair) = <[Run; 2]>::try_from(runs) else { unreachable!("a round has two runs") };
        // The first round only opens the connections.
        if round > 0 {
            rounds.push(pair);
        }
    }
    let median = |side: usize, figure: fn(&Run) -> f64| {
        Summary::of(rounds.iter().map(|round| figure(&round[side]))).median
    };
    let ratio = |figure: fn(&Run) -> f64| Summary::of(rounds.iter().map(|[a, b]| figure(a) / figure(b)));
    println!(
        "GET /hello behind nginx, wrk with {CONNECTIONS} connections, connections to the application kept\n"
    );
    println!("| | fastcgi_pass | proxy_pass | ratio: min / median / max |");
    println!("| --- | --- | --- | --- |");
    for (label, figure) in [
        ("requests/s", (|run| run.requests_per_second) as fn(&Run) -> f64),
        ("CPU of the application per request, µs", |run| run.microseconds),
    ] {
        println!("| {label} | {:.2} | {:.2} | {} |", median(0, figure), median(1, figure), ratio(figure));
    }
    Ok(())
}

/// Runs wrk, and measures the CPU time that `cpu` returns.
///
/// # Errors
/// A request failed.
pub(crate) fn load(
    cpu: impl Fn() -> io::Result<Duration>,
    port: u16,
    path: &str,
    connections: usize,
    time: Duration,
) -> io::Result<Run> {
    let before = cpu()?;
    let outcome = wrk::run(port, path, connections, &headers::of_browser(0), time)?;
    let cpu = cpu()? - before;
    if outcome.failures.total() > 0 {
        return Err(io::Error::other(format!("wrk reported failures: {}", outcome.failures)));
    }
    let microseconds = cpu.as_secs_f64() * 1e6 / outcome.requests as f64;
    Ok(Run { requests_per_second: outcome.requests_per_second, microseconds })
}

/// Two free ports. Both listeners stay open until both ports are known, so the ports differ.
pub(crate) fn free_ports() -> io::Result<[u16; 2]> {
    let a = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let b = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok([a.local_addr()?.port(), b.local_addr()?.port()])
}
