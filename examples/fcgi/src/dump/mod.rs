//! `fcgi dump`: records, for people to read.

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
/// When a file cannot be read, or an address cannot be listened at.
pub(crate) async fn run(args: DumpArgs) -> Result<Code, Failure> {
    let mut printer = Printer::new(&args);
    if let (Some(listen), Some(to)) = (&args.listen, args.to) {
        return proxy::run(listen, to, printer).await;
    }
    if args.files.is_empty() {
        return Err(Failure::usage(
            "nothing to dump: name a capture (or - for stdin), or stand in between with --listen and --to",
        ));
    }
    let mut code = Code::Good;
    for path in &args.files {
        let whole = if path.as_os_str() == "-" {
            capture(tokio::io::stdin(), &mut printer).await
        } else {
            capture(open(path).await?, &mut printer).await
        };
        if !whole.map_err(|error| Failure::new(format!("{}: {error}", path.display())))? {
            code = Code::Failed;
        }
    }
    Ok(code)
}

async fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).await.map_err(|error| Failure::new(format!("cannot read {}: {error}", path.display())))
}

/// Prints all records of a capture. `false`: it is not made of records to its end.
async fn capture(mut source: impl AsyncRead + Unpin, printer: &mut Printer) -> Result<bool, Failure> {
    let mut decoder = Decoder::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        let read = source.read(&mut piece).await?;
        let mut input = &piece[..read];
        while let Some(decoded) = decoder.next(&mut input) {
            printer.print(Origin::Capture, &decoded)?;
        }
        if read == 0 {
            let cut = decoder.end();
            if let Some(cut) = &cut {
                printer.print(Origin::Capture, cut)?;
            }
            return Ok(cut.is_none() && !decoder.is_lost());
        }
    }
}
