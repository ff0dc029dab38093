//! Requests from command-line options.

use clap::Args;
use fcgi_core::Role;

use crate::failure::Failure;

/// The options of a request.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The request")]
pub(crate) struct RequestArgs {
    /// The method [default: GET, or POST with a body]
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(crate) method: Option<String>,

    /// A client header, as "Name: value"; may be repeated
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,

    /// A meta-variable, as NAME=VALUE, which replaces the default one; may be repeated
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,

    /// SCRIPT_FILENAME: the file that PHP and fcgiwrap run
    #[arg(long, value_name = "FILE")]
    pub(crate) script: Option<String>,
}

/// A request without its body.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) role: Role,
    pub(crate) keep_conn: bool,
    pub(crate) params: Params,
}

/// Meta-variables with unique names, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(pub(crate) Vec<(String, String)>);

impl RequestArgs {
    /// Returns the meta-variables (RFC 3875 §4.1) of a request for `target`: a path with an optional query.
    ///
    /// `length` is the body's length: `None` without a body, `Some(None)` if unknown.
    ///
    /// # Errors
    /// A usage error for a header without a colon, a variable without an equals sign, or a target that is not a path.
    pub(crate) fn params(&self, target: &str, length: Option<Option<u64>>) -> Result<Params, Failure> {
        if !target.starts_with('/') {
            return Err(Failure::usage(format!(
                "invalid path {target:?}: it must start with a slash, such as /status?full"
            )));
        }
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let method = self.method.as_deref().unwrap_or(if length.is_some() { "POST" } else { "GET" });
        let mut params = Params::default();
        for (name, value) in [
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("SERVER_SOFTWARE", concat!("fcgi/", env!("CARGO_PKG_VERSION"))),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("SERVER_NAME", "localhost"),
            ("SERVER_ADDR", "127.0.0.1"),
            ("SERVER_PORT", "80"),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("REMOTE_PORT", "1024"),
            ("REQUEST_METHOD", method),
            ("REQUEST_URI", target),
            ("QUERY_STRING", query),
            ("HTTP_HOST", "localhost"),
        ] {
            params.set(name, value);
        }
        // For a script the path is SCRIPT_NAME; for an application it is PATH_INFO.
        match &self.script {
            Some(script) => {
                params.set("SCRIPT_FILENAME", script);
                params.set("SCRIPT_NAME", path);
            }
            None => {
                params.set("SCRIPT_NAME", "");
                params.set("PATH_INFO", path);
            }
        }
        if let Some(Some(length)) = length {
            params.set("CONTENT_LENGTH", &length.to_string());
        }
        for header in &self.headers {
            let (name, value) = header.split_once(':').ok_or_else(|| {
                Failure::usage(format!(
                    "invalid header {header:?}: it has no colon; write it as 'Accept: */*'"
                ))
            })?;
            params.set(&variable(name.trim()), value.trim());
        }
        for param in &self.params {
            let (name, value) = param.split_once('=').ok_or_else(|| {
                Failure::usage(format!(
                    "invalid variable {param:?}: it has no value; write it as HTTPS=on, or HTTPS= for an empty value"
                ))
            })?;
            params.set(name, value);
        }
        Ok(params)
    }

    /// Returns the client headers, for HTTP.
    pub(crate) fn http_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.headers.iter().filter_map(|header| header.split_once(':'));
        fields.map(|(name, value)| (name.trim(), value.trim()))
    }
}

impl Params {
    /// Sets a variable. Replaces an earlier value.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(old, _)| old == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Removes a variable.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(old, _)| old != name);
    }
}

/// Returns a header's meta-variable name (RFC 3875 §4.1.18).
fn variable(header: &str) -> String {
    let name = header.to_ascii_uppercase().replace('-', "_");
    if matches!(name.as_str(), "CONTENT_TYPE" | "CONTENT_LENGTH") { name } else { format!("HTTP_{name}") }
}

/// Parses a role's name or number.
pub(crate) fn role(text: &str) -> Result<Role, String> {
    match text {
        "responder" => Ok(Role::RESPONDER),
        "authorizer" => Ok(Role::AUTHORIZER),
        "filter" => Ok(Role::FILTER),
        _ => text
            .parse()
            .map(Role)
            .map_err(|_| "expected responder, authorizer, filter, or a number up to 65535".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_variables_are_mapped() {
        let args = RequestArgs {
            method: None,
            headers: vec!["X-Foo: a: b".into(), "content-type:text/plain".into(), "Host: example.org".into()],
            params: vec!["HTTPS=on".into(), "EMPTY=".into(), "A=b=c".into()],
            script: None,
        };
        let params = args.params("/a?b", Some(Some(3))).unwrap();
        for (name, value) in [
            ("HTTP_X_FOO", "a: b"),
            ("CONTENT_TYPE", "text/plain"),
            ("HTTP_HOST", "example.org"),
            ("HTTPS", "on"),
            ("EMPTY", ""),
            ("A", "b=c"),
            ("REQUEST_METHOD", "POST"),
            ("REQUEST_URI", "/a?b"),
            ("PATH_INFO", "/a"),
            ("QUERY_STRING", "b"),
            ("CONTENT_LENGTH", "3"),
        ] {
            let found: Vec<_> =
                params.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value).collect();
            assert_eq!(found, [value], "{name}");
        }
        assert!(args.params("a", None).is_err());
        assert!(RequestArgs { params: vec!["A".into()], ..args.clone() }.params("/", None).is_err());
        assert!(RequestArgs { headers: vec!["A".into()], ..args }.params("/", None).is_err());
    }
}
