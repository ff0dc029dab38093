//! `fcgi values`: prints an application's variables.

use std::io::{self, Write as _};

use crate::args::ValuesArgs;
use crate::client_connection::ClientConnection;
use crate::failure::{Code, Failure};

/// # Errors
/// If the application cannot be reached or does not respond.
pub(crate) async fn run(args: &ValuesArgs) -> Result<Code, Failure> {
    let limit = args.wait.timeout;
    let mut connection = ClientConnection::new(args.target.connect(limit).await?, limit);
    let Some(values) = connection.values().await? else {
        return Err(Failure::new(
            "the application does not support GET_VALUES: it responds with UNKNOWN_TYPE",
        ));
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
    Ok(Code::Success)
}
