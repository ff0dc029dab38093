//! A web server and an application in one program, with a page that shows the FastCGI records between them, live.
//!
//! ```sh
//! cargo run -p quickstart
//! cargo run -p quickstart -- --port 9090
//! cargo run -p quickstart -- --replay seed
//! ```

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use axum_fcgi::{Address, FcgiListener};
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: quickstart [--port NUMBER | --replay seed]";

/// The command that the arguments select.
enum Command {
    Serve { port: u16 },
    Replay,
    Help,
}

impl Command {
    fn parse(arguments: &[OsString]) -> Option<Self> {
        let arguments: Option<Vec<_>> = arguments.iter().map(|argument| argument.to_str()).collect();
        match arguments?[..] {
            [] => Some(Self::Serve { port: 8080 }),
            ["--port", port] => Some(Self::Serve { port: port.parse().ok()? }),
            ["--replay", "seed"] => Some(Self::Replay),
            ["--help" | "-h"] => Some(Self::Help),
            _ => None,
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match Command::parse(&arguments) {
        Some(Command::Serve { port }) => match serve(port).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let _ = writeln!(io::stderr(), "quickstart: {error}");
                ExitCode::FAILURE
            }
        },
        Some(Command::Replay) => {
            print(&quickstart::seed().await.to_string());
            ExitCode::SUCCESS
        }
        Some(Command::Help) => {
            print(USAGE);
            ExitCode::SUCCESS
        }
        None => {
            let _ = writeln!(io::stderr(), "{USAGE}");
            ExitCode::from(2)
        }
    }
}

async fn serve(port: u16) -> io::Result<()> {
    // Before the program prints that Ctrl-C stops it.
    let stop = stop()?;
    let http = quickstart::listen(port, |port| print(&format!("Port {port} is in use."))).await?;
    // Only this user may enter the directory.
    let directory = tempfile::Builder::new().prefix("quickstart-").tempdir()?;
    let (listener, address) = listen(directory.path())?;
    print(&format!(
        "Open http://{http} in a browser.\n\n\
         A small web server listens there. It forwards each request over FastCGI, on the socket\n\
         {address}\n\
         to an axum Router behind axum_fcgi::serve. The page shows the FastCGI records, live.\n\
         Press Ctrl-C to stop. To send the application a request, run in another terminal, in this directory:\n\
         cargo run -p fcgi -- get {address} /hello",
        http = http.local_addr()?,
    ));
    quickstart::serve(http, listener, address, stop).await?;
    print("Stopped.");
    Ok(())
}

/// Completes on Ctrl-C, SIGTERM, and when the terminal is closed (SIGHUP): otherwise the directory would remain.
#[cfg(unix)]
fn stop() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
}

/// Completes on Ctrl-C.
#[cfg(windows)]
fn stop() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}

/// Listens for the web server. Returns the address too.
#[cfg(unix)]
fn listen(directory: &Path) -> io::Result<(FcgiListener, Address)> {
    let address = Address::Unix(directory.join("app.sock"));
    Ok((FcgiListener::bind(&address)?, address))
}

/// Listens for the web server. Returns the address too. Without unix sockets, other users of this machine can connect.
#[cfg(not(unix))]
fn listen(_directory: &Path) -> io::Result<(FcgiListener, Address)> {
    let listener = FcgiListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?.to_string().parse().map_err(io::Error::other)?;
    Ok((listener, address))
}

/// Prints to stdout. A closed stdout is not an error.
fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}
