//! A web server and an application in one program, with a page that shows the FastCGI records between them, live.
//!
//! ```sh
//! cargo run -p quickstart
//! cargo run -p quickstart -- --port 9090
//! cargo run -p quickstart -- --replay seed
//! ```

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

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
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // A closed terminal sends SIGHUP. Without a handler the directory would remain.
    let mut hang_up = signal(SignalKind::hangup())?;
    let http = quickstart::listen(port, |port| print(&format!("Port {port} is in use."))).await?;
    // Only this user may enter the directory.
    let directory = tempfile::Builder::new().prefix("quickstart-").tempdir()?;
    let socket = directory.path().join("app.sock");
    print(&format!(
        "Open http://{address} in a browser.\n\n\
         A small web server listens there. It forwards each request over FastCGI, on the unix socket\n\
         {socket}\n\
         to an axum Router behind axum_fcgi::serve. The page shows the FastCGI records, live.\n\
         Press Ctrl-C to stop. To send the application a request, run in another terminal, in this directory:\n\
         cargo run -p fcgi -- get {socket} /hello",
        address = http.local_addr()?,
        socket = socket.display(),
    ));
    quickstart::serve(http, &socket, &socket, async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hang_up.recv() => {}
        }
    })
    .await?;
    print("Stopped.");
    Ok(())
}

/// Prints to stdout. A closed stdout is not an error.
fn print(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}
