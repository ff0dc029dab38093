//! `fcgi values`: what an application says of itself.

use std::io::{self, Write as _};

use crate::args::ValuesArgs;
use crate::failure::{Code, Failure};
use crate::link::Link;

/// # Errors
/// When nobody is there, or there is no answer.
pub(crate) async fn run(args: &ValuesArgs) -> Result<Code, Failure> {
    let limit = args.wait.timeout;
    let mut link = Link::new(args.target.connect(limit).await?, limit);
    let Some(values) = link.values().await? else {
        return Err(Failure::new("the application does not know GET_VALUES: it answers with UNKNOWN_TYPE"));
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut out = io::stdout().lock();
    if args.json {
        let object: serde_json::Map<_, _> =
            values.iter().map(|(name, value)| (text(name), text(value).into())).collect();
        writeln!(out, "{}", serde_json::Value::from(object))?;
    } else {
        for (name, value) in values.iter() {
            writeln!(out, "{}={}", text(name), text(value))?;
        }
    }
    Ok(Code::Good)
}
