//! Names of headers to `HTTP_…` meta-variables (RFC 3875 §4.1.18).

use http::HeaderName;
use http::header::CONTENT_LENGTH;

use super::is_hop_by_hop;

/// The variable that a header becomes, which may be put into `scratch`; none where there is to be none, or where another header would
/// become the same.
///
/// The names that browsers send are found by length and comparison, the others are converted.
#[inline]
pub(crate) fn variable_of<'a>(name: &HeaderName, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    match known(name.as_str()) {
        Some(variable) => Some(variable),
        None => convert(name, scratch),
    }
}

#[inline]
fn known(name: &str) -> Option<&'static [u8]> {
    // By length first: with each the compiler is left with a few comparisons of words.
    Some(match name.len() {
        3 if name == "dnt" => b"HTTP_DNT",
        4 if name == "host" => b"HTTP_HOST",
        5 if name == "range" => b"HTTP_RANGE",
        6 => match name {
            "accept" => b"HTTP_ACCEPT",
            "cookie" => b"HTTP_COOKIE",
            "origin" => b"HTTP_ORIGIN",
            "pragma" => b"HTTP_PRAGMA",
            _ => return None,
        },
        7 if name == "referer" => b"HTTP_REFERER",
        8 => match name {
            "if-range" => b"HTTP_IF_RANGE",
            "priority" => b"HTTP_PRIORITY",
            _ => return None,
        },
        9 if name == "sec-ch-ua" => b"HTTP_SEC_CH_UA",
        10 if name == "user-agent" => b"HTTP_USER_AGENT",
        13 => match name {
            "authorization" => b"HTTP_AUTHORIZATION",
            "cache-control" => b"HTTP_CACHE_CONTROL",
            "if-none-match" => b"HTTP_IF_NONE_MATCH",
            _ => return None,
        },
        14 => match name {
            "sec-fetch-dest" => b"HTTP_SEC_FETCH_DEST",
            "sec-fetch-mode" => b"HTTP_SEC_FETCH_MODE",
            "sec-fetch-site" => b"HTTP_SEC_FETCH_SITE",
            "sec-fetch-user" => b"HTTP_SEC_FETCH_USER",
            _ => return None,
        },
        15 => match name {
            "accept-encoding" => b"HTTP_ACCEPT_ENCODING",
            "accept-language" => b"HTTP_ACCEPT_LANGUAGE",
            "x-forwarded-for" => b"HTTP_X_FORWARDED_FOR",
            _ => return None,
        },
        16 => match name {
            "sec-ch-ua-mobile" => b"HTTP_SEC_CH_UA_MOBILE",
            "x-forwarded-host" => b"HTTP_X_FORWARDED_HOST",
            "x-requested-with" => b"HTTP_X_REQUESTED_WITH",
            _ => return None,
        },
        17 => match name {
            "if-modified-since" => b"HTTP_IF_MODIFIED_SINCE",
            "x-forwarded-proto" => b"HTTP_X_FORWARDED_PROTO",
            _ => return None,
        },
        18 if name == "sec-ch-ua-platform" => b"HTTP_SEC_CH_UA_PLATFORM",
        25 if name == "upgrade-insecure-requests" => b"HTTP_UPGRADE_INSECURE_REQUESTS",
        _ => return None,
    })
}

/// What the bytes of a header's name are in a variable's; 0 for those that there cannot be, or that another one is as well.
const IN_VARIABLE: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = match byte {
            b'-' => b'_',
            _ if byte.is_ascii_alphanumeric() => byte.to_ascii_uppercase(),
            _ => 0,
        };
        byte += 1;
    }
    table
};

#[cold]
fn convert<'a>(name: &HeaderName, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    if *name == CONTENT_LENGTH || name == "proxy" || is_hop_by_hop(name) {
        return None;
    }
    scratch.clear();
    scratch.extend_from_slice(b"HTTP_");
    scratch.extend(name.as_str().bytes().map(|byte| IN_VARIABLE[usize::from(byte)]));
    (!scratch.contains(&0)).then_some(scratch)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every name that the shortcut knows becomes what the general way would have it.
    #[test]
    fn the_shortcut_and_the_general_way_agree() {
        let names = "dnt host range accept cookie origin pragma referer if-range priority sec-ch-ua user-agent authorization \
            cache-control if-none-match sec-fetch-dest sec-fetch-mode sec-fetch-site sec-fetch-user accept-encoding \
            accept-language x-forwarded-for sec-ch-ua-mobile x-forwarded-host x-requested-with if-modified-since \
            x-forwarded-proto sec-ch-ua-platform upgrade-insecure-requests";
        for name in names.split_whitespace() {
            let general = convert(&HeaderName::from_static(name), &mut Vec::new()).map(<[u8]>::to_vec);
            assert!(general.is_some(), "{name}");
            assert_eq!(known(name).map(<[u8]>::to_vec), general, "{name}");
        }
    }

    #[test]
    fn others_are_converted_or_left_out() {
        let mut scratch = Vec::new();
        for (name, variable) in [
            ("x-a-9", Some(&b"HTTP_X_A_9"[..])),
            ("content-md5", Some(b"HTTP_CONTENT_MD5")),
            ("content-length", None),
            ("proxy", None),
            ("connection", None),
            ("te", None),
            ("x_a", None),
            ("a.b", None),
        ] {
            assert_eq!(variable_of(&HeaderName::from_static(name), &mut scratch), variable, "{name}");
        }
    }
}
