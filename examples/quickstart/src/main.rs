//! A web server, an application, and the FastCGI records between them, shown as they pass.
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

/// What the program was started for.
enum Task {
    Serve { port: u16 },
    Replay,
    Help,
}

impl Task {
    fn of(arguments: &[OsString]) -> Option<Self> {
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
    match Task::of(&arguments) {
        Some(Task::Serve { port }) => match serve(port).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                let _ = writeln!(io::stderr(), "quickstart: {error}");
                ExitCode::FAILURE
            }
        },
        Some(Task::Replay) => {
            say(&quickstart::seed().await.to_string());
            ExitCode::SUCCESS
        }
        Some(Task::Help) => {
            say(USAGE);
            ExitCode::SUCCESS
        }
        None => {
            let _ = writeln!(io::stderr(), "{USAGE}");
            ExitCode::from(2)
        }
    }
}

async fn serve(port: u16) -> io::Result<()> {
    // Before anything is said of Ctrl-C.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    // Of a terminal that was closed. Without this the directory would be left.
    let mut hang_up = signal(SignalKind::hangup())?;
    let http = quickstart::listen(port, |port| say(&format!("Port {port} is taken."))).await?;
    // Nobody else may enter this directory.
    let directory = tempfile::Builder::new().prefix("quickstart-").tempdir()?;
    let socket = directory.path().join("app.sock");
    say(&format!(
        "Open http://{address} in a browser.\n\n\
         A small web server listens there. It passes every request on over FastCGI, on the unix socket\n\
         {socket}\n\
         to an axum Router behind axum_fcgi::serve, and the page shows the records as they pass.\n\
         Ctrl-C ends both. To ask the application itself, from the same directory in another terminal:\n\
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
    say("Stopped.");
    Ok(())
}

/// Whoever started the program may have stopped listening, which is no reason to fail.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}
