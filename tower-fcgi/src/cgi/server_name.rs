//! SERVER_NAME and SERVER_PORT (RFC 3875 §4.1.14, §4.1.15).

use http::header::HOST;
use http::request;
use http::uri::{Authority, Scheme};

use super::decimal::parse_decimal;
use super::standard_variable::StandardVariable;
use super::variable_writer::VariableWriter;
use super::whitespace::trim_ows;

/// Writes SERVER_NAME and SERVER_PORT, which are mandatory, from Host or else the target's authority.
pub(super) fn write_server(parts: &request::Parts, scheme: Option<&Scheme>, writer: &mut VariableWriter<'_>) {
    let https = scheme == Some(&Scheme::HTTPS);
    let default_port = if https { "443" } else { "80" };
    let host = parts.headers.get(HOST).map(|host| trim_ows(host.as_bytes()));
    if let Some((name, port)) = host.and_then(split_plain) {
        writer.write(StandardVariable::ServerName, name);
        writer.write(StandardVariable::ServerPort, port.unwrap_or(default_port.as_bytes()));
        return;
    }
    let parsed = host.and_then(|host| Authority::try_from(host).ok());
    let authority = parsed.as_ref().or(parts.uri.authority());
    if host.is_none()
        && let Some(authority) = authority
    {
        // RFC 9113 §8.3.1: HTTP/2 has `:authority` instead of Host. Userinfo is not part of Host.
        let authority = authority.as_str();
        let host = authority.rsplit('@').next().unwrap_or(authority);
        writer.write_header(b"HTTP_HOST", host.as_bytes());
    }
    writer.write(StandardVariable::ServerName, authority.map_or("localhost", Authority::host).as_bytes());
    match authority.and_then(Authority::port_u16) {
        Some(port) => writer.write(StandardVariable::ServerPort, itoa::Buffer::new().format(port).as_bytes()),
        None => writer.write(StandardVariable::ServerPort, default_port.as_bytes()),
    }
}

/// Splits a Host of letters, digits, dots and dashes, which nearly every Host is, into name and port. Such a Host is
/// valid without parsing it as an [`Authority`].
fn split_plain(host: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let end = host.iter().position(|byte| !is_name(byte)).unwrap_or(host.len());
    let (name, port) = host.split_at_checked(end).filter(|(name, _)| !name.is_empty())?;
    match port {
        [] => Some((name, None)),
        [b':', port @ ..] if matches!(port, [b'1'..=b'9', ..]) && port.len() <= 5 => {
            parse_decimal(port).filter(|number| *number <= u16::MAX.into()).map(|_| (name, Some(port)))
        }
        _ => None,
    }
}
