//! Classifies the segments of a path as file names.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

/// What a target cannot contain (RFC 3986 §3.3), or would mean something else there.
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// What a segment of a path (the part between two slashes) may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SegmentKind {
    /// The name of a file, in its usual spelling.
    Plain,
    /// May be part of PATH_INFO, but names no file: see [`classify`].
    Unusual,
    /// The request is rejected.
    Malformed,
}

/// Classifies an undecoded segment.
///
/// A segment is malformed if an application could take it for another path: `.` and `..` in any spelling, also between encoded
/// slashes, because clients resolve them before they send a request (RFC 3986 §5.2.4); a NUL, which ends a C string; and
/// a `%` without two digits.
///
/// A segment is unusual if it would reach a file by a second name. A Router compares paths as they were sent, although §6.2.2
/// calls such spellings equivalent. So `/%61dmin/x.php` or `//admin/x.php` would bypass a route that guards `/admin`.
pub(super) fn classify(segment: &str) -> SegmentKind {
    if !cfg!(windows) && is_plain(segment) {
        // Fast path, for nearly all segments.
        return match segment {
            "" => SegmentKind::Unusual,
            "." | ".." => SegmentKind::Malformed,
            _ => SegmentKind::Plain,
        };
    }
    let mut plain = !segment.is_empty();
    let mut rest = segment.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            0 => return SegmentKind::Malformed,
            b'\\' => plain = false,
            b'%' => {
                let Some((byte, tail)) = escaped_byte(tail) else { return SegmentKind::Malformed };
                rest = tail;
                match byte {
                    0 => return SegmentKind::Malformed,
                    b'/' | b'\\' | b'-' | b'.' | b'_' => plain = false,
                    byte if byte.is_ascii_alphanumeric() => plain = false,
                    _ => {}
                }
            }
            _ => {}
        }
    }
    let name = decode(segment);
    match &*name {
        name if name.split(|byte| matches!(byte, b'/' | b'\\')).any(|name| matches!(name, b"." | b"..")) => {
            SegmentKind::Malformed
        }
        name if cfg!(windows) && is_special_on_windows(name) => SegmentKind::Unusual,
        _ if plain => SegmentKind::Plain,
        _ => SegmentKind::Unusual,
    }
}

/// Whether the text contains no escape, no backslash and no NUL.
pub(super) fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| matches!(byte, 0 | b'%' | b'\\'))
}

/// Decodes the escapes of a path or a segment, once.
pub(super) fn decode(text: &str) -> Cow<'_, [u8]> {
    if text.as_bytes().contains(&b'%') {
        percent_decode_str(text).into()
    } else {
        Cow::Borrowed(text.as_bytes())
    }
}

/// Percent-encodes the path of a file, without a slash before it. `None` if a part between two slashes is not a file's name.
pub(super) fn encode(path: &str) -> Option<String> {
    let encoded = utf8_percent_encode(path, ESCAPED).to_string();
    let is_path = encoded.split('/').all(|segment| classify(segment) == SegmentKind::Plain);
    is_path.then_some(encoded)
}

/// The byte that the two digits after a `%` encode, and the text after them.
fn escaped_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    let [high, low, rest @ ..] = text else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(high)? << 4 | digit(low)?, rest))
}

/// `:` names drives and streams, and Windows ignores dots and spaces at the end of a name.
fn is_special_on_windows(name: &[u8]) -> bool {
    name.contains(&b':') || name.ends_with(b".") || name.ends_with(b" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn usual_names_are_plain() {
        for segment in
            ["a", "a.php", "..a", "a..", "...", ".git", "a%20b", "%C3%BC", "caf\u{e9}", "a%25b", "~a", "a+b"]
        {
            assert_eq!(classify(segment), SegmentKind::Plain, "{segment:?}");
        }
    }

    #[test]
    fn second_names_are_unusual() {
        for segment in
            ["", "%61", "a%2ephp", "a%2Fb", "a%2fb", "a%5cb", "a\\b", "%2E%2e%2E", "%5f", "a..%2f", "%2f"]
        {
            assert_eq!(classify(segment), SegmentKind::Unusual, "{segment:?}");
        }
    }

    #[test]
    fn dots_nul_and_bad_escapes_are_malformed() {
        for segment in [
            ".",
            "..",
            "%2e",
            "%2E%2e",
            ".%2e",
            "%00",
            "a%00.php",
            "a\0",
            "%",
            "a%4",
            "%g0",
            "%0g",
            "100%",
            "..%2f",
            "a%2f..",
            "..%5ca",
            "a%2F%2e%2E%2fb",
            ".%2fa",
            "..\\a",
        ] {
            assert_eq!(classify(segment), SegmentKind::Malformed, "{segment:?}");
        }
    }

    #[test]
    fn paths_of_files_are_encoded() {
        for (path, encoded) in [
            ("index.php", Some("index.php")),
            ("a/b c.php", Some("a/b%20c.php")),
            ("50%25.html", Some("50%2525.html")),
            ("\u{fc}?#.php", Some("%C3%BC%3F%23.php")),
            ("", None),
            ("/index.php", None),
            ("a//b", None),
            ("a/", None),
            ("../a", None),
            ("a\0", None),
        ] {
            assert_eq!(encode(path).as_deref(), encoded, "{path:?}");
            if encoded.is_some() {
                assert_eq!(&*decode(&encode(path).unwrap()), path.as_bytes());
            }
        }
    }

    #[test]
    fn escapes_are_decoded_once() {
        assert_eq!(&*decode("/a%2520b"), b"/a%20b");
        assert_eq!(&*decode("/%c3%bc"), "/\u{fc}".as_bytes());
    }
}
