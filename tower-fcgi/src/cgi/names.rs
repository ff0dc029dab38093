//! `HTTP_…` meta-variables to header names (RFC 3875 §4.1.18).

use http::header::{self, HeaderName, InvalidHeaderName};

/// The header that the meta-variable `HTTP_{name}` stands for: `_` is `-`, case does not matter.
///
/// The names that browsers and web servers send are found by length and comparison; that is about a tenth of what the
/// general way costs.
pub(super) fn header_name(name: &[u8]) -> Result<HeaderName, InvalidHeaderName> {
    known(name).map_or_else(|| convert(name), Ok)
}

fn known(name: &[u8]) -> Option<HeaderName> {
    Some(match (name.len(), name) {
        (2, b"TE") => header::TE,
        (3, b"DNT") => header::DNT,
        (4, b"HOST") => header::HOST,
        (4, b"DATE") => header::DATE,
        (5, b"RANGE") => header::RANGE,
        (6, b"ACCEPT") => header::ACCEPT,
        (6, b"COOKIE") => header::COOKIE,
        (6, b"ORIGIN") => header::ORIGIN,
        (6, b"PRAGMA") => header::PRAGMA,
        (7, b"REFERER") => header::REFERER,
        (7, b"UPGRADE") => header::UPGRADE,
        (8, b"IF_MATCH") => header::IF_MATCH,
        (8, b"IF_RANGE") => header::IF_RANGE,
        (9, b"FORWARDED") => header::FORWARDED,
        (10, b"CONNECTION") => header::CONNECTION,
        (10, b"USER_AGENT") => header::USER_AGENT,
        (13, b"AUTHORIZATION") => header::AUTHORIZATION,
        (13, b"CACHE_CONTROL") => header::CACHE_CONTROL,
        (13, b"IF_NONE_MATCH") => header::IF_NONE_MATCH,
        (14, b"ACCEPT_CHARSET") => header::ACCEPT_CHARSET,
        (14, b"SEC_FETCH_DEST") => HeaderName::from_static("sec-fetch-dest"),
        (14, b"SEC_FETCH_MODE") => HeaderName::from_static("sec-fetch-mode"),
        (14, b"SEC_FETCH_SITE") => HeaderName::from_static("sec-fetch-site"),
        (14, b"SEC_FETCH_USER") => HeaderName::from_static("sec-fetch-user"),
        (15, b"ACCEPT_ENCODING") => header::ACCEPT_ENCODING,
        (15, b"ACCEPT_LANGUAGE") => header::ACCEPT_LANGUAGE,
        (15, b"X_FORWARDED_FOR") => HeaderName::from_static("x-forwarded-for"),
        (16, b"X_FORWARDED_HOST") => HeaderName::from_static("x-forwarded-host"),
        (17, b"IF_MODIFIED_SINCE") => header::IF_MODIFIED_SINCE,
        (17, b"X_FORWARDED_PROTO") => HeaderName::from_static("x-forwarded-proto"),
        (19, b"IF_UNMODIFIED_SINCE") => header::IF_UNMODIFIED_SINCE,
        (25, b"UPGRADE_INSECURE_REQUESTS") => header::UPGRADE_INSECURE_REQUESTS,
        _ => return None,
    })
}

/// Names up to this length are converted on the stack.
const ON_STACK: usize = 64;

fn convert(name: &[u8]) -> Result<HeaderName, InvalidHeaderName> {
    let dash = |byte: &u8| if *byte == b'_' { b'-' } else { *byte };
    let mut buffer = [0; ON_STACK];
    match buffer.get_mut(..name.len()) {
        Some(buffer) => {
            for (place, byte) in buffer.iter_mut().zip(name) {
                *place = dash(byte);
            }
            HeaderName::from_bytes(buffer)
        }
        None => HeaderName::from_bytes(&name.iter().map(dash).collect::<Vec<_>>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every name that the shortcut knows comes out as the general way would have it.
    #[test]
    fn the_shortcut_and_the_general_way_agree() {
        let names = "TE DNT HOST DATE RANGE ACCEPT COOKIE ORIGIN PRAGMA REFERER UPGRADE IF_MATCH IF_RANGE FORWARDED \
            CONNECTION USER_AGENT AUTHORIZATION CACHE_CONTROL IF_NONE_MATCH ACCEPT_CHARSET SEC_FETCH_DEST SEC_FETCH_MODE \
            SEC_FETCH_SITE SEC_FETCH_USER ACCEPT_ENCODING ACCEPT_LANGUAGE X_FORWARDED_FOR X_FORWARDED_HOST \
            IF_MODIFIED_SINCE X_FORWARDED_PROTO IF_UNMODIFIED_SINCE UPGRADE_INSECURE_REQUESTS";
        for name in names.split_whitespace() {
            let shortcut = known(name.as_bytes());
            assert_eq!(shortcut, Some(convert(name.as_bytes()).unwrap()), "{name}");
        }
    }

    #[test]
    fn other_names_are_converted_whatever_their_length() {
        assert_eq!(header_name(b"X_REQUEST_ID").unwrap(), "x-request-id");
        assert_eq!(header_name(b"accept").unwrap(), header::ACCEPT);
        let long = "X_".to_owned() + &"A".repeat(100);
        assert_eq!(header_name(long.as_bytes()).unwrap().as_str(), "x-".to_owned() + &"a".repeat(100));
    }

    #[test]
    fn what_is_no_name_is_an_error() {
        for name in [&b""[..], b"A B", b"A\0", b"\xff", b"A:B"] {
            assert!(header_name(name).is_err(), "{name:?}");
        }
    }
}
