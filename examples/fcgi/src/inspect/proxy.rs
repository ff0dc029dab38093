//! A proxy between a web server and an application.

use std::io;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::serve::Listener as _;
use axum_fcgi::{Address, FcgiListener, FcgiStream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};

use super::decode::{Decoded, Decoder};
use super::print::{Origin, Printer, Side};
use crate::failure::{Code, Failure};
use crate::target::Target;

/// Timeout for connecting to the application.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Clone)]
struct Proxy {
    printer: Arc<Mutex<Printer>>,
    start: Instant,
    connection: u64,
}

/// Forwards all bytes unchanged until the process is interrupted.
///
/// # Errors
/// If it cannot listen.
pub(super) async fn run(listen: &Address, to: Target, printer: Printer) -> Result<Code, Failure> {
    let mut stop = pin!(stop()?);
    let mut listener =
        FcgiListener::bind(listen).map_err(|error| Failure::usage(format!("cannot listen: {error}")))?;
    eprintln!("fcgi: listening at {:?}, forwarding to {to}", listener.local_addr()?);
    let to = Arc::new(to);
    let mut proxy = Proxy { printer: Arc::new(Mutex::new(printer)), start: Instant::now(), connection: 0 };
    loop {
        let (web_server, _) = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut stop => return Ok(Code::Success),
        };
        proxy.connection += 1;
        let (proxy, to) = (proxy.clone(), Arc::clone(&to));
        tokio::spawn(async move { proxy.connection(web_server, &to).await });
    }
}

/// Completes when the process is interrupted, by Ctrl-C or SIGTERM.
#[cfg(unix)]
fn stop() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Completes when the process is interrupted by Ctrl-C.
#[cfg(windows)]
fn stop() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}

impl Proxy {
    async fn connection(&self, web_server: FcgiStream, to: &Target) {
        self.note(Side::WebServer, "connects");
        let application = match to.connect(CONNECT_TIMEOUT).await {
            Ok(application) => application,
            Err(failure) => return self.note(Side::Application, &failure.to_string()),
        };
        let (mut from_web_server, mut to_web_server) = tokio::io::split(web_server);
        let (mut from_application, mut to_application) = tokio::io::split(application);
        let up = self.forward(Side::WebServer, &mut from_web_server, &mut to_application);
        let down = self.forward(Side::Application, &mut from_application, &mut to_web_server);
        if let Err((side, error)) = tokio::try_join!(up, down) {
            self.note(side, &format!("connection failed: {error}"));
            // A reset marks a response as incomplete, so both connections are reset.
            reset(&from_web_server.unsplit(to_web_server));
            reset(&from_application.unsplit(to_application));
        }
    }

    /// Forwards one direction.
    ///
    /// # Errors
    /// If reading from the sender fails.
    async fn forward(
        &self,
        side: Side,
        from: &mut ReadHalf<FcgiStream>,
        to: &mut WriteHalf<FcgiStream>,
    ) -> Result<(), (Side, io::Error)> {
        let (mut decoder, mut writable) = (Decoder::new(), true);
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut buffer).await.map_err(|error| (side, error))?;
            if read == 0 {
                if let Some(incomplete) = decoder.end() {
                    self.print(side, &incomplete);
                }
                self.note(side, "closes");
                // Fails if the receiver is gone.
                let _ = to.shutdown().await;
                return Ok(());
            }
            // Printed before it is forwarded, so that a request is printed before its response.
            let mut input = &buffer[..read];
            while let Some(decoded) = decoder.next(&mut input) {
                self.print(side, &decoded);
            }
            // An application may close after its response, before the rest of the body. The response must still be
            // forwarded, so a write error does not end the connection.
            writable = writable && to.write_all(&buffer[..read]).await.is_ok();
        }
    }

    fn print(&self, side: Side, decoded: &Decoded) {
        let mut printer = self.printer.lock().unwrap_or_else(PoisonError::into_inner);
        // A closed stdout (`| head`) must not break the connection.
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
        // Fails if the connection is already closed.
        let _ = stream.set_zero_linger();
    }
}
