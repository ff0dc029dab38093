//! `HTTP_…` meta-variables to header names (RFC 3875 §4.1.18).

use http::header::{self, HeaderName, InvalidHeaderName};

/// The header that the meta-variable `HTTP_{name}` stands for: `_` is `-`, case does not matter.
///
/// The names that browsers and web servers send are found by length and comparison; that is about a tenth of
/// what the general way costs.
#[inline]
pub(super) fn header_name(name: &[u8]) -> Result<HeaderName, InvalidHeaderName> {
    match known(name) {
        Some(name) => Ok(name),
        None => convert(name),
    }
}

/// Names that `http` has no constant for.
mod extra {
    use http::HeaderName;

    pub(super) const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
    pub(super) const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
    pub(super) const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
    pub(super) const SEC_FETCH_USER: HeaderName = HeaderName::from_static("sec-fetch-user");
    pub(super) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
    pub(super) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
    pub(super) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
}

#[inline]
fn known(name: &[u8]) -> Option<HeaderName> {
    // By length first: with each the compiler is left with a few comparisons of words.
    Some(match name.len() {
        2 if name == b"TE" => header::TE,
        3 if name == b"DNT" => header::DNT,
        4 => match name {
            b"HOST" => header::HOST,
            b"DATE" => header::DATE,
            _ => return None,
        },
        5 if name == b"RANGE" => header::RANGE,
        6 => match name {
            b"ACCEPT" => header::ACCEPT,
            b"COOKIE" => header::COOKIE,
            b"ORIGIN" => header::ORIGIN,
            b"PRAGMA" => header::PRAGMA,
            _ => return None,
        },
        7 => match name {
            b"REFERER" => header::REFERER,
            b"UPGRADE" => header::UPGRADE,
            _ => return None,
        },
        8 => match name {
            b"IF_MATCH" => header::IF_MATCH,
            b"IF_RANGE" => header::IF_RANGE,
            _ => return None,
        },
        9 if name == b"FORWARDED" => header::FORWARDED,
        10 => match name {
            b"CONNECTION" => header::CONNECTION,
            b"USER_AGENT" => header::USER_AGENT,
            _ => return None,
        },
        12 if name == b"CONTENT_TYPE" => header::CONTENT_TYPE,
        13 => match name {
            b"AUTHORIZATION" => header::AUTHORIZATION,
            b"CACHE_CONTROL" => header::CACHE_CONTROL,
            b"IF_NONE_MATCH" => header::IF_NONE_MATCH,
            _ => return None,
        },
        14 => match name {
            b"CONTENT_LENGTH" => header::CONTENT_LENGTH,
            b"ACCEPT_CHARSET" => header::ACCEPT_CHARSET,
            b"SEC_FETCH_DEST" => extra::SEC_FETCH_DEST,
            b"SEC_FETCH_MODE" => extra::SEC_FETCH_MODE,
            b"SEC_FETCH_SITE" => extra::SEC_FETCH_SITE,
            b"SEC_FETCH_USER" => extra::SEC_FETCH_USER,
            _ => return None,
        },
        15 => match name {
            b"ACCEPT_ENCODING" => header::ACCEPT_ENCODING,
            b"ACCEPT_LANGUAGE" => header::ACCEPT_LANGUAGE,
            b"X_FORWARDED_FOR" => extra::X_FORWARDED_FOR,
            _ => return None,
        },
        16 if name == b"X_FORWARDED_HOST" => extra::X_FORWARDED_HOST,
        17 => match name {
            b"IF_MODIFIED_SINCE" => header::IF_MODIFIED_SINCE,
            b"X_FORWARDED_PROTO" => extra::X_FORWARDED_PROTO,
            _ => return None,
        },
        19 if name == b"IF_UNMODIFIED_SINCE" => header::IF_UNMODIFIED_SINCE,
        25 if name == b"UPGRADE_INSECURE_REQUESTS" => header::UPGRADE_INSECURE_REQUESTS,
        _ => return None,
    })
}

/// Names up to this length are converted on the stack.
const ON_STACK: usize = 64;

#[cold]
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
