//! Strips a prefix from a target.

/// Strips `prefix`, which is decoded, from `target`, an encoded path with or without a query. The rest is empty or begins
/// with `/` or `?`. `None` if the target is not below the prefix.
pub(super) fn strip_prefix<'a>(target: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let end = prefix.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let prefix = &prefix[..end];
    let mut rest = target;
    if !prefix.is_empty() && !prefix.starts_with(b"/") {
        rest = rest.strip_prefix(b"/")?;
    }
    for expected in prefix {
        let (byte, after) = decode_byte(rest)?;
        if byte != *expected {
            return None;
        }
        rest = after;
    }
    // `/app/x` is below `/app`, but `/appother` is not, nor `/app%2Fx`, which is one segment.
    matches!(rest.first(), None | Some(b'/' | b'?')).then_some(rest)
}

/// Decodes the first byte of a path (RFC 3986 §2.1); also returns the rest. `None` at the end of the path.
fn decode_byte(path: &[u8]) -> Option<(u8, &[u8])> {
    let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match path {
        [] | [b'?', ..] => None,
        [b'%', high, low, rest @ ..] => match (hex(*high), hex(*low)) {
            (Some(high), Some(low)) => Some((high << 4 | low, rest)),
            // A `%` that encodes nothing stands for itself, as it does for web servers.
            _ => Some((b'%', &path[1..])),
        },
        [byte, rest @ ..] => Some((*byte, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(cases: &[(&str, &str, Option<&str>)]) {
        for (target, prefix, rest) in cases {
            let found = strip_prefix(target.as_bytes(), prefix.as_bytes());
            assert_eq!(found, rest.map(str::as_bytes), "{target} {prefix}");
        }
    }

    #[test]
    fn a_prefix_ends_at_the_end_of_a_segment() {
        check(&[
            ("/app/x?q=1", "/app", Some("/x?q=1")),
            ("/app", "/app", Some("")),
            ("/app/", "/app", Some("/")),
            ("/app?q=/x", "/app", Some("?q=/x")),
            ("/app/x", "/app/", Some("/x")),
            ("/app/x", "/app//", Some("/x")),
            ("/app/x", "app", Some("/x")),
            ("/app/x", "", Some("/app/x")),
            ("/app/x", "/", Some("/app/x")),
            ("/app//x", "/app", Some("//x")),
            ("/a/b/c", "/a/b", Some("/c")),
            ("/appother/x", "/app", None),
            ("/app%2Fx", "/app", None),
            ("/ap", "/app", None),
            ("/", "/app", None),
            ("", "/app", None),
            ("/ap?p", "/app", None),
            ("//app/x", "/app", None),
            ("/x/../app/x", "/app", None),
            ("/APP/x", "/app", None),
            ("/?/app", "/app", None),
        ]);
    }

    #[test]
    fn a_prefix_is_decoded_and_the_path_is_not() {
        check(&[
            ("/my%20app/%20", "/my app", Some("/%20")),
            ("/%61pp/x", "/app", Some("/x")),
            ("/caf%C3%a9/x", "/caf\u{e9}", Some("/x")),
            ("/100%/x", "/100%", Some("/x")),
            ("/100%25/x", "/100%", Some("/x")),
            ("/a%2", "/a%2", Some("")),
            ("/a%zz/x", "/a%zz", Some("/x")),
            ("/my%20app/x", "/my%20app", None),
        ]);
    }
}
