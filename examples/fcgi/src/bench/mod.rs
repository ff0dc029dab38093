//! `fcgi bench`: how fast an application answers.

mod asker;
mod fastcgi;
mod http;
mod load;
mod report;

use std::io::{self, Write as _};

use bytes::{Bytes, BytesMut};

use self::asker::Asker;
use self::fastcgi::FastCgi;
use self::http::Http;
use self::load::{Bound, Load};
use crate::args::BenchArgs;
use crate::body::Body;
use crate::failure::{Code, Failure};

/// # Errors
/// When nobody is there.
pub(crate) async fn run(args: BenchArgs) -> Result<Code, Failure> {
    let body = match &args.data {
        Some(data) => Some(whole(Body::from_argument(data).await?).await?),
        None => None,
    };
    // Nobody there is told before a load is started.
    drop(args.target.connect(args.wait.timeout).await?);
    let bound = match (args.time, args.requests) {
        (Some(time), _) => Bound::Time(time),
        (None, requests) => Bound::Requests(requests.unwrap_or(10_000)),
    };
    let askers: Vec<_> =
        (0..args.connections).map(|_| asker(&args, body.as_ref())).collect::<Result<_, _>>()?;
    let report = Load::new(bound).run(askers).await?;
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", report.json())?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(if report.is_good() { Code::Good } else { Code::Failed })
}

fn asker(args: &BenchArgs, body: Option<&Bytes>) -> Result<Asker, Failure> {
    Ok(if args.http {
        Asker::Http(Box::new(Http::new(args, body)?))
    } else {
        Asker::FastCgi(Box::new(FastCgi::new(args, body)?))
    })
}

/// All of a body, which is sent many times.
async fn whole(mut body: Body) -> Result<Bytes, Failure> {
    let mut whole = BytesMut::new();
    while let Some(piece) = body.next().await? {
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}
