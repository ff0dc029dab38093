//! `fcgi bench`: measures an application's throughput and latency.

mod client;
mod fastcgi;
mod http;
mod load;
mod report;

use std::io::{self, Write as _};

use bytes::{Bytes, BytesMut};

use self::client::Client;
use self::fastcgi::FastCgi;
use self::http::Http;
use self::load::{Limit, Load};
use crate::args::BenchArgs;
use crate::body::Body;
use crate::failure::{Code, Failure};

/// # Errors
/// If the application cannot be reached.
pub(crate) async fn run(args: BenchArgs) -> Result<Code, Failure> {
    let body = match &args.data {
        Some(data) => Some(read_all(Body::from_argument(data).await?).await?),
        None => None,
    };
    // Fails before the load starts if the application cannot be reached.
    drop(args.target.connect(args.wait.timeout).await?);
    let limit = match (args.time, args.requests) {
        (Some(time), _) => Limit::Time(time),
        (None, requests) => Limit::Requests(requests.unwrap_or(10_000)),
    };
    let clients: Vec<_> =
        (0..args.connections).map(|_| client(&args, body.as_ref())).collect::<Result<_, _>>()?;
    let report = Load::new(limit).run(clients).await?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", report.json())?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(if report.is_good() { Code::Success } else { Code::Failed })
}

fn client(args: &BenchArgs, body: Option<&Bytes>) -> Result<Client, Failure> {
    Ok(if args.http {
        Client::Http(Box::new(Http::new(args, body)?))
    } else {
        Client::FastCgi(Box::new(FastCgi::new(args, body)?))
    })
}

/// Reads the whole body, since it is sent many times.
async fn read_all(mut body: Body) -> Result<Bytes, Failure> {
    let mut bytes = BytesMut::new();
    while let Some(chunk) = body.next().await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.freeze())
}
