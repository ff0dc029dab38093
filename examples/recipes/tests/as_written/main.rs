//! Tests the code blocks of README.md, deployment.md and php.md unchanged: the programs that `build.rs` extracts, README's
//! command for the directory and README's nginx configuration. Each program is started, killed, started, terminated and
//! started, and responds each time.
//!
//! Directories and ports are replaced, so that the tests change nothing on the machine.

mod application;
mod php;
mod texts;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Completion, Trial};
use test_support::{Installed, PhpFpm, Process, Result, Signal, WebServer, free_port, get, needs};

use self::application::Application;

/// Debian's file, which README's configuration includes.
const PARAMS: &str = "/etc/nginx/fastcgi_params";

fn main() -> ExitCode {
    test_support::run(vec![
        behind_nginx("readme_serve", |nginx| {
            let mut application = Application::at_socket(env!("CARGO_BIN_EXE_recipe_serve"), "SOCKET")?;
            second_start_fails(&mut application)?;
            survives_restarts(&nginx, application)
        }),
        behind_nginx("readme_serve_auto", |nginx| {
            survives_restarts(
                &nginx,
                Application::at_socket(env!("CARGO_BIN_EXE_recipe_serve_auto"), "FCGI_LISTEN")?,
            )
        }),
        behind_nginx("deployment_backlog", |nginx| {
            survives_restarts(
                &nginx,
                Application::at_port(env!("CARGO_BIN_EXE_recipe_backlog"), free_port()?)?,
            )
        }),
        test_support::trial("readme_php", readme_php),
        needs("php_recipes", PhpFpm::find(), |program| php::recipes(&program)),
        test_support::trial("front_page_blocks", || {
            texts::check_front_page();
            Ok(())
        }),
        as_two_users(WebServer::Caddy, &[], "front_page", |caddy| behind_caddy(&caddy)),
    ])
}

fn behind_nginx(name: &str, test: impl FnOnce(Installed) -> Result + Send + 'static) -> Trial {
    as_two_users(WebServer::Nginx, &[PARAMS], name, test)
}

/// A test of an application that runs as another user than the web server in front of it.
fn as_two_users(
    server: WebServer,
    needed: &'static [&'static str],
    name: &str,
    test: impl FnOnce(Installed) -> Result + Send + 'static,
) -> Trial {
    if rustix::process::geteuid().is_root() {
        return server.trial_with(needed, name, test);
    }
    Trial::ignorable_test(format!("{server:?}/{name}"), || {
        Ok(Completion::ignored_with("needs root: the web server and the application run as two users"))
    })
}

fn behind_caddy(caddy: &Installed) -> Result {
    let mut application = Application::at_socket(env!("CARGO_BIN_EXE_recipe_serve_auto"), "FCGI_LISTEN")?;
    application.start()?;
    let place = application.place().replace("unix:", "unix/");
    let server = caddy.start(&texts::caddy_configuration(), &[("unix//run/app/fcgi.sock", &place)])?;
    let response = server.get("/")?;
    assert_eq!((response.status, &*response.body), (200, "Hello, World!"), "{}", server.logs());
    Ok(())
}

/// Kills and restarts the application, but not the nginx in front of it.
fn survives_restarts(nginx: &Installed, mut application: Application) -> Result {
    application.start()?;
    let place = application.place();
    let server = nginx.start(
        &texts::nginx_configuration(),
        &[("unix:/run/app/fcgi.sock", &place), ("include fastcgi_params", &format_args!("include {PARAMS}"))],
    )?;
    for signal in [Some(Signal::KILL), Some(Signal::TERM), None] {
        let response = server.get("/")?;
        assert_eq!((response.status, &*response.body), (200, "Hello, World!"), "{}", server.logs());
        if let Some(signal) = signal {
            application.end(signal)?;
            application.start()?;
        }
    }
    Ok(())
}

/// While the program runs, a second start fails with a reason and does not take the socket.
fn second_start_fails(first: &mut Application) -> Result {
    first.start()?;
    let second = first.command().stderr(Stdio::piped()).spawn()?.wait_with_output()?;
    let text = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && text.contains("another process listens there"), "{text}");
    assert!(first.is_up());
    first.end(Signal::TERM)
}

/// The Router is the web server. The program of `serve_auto` replaces php-fpm and answers every path.
fn readme_php() -> Result {
    let directory = tempfile::tempdir()?;
    let (socket, site) = (directory.path().join("php.sock"), directory.path().join("shop"));
    std::fs::create_dir(&site)?;
    std::fs::write(site.join("index.php"), "")?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_recipe_serve_auto"));
    let _fpm = Process::start(command.env("FCGI_LISTEN", &socket), || {
        std::os::unix::net::UnixStream::connect(&socket).is_ok()
    })?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_recipe_php"));
    command.env("SOCKET", &socket).env("SITE", &site).stdout(Stdio::piped());
    for signal in [Some(Signal::KILL), Some(Signal::TERM), None] {
        let mut router = Process::start(&mut command, || true)?;
        let mut port = String::new();
        BufReader::new(router.child().stdout.take().ok_or("stdout is not piped")?).read_line(&mut port)?;
        let port = port.trim_end().parse()?;
        for path in ["/health", "/shop/", "/shop/index.php", "/shop/a/b"] {
            let response = get(port, path)?;
            assert_eq!(
                (response.status, &*response.body),
                (200, "Hello, World!"),
                "{path}: {}",
                response.head
            );
        }
        if let Some(signal) = signal {
            router.signal(signal)?;
            router.wait()?;
        }
    }
    Ok(())
}
