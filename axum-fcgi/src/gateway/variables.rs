//! The meta-variables that only a web server knows.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::Extensions;
use tower_fcgi::client::ExtraParams;

use super::mount_path::MountPath;
use super::resolver::Script;
use super::segment::decode;
use super::settings::{Files, Settings};

/// A variable, if it is set.
type Pair<'a> = Option<(&'static str, &'a [u8])>;

/// The variables for a script.
pub(super) fn script_variables(
    files: &Files,
    script: &Script,
    path: &MountPath<'_>,
    settings: &Settings,
    extensions: &Extensions,
) -> ExtraParams {
    let root = &files.remote_root[..];
    let prefix = decode(path.prefix);
    let uri = concat([&prefix, &script.name, &script.path_info]);
    let (name, path_info) = uri.split_at(prefix.len() + script.name.len());
    let file = concat([root, &script.name]);
    let translated = if path_info.is_empty() { Vec::new() } else { concat([root, path_info]) };
    let pairs = [
        Some(("SCRIPT_FILENAME", &file[..])),
        Some(("DOCUMENT_ROOT", root)),
        Some(("DOCUMENT_URI", &uri[..])),
        Some(("SCRIPT_NAME", name)),
        Some(("PATH_INFO", path_info)),
        (!path_info.is_empty()).then_some(("PATH_TRANSLATED", &translated[..])),
        // PHP's CGI program rejects requests without it (cgi.force_redirect).
        Some(("REDIRECT_STATUS", b"200")),
    ];
    with_overrides(pairs, settings, extensions)
}

/// Like `[_]::concat`, which is slower for a few bytes.
fn concat<const N: usize>(parts: [&[u8]; N]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        joined.extend_from_slice(part);
    }
    joined
}

/// The variables for an application that handles all paths itself.
pub(super) fn application_variables(
    path: &MountPath<'_>,
    settings: &Settings,
    extensions: &Extensions,
) -> ExtraParams {
    // The prefix alone has no PATH_INFO.
    let path_info = if path.has_slash { decode(path.rest) } else { Default::default() };
    let script_name = decode(path.prefix);
    with_overrides(
        [Some(("SCRIPT_NAME", &script_name[..])), Some(("PATH_INFO", &path_info))],
        settings,
        extensions,
    )
}

/// Adds the client's address, the mount's `env` and a middleware's `ExtraParams`. Of several with one name, the last wins.
fn with_overrides<const N: usize>(
    pairs: [Pair<'_>; N],
    settings: &Settings,
    extensions: &Extensions,
) -> ExtraParams {
    let client = extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(addr)| RemoteAddr::new(addr));
    let client = client.as_ref().map_or([None, None], RemoteAddr::pairs);
    let none = ExtraParams::default();
    let extra = &extensions.get::<ExtraParams>().unwrap_or(&none).0;
    let env = &settings.env.0;
    let computed = pairs.into_iter().chain(client).flatten().map(|(name, value)| (name.as_bytes(), value));
    if extra.is_empty() && env.is_empty() {
        return ExtraParams(computed.collect());
    }
    let computed = computed.filter(|(name, _)| env.get(name).is_none() && extra.get(name).is_none());
    let env = env.iter().filter(|(name, _)| extra.get(name).is_none());
    ExtraParams(computed.chain(env).chain(extra).collect())
}

/// REMOTE_ADDR and REMOTE_PORT as text.
struct RemoteAddr {
    addr: String,
    port: String,
}

impl RemoteAddr {
    fn new(client: &SocketAddr) -> Self {
        // A dual-stack socket reports IPv4 addresses mapped to IPv6, a form that few applications support.
        let addr = match client.ip().to_canonical() {
            IpAddr::V4(addr) => {
                // Faster than `Display` by 1 000 instructions.
                let mut buffers: [_; 4] = std::array::from_fn(|_| itoa::Buffer::new());
                let [a, b, c, d] = &mut buffers;
                let [w, x, y, z] = addr.octets();
                [a.format(w), b.format(x), c.format(y), d.format(z)].join(".")
            }
            IpAddr::V6(addr) => addr.to_string(),
        };
        Self { addr, port: client.port().to_string() }
    }

    fn pairs(&self) -> [Pair<'_>; 2] {
        [Some(("REMOTE_ADDR", self.addr.as_bytes())), Some(("REMOTE_PORT", self.port.as_bytes()))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_addr_is_canonical_and_has_no_brackets() {
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
            let client = RemoteAddr::new(&client.parse().unwrap());
            let pairs = client.pairs().map(|pair| pair.map(|(_, value)| value.to_vec()));
            assert_eq!(pairs, [Some(address.into()), Some(port.into())], "{pairs:?}");
        }
    }
}
