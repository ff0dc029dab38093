//! Standing between a web server and an application.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::serve::Listener as _;
use axum_fcgi::{Address, FcgiListener, FcgiStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::signal::unix::{SignalKind, signal};

use super::decode::{Decoded, Decoder};
use super::print::{Origin, Printer, Side};
use crate::failure::{Code, Failure};
use crate::target::Target;

/// How long the application may take to accept.
const LIMIT: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Watch {
    printer: Arc<Mutex<Printer>>,
    start: Instant,
    connection: u64,
}

/// Passes on what comes, byte for byte, until the process is interrupted.
///
/// # Errors
/// When it cannot listen.
pub(super) async fn run(listen: &Address, to: Target, printer: Printer) -> Result<Code, Failure> {
    let mut interrupted = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let mut listener =
        FcgiListener::bind(listen).map_err(|error| Failure::usage(format!("cannot listen: {error}")))?;
    eprintln!("fcgi: listening at {:?}, passing on to {to}", listener.local_addr()?);
    let to = Arc::new(to);
    let mut watch = Watch { printer: Arc::new(Mutex::new(printer)), start: Instant::now(), connection: 0 };
    loop {
        let (web_server, _) = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = interrupted.0.recv() => return Ok(Code::Good),
            _ = interrupted.1.recv() => return Ok(Code::Good),
        };
        watch.connection += 1;
        let (watch, to) = (watch.clone(), Arc::clone(&to));
        tokio::spawn(async move { watch.connection(web_server, &to).await });
    }
}

impl Watch {
    async fn connection(&self, web_server: FcgiStream, to: &Target) {
        self.note(Side::WebServer, "connects");
        let application = match to.connect(LIMIT).await {
            Ok(application) => application,
            Err(failure) => return self.note(Side::Application, &failure.to_string()),
        };
        let (mut from_web_server, mut to_web_server) = tokio::io::split(web_server);
        let (mut from_application, mut to_application) = tokio::io::split(application);
        let there = self.pass(Side::WebServer, &mut from_web_server, &mut to_application);
        let back = self.pass(Side::Application, &mut from_application, &mut to_web_server);
        if let Err((side, error)) = tokio::try_join!(there, back) {
            self.note(side, &format!("cuts the connection: {error}"));
            // A reset says that an answer is not whole, and has to be one on the other side too.
            reset(&from_web_server.unsplit(to_web_server));
            reset(&from_application.unsplit(to_application));
        }
    }

    /// # Errors
    /// When the side that bytes come from has cut the connection.
    async fn pass(
        &self,
        side: Side,
        from: &mut ReadHalf<FcgiStream>,
        to: &mut WriteHalf<FcgiStream>,
    ) -> Result<(), (Side, io::Error)> {
        let (mut decoder, mut heard) = (Decoder::new(), true);
        let mut piece = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut piece).await.map_err(|error| (side, error))?;
            if read == 0 {
                if let Some(cut) = decoder.end() {
                    self.print(side, &cut);
                }
                self.note(side, "closes");
                // Who is gone need not be told.
                let _ = to.shutdown().await;
                return Ok(());
            }
            // Before it is passed on: what is printed of the answer then comes behind the question.
            let mut input = &piece[..read];
            while let Some(decoded) = decoder.next(&mut input) {
                self.print(side, &decoded);
            }
            // An application that has answered and closed does not hear the rest of the body, but its answer is
            // still on the way.
            heard = heard && to.write_all(&piece[..read]).await.is_ok();
        }
    }

    fn print(&self, side: Side, decoded: &Decoded) {
        let mut printer = self.printer.lock().unwrap_or_else(PoisonError::into_inner);
        // A reader who has gone (`| head`) must not break the site behind.
        let _ = printer.print(self.origin(side), decoded);
    }

    fn note(&self, side: Side, text: &str) {
        let mut printer = self.printer.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = printer.note(self.origin(side), text);
    }

    fn origin(&self, side: Side) -> Origin {
        Origin::Proxy { connection: self.connection, side, at: self.start.elapsed() }
    }
}

fn reset(stream: &FcgiStream) {
    if let FcgiStream::Tcp(stream) = stream {
        // It fails where the connection is no more.
        let _ = stream.set_zero_linger();
    }
}
