//! `fcgi dump`: prints records.

mod color;
mod decode;
mod filter;
mod print;
mod proxy;

use std::path::Path;

use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use self::decode::Decoder;
pub(crate) use self::filter::Filter;
use self::print::{Origin, Printer};
use crate::args::DumpArgs;
use crate::failure::{Code, Failure};

/// # Errors
/// If a file cannot be read, or the proxy cannot listen.
pub(crate) async fn run(args: DumpArgs) -> Result<Code, Failure> {
    let mut printer = Printer::new(&args);
    if let (Some(listen), Some(to)) = (&args.listen, args.to) {
        return proxy::run(listen, to, printer).await;
    }
    if args.files.is_empty() {
        return Err(Failure::usage(
            "nothing to print: name a capture (or - for stdin), or run as a proxy with --listen and --to",
        ));
    }
    let mut code = Code::Success;
    for path in &args.files {
        let is_valid = if path.as_os_str() == "-" {
            capture(tokio::io::stdin(), &mut printer).await
        } else {
            capture(open(path).await?, &mut printer).await
        };
        if !is_valid.map_err(|error| Failure::new(format!("{}: {error}", path.display())))? {
            code = Code::Failed;
        }
    }
    Ok(code)
}

async fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).await.map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

/// Prints all records of a capture. Returns whether it contains only complete records.
async fn capture(mut source: impl AsyncRead + Unpin, printer: &mut Printer) -> Result<bool, Failure> {
    let mut decoder = Decoder::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = source.read(&mut buffer).await?;
        let mut input = &buffer[..read];
        while let Some(decoded) = decoder.next(&mut input) {
            printer.print(Origin::Capture, &decoded)?;
        }
        if read == 0 {
            let incomplete = decoder.end();
            if let Some(incomplete) = &incomplete {
                printer.print(Origin::Capture, incomplete)?;
            }
            return Ok(incomplete.is_none() && !decoder.is_invalid());
        }
    }
}
