//! The name and port of the web server.

use super::extractor::extractor;
use super::lookup::non_empty_str;

/// The name and port of the web server for this request: SERVER_NAME and SERVER_PORT (RFC 3875 §4.1.14, §4.1.15).
///
/// **Often the client chooses it**: Caddy and HAProxy take the name from the Host header, and so does Apache unless
/// `UseCanonicalName` is on; Caddy also takes the port from it. Use it to distinguish virtual hosts. For links that are
/// sent elsewhere, such as in mails, configure the name.
///
/// # Rejection
/// [`MissingServerName`](crate::rejection::MissingServerName), a 500, if the web server has no name (nginx without a
/// `server_name` sends an empty one), or the request did not come over FastCGI. `Option<ServerName>` is `None` then.
///
/// # Examples
/// ```
/// use axum_fcgi::ServerName;
/// async fn handler(ServerName { name, port, .. }: ServerName) -> String {
///     port.map_or(name.clone(), |port| format!("{name}:{port}"))
/// }
/// # let _: axum::Router = axum::Router::new().route("/", axum::routing::get(handler));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ServerName {
    /// SERVER_NAME: a host name or an address. An IPv6 address may have brackets or not. HAProxy appends the port of the
    /// Host header, which is removed here.
    pub name: String,
    /// SERVER_PORT, if it is valid.
    pub port: Option<u16>,
}

impl ServerName {
    fn from_params(params: &tower_fcgi::Params) -> Option<Self> {
        let mut name = non_empty_str(params, "SERVER_NAME")?;
        name.truncate(without_port(&name).len());
        let port = params.get_str("SERVER_PORT").and_then(|port| port.parse().ok());
        (!name.is_empty()).then_some(Self { name, port })
    }
}

/// `host` of `host:port`.
fn without_port(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((host, port)) if is_whole_host(host) && port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => name,
    }
}

/// Whether the text before the last colon is a complete host, not a part of an IPv6 address.
fn is_whole_host(host: &str) -> bool {
    !host.contains(':') || host.starts_with('[') && host.ends_with(']')
}

extractor!(
    ServerName,
    MissingServerName,
    "the web server sends no SERVER_NAME, or the request did not come over FastCGI"
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::test_util::{extracted, extracted_from, parts};

    #[test]
    fn server_name_may_have_a_port_and_server_port_wins() {
        for (name, port, expected) in [
            ("example.org", "443", Some(("example.org", Some(443)))),
            ("example.org:8080", "80", Some(("example.org", Some(80)))),
            ("example.org:", "80", Some(("example.org", Some(80)))),
            ("example.org:http", "", Some(("example.org:http", None))),
            ("[2001:db8::1]:80", "80", Some(("[2001:db8::1]", Some(80)))),
            ("[2001:db8::1]", "80", Some(("[2001:db8::1]", Some(80)))),
            ("2001:db8::1", "65536", Some(("2001:db8::1", None))),
            ("", "80", None),
            (":80", "80", None),
        ] {
            let expected = expected.map(|(name, port)| ServerName { name: name.to_owned(), port });
            assert_eq!(extracted(&[("SERVER_NAME", name), ("SERVER_PORT", port)]), expected, "{name:?}");
        }
        assert_eq!(extracted::<ServerName>(&[("HTTP_HOST", "example.org"), ("SERVER_PORT", "80")]), None);
        assert_eq!(extracted_from::<ServerName>(&mut parts(None)), None);
    }
}
