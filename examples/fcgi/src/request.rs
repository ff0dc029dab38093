//! What an application is asked, from the command line.

use clap::Args;
use fcgi_core::Role;

use crate::failure::Failure;

/// The options that make up a request.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The request")]
pub(crate) struct RequestArgs {
    /// The method [default: GET, or POST with a body]
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub(crate) method: Option<String>,

    /// A header of the client, as "Name: value"; may be repeated
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub(crate) headers: Vec<String>,

    /// A meta-variable, as NAME=VALUE, in place of the one that there would be; may be repeated
    #[arg(short, long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,

    /// SCRIPT_FILENAME, the file that PHP and fcgiwrap run
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

/// Meta-variables, each once, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(pub(crate) Vec<(String, String)>);

impl RequestArgs {
    /// The meta-variables (RFC 3875 §4.1) of a request for a target, which is a path and perhaps a query.
    ///
    /// `length` is that of the body: `None` if there is none, `Some(None)` if nobody knows.
    ///
    /// # Errors
    /// Of usage: a header without a colon, a variable without an equals sign, a target that is no path.
    pub(crate) fn params(&self, target: &str, length: Option<Option<u64>>) -> Result<Params, Failure> {
        if !target.starts_with('/') {
            return Err(Failure::usage(format!(
                "{target:?} is no path: it has to begin with a slash, as /status?full"
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
        // What runs a script has its name; what is an application of its own has all of the path.
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
                Failure::usage(format!("the header {header:?} has no colon: write it as 'Accept: */*'"))
            })?;
            params.set(&variable(name.trim()), value.trim());
        }
        for param in &self.params {
            let (name, value) = param.split_once('=').ok_or_else(|| {
                Failure::usage(format!(
                    "the variable {param:?} has no value: write it as HTTPS=on, or HTTPS= for an empty one"
                ))
            })?;
            params.set(name, value);
        }
        Ok(params)
    }

    /// The headers as they were given, for HTTP.
    pub(crate) fn http_headers(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.headers.iter().filter_map(|header| header.split_once(':'));
        fields.map(|(name, value)| (name.trim(), value.trim()))
    }
}

impl Params {
    /// Sets one, in the place of an earlier one of that name.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        match self.0.iter_mut().find(|(old, _)| old == name) {
            Some((_, old)) => value.clone_into(old),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
    }

    /// Takes one out.
    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(old, _)| old != name);
    }
}

/// The meta-variable of a header (RFC 3875 §4.1.18).
fn variable(header: &str) -> String {
    let name = header.to_ascii_uppercase().replace('-', "_");
    if matches!(name.as_str(), "CONTENT_TYPE" | "CONTENT_LENGTH") { name } else { format!("HTTP_{name}") }
}

/// The role of that name, or number.
pub(crate) fn role(text: &str) -> Result<Role, String> {
    match text {
        "responder" => Ok(Role::RESPONDER),
        "authorizer" => Ok(Role::AUTHORIZER),
        "filter" => Ok(Role::FILTER),
        _ => text
            .parse()
            .map(Role)
            .map_err(|_| "a role is responder, authorizer, filter, or a number to 65535".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_and_variables_find_their_names() {
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
