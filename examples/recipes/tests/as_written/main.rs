//! What README.md and the notes on deployment show, as it is written there: the programs that `build.rs` takes out of
//! them, README's directory and README's nginx configuration. Each program is started, killed, started, terminated and
//! started, and answers each time.
//!
//! The directories and ports are others, so that nothing of the machine is touched.

mod application;
mod texts;

use std::io::{BufRead as _, BufReader};
use std::process::{Command, ExitCode, Stdio};

use libtest_mimic::{Completion, Trial};
use test_support::{Installed, Process, Result, Signal, WebServer, free_port, get};

use self::application::Application;

/// Debian's own, which README's configuration includes.
const PARAMS: &str = "/etc/nginx/fastcgi_params";

fn main() -> ExitCode {
    test_support::run(vec![
        as_another_user("readme_serve", |nginx| {
            let mut application = Application::at_socket(env!("CARGO_BIN_EXE_recipe_serve"), "SOCKET")?;
            is_not_replaced_while_it_lives(&mut application)?;
            lives_behind(&nginx, application)
        }),
        as_another_user("readme_serve_auto", |nginx| {
            lives_behind(
                &nginx,
                Application::at_socket(env!("CARGO_BIN_EXE_recipe_serve_auto"), "FCGI_LISTEN")?,
            )
        }),
        as_another_user("deployment_backlog", |nginx| {
            lives_behind(&nginx, Application::at_port(env!("CARGO_BIN_EXE_recipe_backlog"), free_port()?)?)
        }),
        test_support::trial("readme_php", php),
    ])
}

/// Behind an nginx whose workers are www-data, with an application of another user.
fn as_another_user(name: &str, test: impl FnOnce(Installed) -> Result + Send + 'static) -> Trial {
    if rustix::process::geteuid().is_root() {
        return WebServer::Nginx.trial_with(&[PARAMS], name, test);
    }
    Trial::ignorable_test(format!("nginx/{name}"), || {
        Ok(Completion::ignored_with("needs root: nginx and the application are two users"))
    })
}

/// Kills and restarts the application behind one nginx, which is not restarted.
fn lives_behind(nginx: &Installed, mut application: Application) -> Result {
    application.start()?;
    let place = application.place();
    let server = nginx.start(
        &texts::nginx_configuration(),
        &[("unix:/run/app/fcgi.sock", &place), ("include fastcgi_params", &format_args!("include {PARAMS}"))],
    )?;
    for end in [Some(Signal::KILL), Some(Signal::TERM), None] {
        let answer = server.get("/")?;
        assert_eq!((answer.status, &*answer.body), (200, "Hello, World!"), "{}", server.logs());
        if let Some(signal) = end {
            application.end(signal)?;
            application.start()?;
        }
    }
    Ok(())
}

/// A second start beside a running program fails, says why, and leaves the first one its socket.
fn is_not_replaced_while_it_lives(first: &mut Application) -> Result {
    first.start()?;
    let second = first.command().stderr(Stdio::piped()).spawn()?.wait_with_output()?;
    let text = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success() && text.contains("another process listens there"), "{text}");
    assert!(first.is_up());
    first.end(Signal::TERM)
}

/// The Router is the web server, and `serve_auto`'s snippet stands in for php-fpm: it answers each path.
fn php() -> Result {
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
    for end in [Some(Signal::KILL), Some(Signal::TERM), None] {
        let mut router = Process::start(&mut command, || true)?;
        let mut port = String::new();
        BufReader::new(router.child().stdout.take().ok_or("it is piped")?).read_line(&mut port)?;
        let port = port.trim_end().parse()?;
        for path in ["/health", "/shop/", "/shop/index.php", "/shop/a/b"] {
            let answer = get(port, path)?;
            assert_eq!((answer.status, &*answer.body), (200, "Hello, World!"), "{path}: {}", answer.head);
        }
        if let Some(signal) = end {
            router.signal(signal)?;
            router.wait()?;
        }
    }
    Ok(())
}
