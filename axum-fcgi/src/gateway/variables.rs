//! The meta-variables of a request that only a web server knows.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::Extensions;
use tower_fcgi::client::ExtraParams;

use super::mount_path::MountPath;
use super::resolver::Script;
use super::segment::decoded;
use super::settings::{Files, Settings};

/// A variable, where there is one.
type Pair<'a> = Option<(&'static str, &'a [u8])>;

/// Of a script.
pub(super) fn of_script(
    files: &Files,
    script: &Script,
    at: &MountPath<'_>,
    settings: &Settings,
    extensions: &Extensions,
) -> ExtraParams {
    let root = &files.seen_as[..];
    let prefix = decoded(at.prefix);
    let uri = joined([&prefix, &script.name, &script.path_info]);
    let (name, path_info) = uri.split_at(prefix.len() + script.name.len());
    let file = joined([root, &script.name]);
    let translated = if path_info.is_empty() { Vec::new() } else { joined([root, path_info]) };
    let pairs = [
        Some(("SCRIPT_FILENAME", &file[..])),
        Some(("DOCUMENT_ROOT", root)),
        Some(("DOCUMENT_URI", &uri[..])),
        Some(("SCRIPT_NAME", name)),
        Some(("PATH_INFO", path_info)),
        (!path_info.is_empty()).then_some(("PATH_TRANSLATED", &translated[..])),
        // PHP's CGI program wants to hear that it was not asked by its own URL.
        Some(("REDIRECT_STATUS", b"200")),
    ];
    with_rest(pairs, settings, extensions)
}

/// As `concat`, which is dearer for a few bytes.
fn joined<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        whole.extend_from_slice(part);
    }
    whole
}

/// Of an application that has all below a path.
pub(super) fn of_application(
    at: &MountPath<'_>,
    settings: &Settings,
    extensions: &Extensions,
) -> ExtraParams {
    // The prefix alone is the application's own path, and has nothing behind it.
    let path_info = if at.slash { decoded(at.below) } else { Default::default() };
    let script_name = decoded(at.prefix);
    with_rest(
        [Some(("SCRIPT_NAME", &script_name[..])), Some(("PATH_INFO", &path_info))],
        settings,
        extensions,
    )
}

/// With what the connection, the mount and a middleware say, of which the last wins.
fn with_rest<const N: usize>(
    pairs: [Pair<'_>; N],
    settings: &Settings,
    extensions: &Extensions,
) -> ExtraParams {
    let client = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(client)| Client::new(client));
    let client = client.as_ref().map_or([None, None], Client::pairs);
    let none = ExtraParams::default();
    let own = &extensions.get::<ExtraParams>().unwrap_or(&none).0;
    let env = &settings.env.0;
    let ours = pairs.into_iter().chain(client).flatten().map(|(name, value)| (name.as_bytes(), value));
    if own.is_empty() && env.is_empty() {
        return ExtraParams(ours.collect());
    }
    let ours = ours.filter(|(name, _)| env.get(name).is_none() && own.get(name).is_none());
    let env = env.iter().filter(|(name, _)| own.get(name).is_none());
    ExtraParams(ours.chain(env).chain(own).collect())
}

/// Address and port as text.
struct Client {
    /// The one behind the other. What a socket's address takes with its scope and brackets.
    text: [u8; 64],
    /// Where the port begins, and ends.
    port: [usize; 2],
}

impl Client {
    fn new(client: &SocketAddr) -> Self {
        let mut text = [0; 64];
        let mut rest = &mut text[..];
        // A socket for both versions of IP has those of the old one in a form that few applications know.
        match client.ip().to_canonical() {
            IpAddr::V4(address) => {
                let mut number = itoa::Buffer::new();
                for (at, octet) in address.octets().into_iter().enumerate() {
                    let dot = if at == 0 { &b""[..] } else { b"." };
                    for part in [dot, number.format(octet).as_bytes()] {
                        _ = rest.write(part);
                    }
                }
            }
            IpAddr::V6(address) => _ = write!(rest, "{address}"),
        }
        let address = 64 - rest.len();
        _ = rest.write(itoa::Buffer::new().format(client.port()).as_bytes());
        let port = [address, 64 - rest.len()];
        Self { text, port }
    }

    fn pairs(&self) -> [Pair<'_>; 2] {
        let [port, end] = self.port;
        [Some(("REMOTE_ADDR", &self.text[..port])), Some(("REMOTE_PORT", &self.text[port..end]))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_everybody_writes_it() {
        for (client, address, port) in [
            ("192.0.2.1:80", "192.0.2.1", "80"),
            ("255.255.255.255:65535", "255.255.255.255", "65535"),
            ("0.0.0.0:0", "0.0.0.0", "0"),
            ("[::ffff:192.0.2.1]:1", "192.0.2.1", "1"),
            ("[2001:db8::1]:9", "2001:db8::1", "9"),
            (
                "[1111:2222:3333:4444:5555:6666:7777:8888]:65535",
                "1111:2222:3333:4444:5555:6666:7777:8888",
                "65535",
            ),
        ] {
            let client = Client::new(&client.parse().unwrap());
            let told = client.pairs().map(|pair| pair.map(|(_, value)| value.to_vec()));
            assert_eq!(told, [Some(address.into()), Some(port.into())], "{told:?}");
        }
    }
}
