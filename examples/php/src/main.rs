//! A site in PHP, without any other web server: `cargo run -p php -- /srv/site`. README.md has WordPress.

mod args;
mod php_fpm;
mod running;
mod site;
mod user;

use std::future::pending;
use std::process::ExitCode;
use std::time::Duration;

use axum::serve::ListenerExt as _;
use axum_fcgi::{Address, ConnectionAddrs, DeferEof};
use clap::Parser as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::time::sleep;

use self::args::{Args, Fpm};
use self::php_fpm::PhpFpm;

/// How long requests may go on after a signal to stop.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> ExitCode {
    let mut args = Args::parse();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_max_level(LEVEL).init();
    match run(&mut args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("php: {error}");
            ExitCode::FAILURE
        }
    }
}

/// PHP's own messages and the reasons of 5xx responses are at this level.
const LEVEL: tracing_subscriber::filter::LevelFilter = tracing_subscriber::filter::LevelFilter::WARN;

async fn run(args: &mut Args) -> Result<(), String> {
    // Not canonical: a link such as /srv/current may be switched while we serve it.
    let invalid = |error| format!("{}: {error}", args.site.display());
    if !std::fs::metadata(&args.site).map_err(invalid)?.is_dir() {
        return Err(format!("{} is not a directory", args.site.display()));
    }
    args.site = std::path::absolute(&args.site).map_err(invalid)?;
    // The signals' handlers before PHP starts, so that a signal never leaves it behind.
    let mut interrupt = signal(SignalKind::interrupt()).map_err(|error| error.to_string())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(|error| error.to_string())?;
    let mut hang_up = signal(SignalKind::hangup()).map_err(|error| error.to_string())?;
    let stop = async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    };
    let listener =
        TcpListener::bind(args.listen).await.map_err(|error| format!("{}: {error}", args.listen))?;
    let (address, mut own) = php(args).await?;
    announce(args, &listener, &address);
    let served = tokio::select! {
        served = serve(args, listener, address, stop) => served,
        error = exited(own.as_mut()) => Err(error),
    };
    if let Some(fpm) = own {
        fpm.stop().await;
    }
    served
}

/// The address of php-fpm, and the php-fpm itself if it was started.
async fn php(args: &Args) -> Result<(Address, Option<PhpFpm>), String> {
    let running = match &args.fpm {
        Fpm::At(address) => Some(address.clone()),
        Fpm::Auto => running::running().await,
        Fpm::Own => None,
    };
    match running {
        Some(address) => Ok((address, None)),
        None => PhpFpm::start(args).await.map(|fpm| (fpm.address(), Some(fpm))),
    }
}

fn announce(args: &Args, listener: &TcpListener, fpm: &Address) {
    let address = listener.local_addr().unwrap_or(args.listen);
    let path =
        if args.path == "/" { "/".to_owned() } else { format!("{}/", args.path.trim_end_matches('/')) };
    println!("{} at http://{address}{path}", args.site.display());
    let front_controller =
        if site::has_front_controller(args) { "; other paths go to /index.php" } else { "" };
    println!("php-fpm: {fpm}{front_controller}");
}

/// Serves until `stop`, and then until the last request has ended, for a while.
async fn serve(
    args: &Args,
    listener: TcpListener,
    fpm: Address,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), String> {
    let router = site::site(args, fpm).into_make_service_with_connect_info::<ConnectionAddrs>();
    let (stopping_tx, stopping_rx) = oneshot::channel();
    // PHP sends a page in several parts. With Nagle's algorithm, each may wait 40 ms for the client's acknowledgement.
    let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
    let served = axum::serve(DeferEof::new(listener), router).with_graceful_shutdown(async move {
        stop.await;
        let _ = stopping_tx.send(());
    });
    let too_late = async move {
        let _ = stopping_rx.await;
        sleep(SHUTDOWN_TIMEOUT).await;
    };
    tokio::select! {
        served = served.into_future() => served.map_err(|error| error.to_string()),
        () = too_late => Ok(()),
    }
}

/// Waits until our php-fpm exits, which it does not do on its own.
async fn exited(fpm: Option<&mut PhpFpm>) -> String {
    let Some(fpm) = fpm else { return pending().await };
    match fpm.exited().await {
        Ok(status) => format!("php-fpm stopped: {status}"),
        Err(error) => format!("php-fpm: {error}"),
    }
}
