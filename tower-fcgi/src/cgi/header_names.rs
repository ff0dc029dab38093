//! Header names and `HTTP_…` meta-variables, both ways (RFC 3875 §4.1.18).

#[cfg(feature = "client")]
use http::header::CONTENT_LENGTH;
use http::header::HeaderName;
#[cfg(feature = "server")]
use http::header::InvalidHeaderName;

#[cfg(feature = "client")]
use super::hop_by_hop::is_hop_by_hop;

/// The header of the meta-variable `HTTP_{name}`: `_` becomes `-`, and case does not matter.
#[cfg(feature = "server")]
#[inline]
pub(super) fn header_name(name: &[u8]) -> Result<HeaderName, InvalidHeaderName> {
    match known_header(name) {
        Some(name) => Ok(name),
        None => convert_variable(name),
    }
}

/// The meta-variable of a header, `HTTP_` included; `scratch` holds it unless it is a constant.
///
/// `None` if the header must not become a variable: a hop-by-hop header, Content-Length, `Proxy`, and a name that
/// would become the variable of another header.
#[cfg(feature = "client")]
#[inline]
pub(super) fn variable_name<'a>(name: &HeaderName, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    match known_variable(name.as_str()) {
        Some(variable) => Some(variable),
        None => convert_header(name, scratch),
    }
}

/// Defines [`known_header`] and [`known_variable`]. A row has names of one length: `"VARIABLE" = "header"`, or
/// `"VARIABLE" => "header"` if the header must not become a variable.
macro_rules! known_names {
    ($($len:literal: $($variable:literal $direction:tt $header:literal),+;)+) => {
        /// The header of a variable that browsers and web servers send. Costs a tenth of the conversion.
        #[cfg(feature = "server")]
        #[inline]
        fn known_header(name: &[u8]) -> Option<HeaderName> {
            // Match the length first: the rest then compiles to a few word comparisons.
            match name.len() {
                $($len => {
                    $(if name == $variable.as_bytes() {
                        return Some(const { HeaderName::from_static($header) });
                    })+
                    None
                })+
                _ => None,
            }
        }

        /// The variable of a header that browsers send.
        #[cfg(feature = "client")]
        #[inline]
        fn known_variable(name: &str) -> Option<&'static [u8]> {
            match name.len() {
                $($len => {
                    $(if known_names!(@both $direction) && name == $header {
                        return Some(concat!("HTTP_", $variable).as_bytes());
                    })+
                    None
                })+
                _ => None,
            }
        }

        #[cfg(test)]
        const KNOWN: &[(&str, &str)] = &[$($(($variable, $header),)+)+];
    };
    (@both =) => { true };
    (@both =>) => { false };
}

known_names! {
    2: "TE" => "te";
    3: "DNT" = "dnt";
    4: "HOST" = "host", "DATE" = "date";
    5: "RANGE" = "range";
    6: "ACCEPT" = "accept", "COOKIE" = "cookie", "ORIGIN" = "origin", "PRAGMA" = "pragma";
    7: "REFERER" = "referer", "UPGRADE" => "upgrade";
    8: "IF_MATCH" = "if-match", "IF_RANGE" = "if-range", "PRIORITY" = "priority";
    9: "SEC_CH_UA" = "sec-ch-ua", "FORWARDED" = "forwarded";
    10: "USER_AGENT" = "user-agent", "CONNECTION" => "connection";
    12: "CONTENT_TYPE" = "content-type";
    13: "AUTHORIZATION" = "authorization", "CACHE_CONTROL" = "cache-control", "IF_NONE_MATCH" = "if-none-match";
    14: "SEC_FETCH_DEST" = "sec-fetch-dest", "SEC_FETCH_MODE" = "sec-fetch-mode",
        "SEC_FETCH_SITE" = "sec-fetch-site", "SEC_FETCH_USER" = "sec-fetch-user",
        "CONTENT_LENGTH" => "content-length", "ACCEPT_CHARSET" = "accept-charset";
    15: "ACCEPT_ENCODING" = "accept-encoding", "ACCEPT_LANGUAGE" = "accept-language",
        "X_FORWARDED_FOR" = "x-forwarded-for";
    16: "SEC_CH_UA_MOBILE" = "sec-ch-ua-mobile", "X_FORWARDED_HOST" = "x-forwarded-host",
        "X_REQUESTED_WITH" = "x-requested-with";
    17: "IF_MODIFIED_SINCE" = "if-modified-since", "X_FORWARDED_PROTO" = "x-forwarded-proto";
    18: "SEC_CH_UA_PLATFORM" = "sec-ch-ua-platform";
    19: "IF_UNMODIFIED_SINCE" = "if-unmodified-since";
    25: "UPGRADE_INSECURE_REQUESTS" = "upgrade-insecure-requests";
}

/// The longest name in bytes that is converted on the stack.
#[cfg(feature = "server")]
const MAX_ON_STACK: usize = 64;

#[cfg(feature = "server")]
#[cold]
fn convert_variable(name: &[u8]) -> Result<HeaderName, InvalidHeaderName> {
    let dash = |byte: &u8| if *byte == b'_' { b'-' } else { *byte };
    let mut buffer = [0; MAX_ON_STACK];
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

/// Maps each byte of a header's name to a byte of a variable's name. 0 for bytes that must not occur: some applications
/// convert `_`, `.` and others to the same byte as `-`.
#[cfg(feature = "client")]
const TO_VARIABLE: [u8; 256] = {
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

#[cfg(feature = "client")]
#[cold]
fn convert_header<'a>(name: &HeaderName, scratch: &'a mut Vec<u8>) -> Option<&'a [u8]> {
    // `Proxy` would become HTTP_PROXY, which programs take for a setting (httpoxy).
    if *name == CONTENT_LENGTH || name == "proxy" || is_hop_by_hop(name) {
        return None;
    }
    scratch.clear();
    scratch.extend_from_slice(b"HTTP_");
    scratch.extend(name.as_str().bytes().map(|byte| TO_VARIABLE[usize::from(byte)]));
    (!scratch.contains(&0)).then_some(scratch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_what_a_conversion_gives() {
        for (variable, header) in KNOWN {
            let name = convert_variable(variable.as_bytes()).unwrap();
            assert_eq!(name, *header);
            assert_eq!(known_header(variable.as_bytes()), Some(name), "{variable}");
            let mut scratch = Vec::new();
            let converted = convert_header(&HeaderName::from_static(header), &mut scratch);
            assert_eq!(known_variable(header), converted, "{header}");
        }
    }

    #[test]
    fn other_variables_of_any_length_are_converted() {
        assert_eq!(header_name(b"X_REQUEST_ID").unwrap(), "x-request-id");
        assert_eq!(header_name(b"accept").unwrap(), "accept");
        let long = "X_".to_owned() + &"A".repeat(100);
        assert_eq!(header_name(long.as_bytes()).unwrap().as_str(), "x-".to_owned() + &"a".repeat(100));
    }

    #[test]
    fn an_invalid_name_is_an_error() {
        for name in [&b""[..], b"A B", b"A\0", b"\xff", b"A:B"] {
            assert!(header_name(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn other_headers_are_converted_or_left_out() {
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
            assert_eq!(variable_name(&HeaderName::from_static(name), &mut scratch), variable, "{name}");
        }
    }
}
