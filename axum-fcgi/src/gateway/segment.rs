//! The path of a request, as names of files.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// What a part of a path between two slashes is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SegmentKind {
    /// The name of a file, written as everybody writes it.
    Plain,
    /// It may be a part of PATH_INFO, but names no file: see [`form`].
    Odd,
    /// No request should have it.
    Malformed,
}

/// Looks at one part of a path, undecoded.
///
/// Malformed is what an application could take for another path: `.` and `..`, which a client resolves before it asks
/// (RFC 3986 §5.2.4), in any spelling, and between encoded slashes as well; a NUL, at which C ends a string; a `%` without two digits.
///
/// Odd is what would reach a file by a second name. A Router compares paths as they were sent (§6.2.2 calls such
/// spellings equivalent), so that who guards `/admin` would be passed by `/%61dmin/x.php` or `//admin/x.php`.
pub(super) fn form(part: &str) -> SegmentKind {
    if !cfg!(windows) && is_plain(part) {
        // Nearly all are as they look.
        return match part {
            "" => SegmentKind::Odd,
            "." | ".." => SegmentKind::Malformed,
            _ => SegmentKind::Plain,
        };
    }
    let mut plain = !part.is_empty();
    let mut rest = part.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            0 => return SegmentKind::Malformed,
            b'\\' => plain = false,
            b'%' => {
                let Some((byte, tail)) = escape(tail) else { return SegmentKind::Malformed };
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
    let name = decoded(part);
    match &*name {
        name if name.split(|byte| matches!(byte, b'/' | b'\\')).any(|name| matches!(name, b"." | b"..")) => {
            SegmentKind::Malformed
        }
        name if cfg!(windows) && is_special_on_windows(name) => SegmentKind::Odd,
        _ if plain => SegmentKind::Plain,
        _ => SegmentKind::Odd,
    }
}

/// Whether there is nothing in it but what it looks like: no escape, no other separator, no end of a string.
pub(super) fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| matches!(byte, 0 | b'%' | b'\\'))
}

/// A path or a part of one without its escapes, taken off once.
pub(super) fn decoded(text: &str) -> Cow<'_, [u8]> {
    if text.as_bytes().contains(&b'%') {
        percent_decode_str(text).into()
    } else {
        Cow::Borrowed(text.as_bytes())
    }
}

fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let [high, low, rest @ ..] = text else { return None };
    let digit = |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(high)? << 4 | digit(low)?, rest))
}

/// `:` names drives and streams, and what ends with dots or spaces is the same file without them.
fn is_special_on_windows(name: &[u8]) -> bool {
    name.contains(&b':') || name.ends_with(b".") || name.ends_with(b" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for part in
            ["a", "a.php", "..a", "a..", "...", ".git", "a%20b", "%C3%BC", "caf\u{e9}", "a%25b", "~a", "a+b"]
        {
            assert_eq!(form(part), SegmentKind::Plain, "{part:?}");
        }
    }

    #[test]
    fn second_names_are_odd() {
        for part in
            ["", "%61", "a%2ephp", "a%2Fb", "a%2fb", "a%5cb", "a\\b", "%2E%2e%2E", "%5f", "a..%2f", "%2f"]
        {
            assert_eq!(form(part), SegmentKind::Odd, "{part:?}");
        }
    }

    #[test]
    fn what_leads_elsewhere_is_malformed() {
        for part in [
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
            assert_eq!(form(part), SegmentKind::Malformed, "{part:?}");
        }
    }

    #[test]
    fn escapes_are_taken_off_once() {
        assert_eq!(&*decoded("/a%2520b"), b"/a%20b");
        assert_eq!(&*decoded("/%c3%bc"), "/\u{fc}".as_bytes());
    }
}
