//! `fcgi get`: one request, and its answer.

mod answer;
mod progress;

use std::fs::File;
use std::io::{self, Write};
use std::time::Instant;

use fcgi_core::{ProtocolStatus, Role};

use self::answer::Printed;
use self::progress::Progress;
pub(crate) use self::progress::style;
use crate::args::GetArgs;
use crate::body::Body;
use crate::failure::{Code, Failure};
use crate::link::{Input, Link};
use crate::request::{Params, Request};

/// # Errors
/// When nobody is there, or the answer is not whole.
pub(crate) async fn run(args: GetArgs) -> Result<Code, Failure> {
    let (request, input) = request(&args).await?;
    let up = input.stdin.as_ref().and_then(|body| body.length);
    let out: Box<dyn Write + Send> = match &args.output {
        Some(path) => Box::new(
            File::create(path)
                .map_err(|error| Failure::usage(format!("cannot write to {}: {error}", path.display())))?,
        ),
        None => Box::new(io::stdout()),
    };
    let limit = args.wait.timeout;
    let mut link = Link::new(args.target.connect(limit).await?, limit);
    let mut printed = Printed::new(&args, out, Progress::new(up));
    let start = Instant::now();
    let asked = link.ask(&request, input, &mut printed).await;
    let time = start.elapsed();
    printed.finish()?;
    let end = asked?;
    if args.json {
        println!("{}", printed.json(end, time));
    } else if !args.body_only {
        eprintln!("{}", printed.summary(end, time));
    }
    if end.protocol_status != ProtocolStatus::REQUEST_COMPLETE {
        return Err(Failure::new(format!(
            "the application did not serve the request: {:?}",
            end.protocol_status
        )));
    }
    match printed.status() {
        None => Err(Failure::new("the answer has no head: no empty line came on STDOUT")),
        Some(500..) => Ok(Code::Failed),
        Some(_) => Ok(Code::Good),
    }
}

async fn request(args: &GetArgs) -> Result<(Request, Input), Failure> {
    if args.role == Role::AUTHORIZER && args.data.is_some() {
        return Err(Failure::usage("an authorizer is sent no body (FastCGI §6.3): leave out --data"));
    }
    let stdin = match &args.data {
        Some(data) => Some(Body::from_argument(data).await?),
        None => None,
    };
    let mut params = args.request.params(&args.path, stdin.as_ref().map(|body| body.length))?;
    let data = match (&args.filter_data, args.role) {
        (Some(path), Role::FILTER) => Some(filter_data(path, &mut params).await?),
        (Some(_), _) => return Err(Failure::usage("--filter-data is for --role filter")),
        (None, Role::FILTER) => Some(Body::bytes("")),
        (None, _) => None,
    };
    Ok((Request { role: args.role, keep_conn: args.keep_conn, params }, Input { stdin, data }))
}

/// FastCGI §6.4: a Filter is told the file's length and the time of its last change.
async fn filter_data(path: &std::path::Path, params: &mut Params) -> Result<Body, Failure> {
    let body = Body::file(path).await?;
    let modified = std::fs::metadata(path)?.modified()?;
    let seconds = modified.duration_since(std::time::UNIX_EPOCH).map_or(0, |time| time.as_secs());
    params.set("FCGI_DATA_LAST_MOD", &seconds.to_string());
    params.set("FCGI_DATA_LENGTH", &body.length.unwrap_or(0).to_string());
    Ok(body)
}
