//! `fcgi get`: sends a request and prints the response.

mod printer;
mod progress;

use std::fs::File;
use std::io::{self, Write};
use std::time::Instant;

use fcgi_core::{ProtocolStatus, Role};

use self::printer::ResponsePrinter;
use self::progress::Progress;
pub(crate) use self::progress::style;
use crate::args::GetArgs;
use crate::body::Body;
use crate::client_connection::{ClientConnection, RequestBodies};
use crate::failure::{Code, Failure};
use crate::request::{Params, Request};

/// # Errors
/// If the application cannot be reached or the response is incomplete.
pub(crate) async fn run(args: GetArgs) -> Result<Code, Failure> {
    let (request, bodies) = request(&args).await?;
    let upload_length = bodies.stdin.as_ref().and_then(|body| body.length);
    let out: Box<dyn Write + Send> = match &args.output {
        Some(path) => Box::new(
            File::create(path)
                .map_err(|error| Failure::usage(format!("cannot write to {}: {error}", path.display())))?,
        ),
        None => Box::new(io::stdout()),
    };
    let limit = args.wait.timeout;
    let mut connection = ClientConnection::new(args.target.connect(limit).await?, limit);
    let mut printer = ResponsePrinter::new(&args, out, Progress::new(upload_length));
    let start = Instant::now();
    let result = connection.send_request(&request, bodies, &mut printer).await;
    let time = start.elapsed();
    printer.finish()?;
    let end = result?;
    if args.json {
        println!("{}", printer.json(end, time));
    } else if !args.body_only {
        eprintln!("{}", printer.summary(end, time));
    }
    if end.protocol_status != ProtocolStatus::REQUEST_COMPLETE {
        return Err(Failure::new(format!(
            "the application did not serve the request: {:?}",
            end.protocol_status
        )));
    }
    match printer.status() {
        None => Err(Failure::new("the response has no head: STDOUT contains no empty line")),
        Some(500..) => Ok(Code::Failed),
        Some(_) => Ok(Code::Success),
    }
}

async fn request(args: &GetArgs) -> Result<(Request, RequestBodies), Failure> {
    if args.role == Role::AUTHORIZER && args.data.is_some() {
        return Err(Failure::usage("an authorizer gets no body (FastCGI §6.3): remove --data"));
    }
    let stdin = match &args.data {
        Some(data) => Some(Body::from_argument(data).await?),
        None => None,
    };
    let mut params = args.request.params(&args.path, stdin.as_ref().map(|body| body.length))?;
    let data = match (&args.filter_data, args.role) {
        (Some(path), Role::FILTER) => Some(filter_data(path, &mut params).await?),
        (Some(_), _) => return Err(Failure::usage("--filter-data requires --role filter")),
        (None, Role::FILTER) => Some(Body::bytes("")),
        (None, _) => None,
    };
    Ok((Request { role: args.role, keep_conn: args.keep_conn, params }, RequestBodies { stdin, data }))
}

/// Opens a Filter's file, and sets the variables with its length and modification time (FastCGI §6.4).
async fn filter_data(path: &std::path::Path, params: &mut Params) -> Result<Body, Failure> {
    let body = Body::file(path).await?;
    let modified = std::fs::metadata(path)?.modified()?;
    let seconds = modified.duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    params.set("FCGI_DATA_LAST_MOD", &seconds.to_string());
    params.set("FCGI_DATA_LENGTH", &body.length.unwrap_or(0).to_string());
    Ok(body)
}
