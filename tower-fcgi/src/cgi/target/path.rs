//! Decoded paths, and the normal form in which two spellings are equal.

/// A decoded path, in up to two parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path<'a>([&'a [u8]; 2]);

impl<'a> Path<'a> {
    pub(super) const fn new(parts: [&'a [u8]; 2]) -> Self {
        Self(parts)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0[0].is_empty() && self.0[1].is_empty()
    }

    pub(super) const fn parts(&self) -> [&'a [u8]; 2] {
        self.0
    }

    /// Whether the path is `bytes`.
    pub(super) fn is(&self, bytes: &[u8]) -> bool {
        let [first, second] = self.0;
        bytes.len() == first.len() + second.len() && bytes.starts_with(first) && bytes.ends_with(second)
    }

    pub(super) fn bytes(&self) -> impl Iterator<Item = u8> + use<'a> {
        let [first, second] = self.0;
        first.iter().chain(second).copied()
    }

    /// Whether a segment is `.` or `..` (RFC 3986 §3.3).
    pub(super) fn has_dot_segment(&self) -> bool {
        has_dot_segment(self.bytes())
    }
}

/// How `%2F` is decoded. Apache's `AllowEncodedSlashes NoDecode` leaves it in the decided path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EncodedSlash {
    Decode,
    Keep,
}

/// Percent-decodes a path (RFC 3986 §2.1). A `%` without two hexadecimal digits stands for itself, as it does for web
/// servers.
pub(super) fn decode(path: &[u8], slash: EncodedSlash) -> impl Iterator<Item = u8> + Clone {
    let mut rest = path;
    std::iter::from_fn(move || {
        let (byte, after) = match rest {
            [b'%', high, low, after @ ..] => match hex(*high).zip(hex(*low)) {
                Some((2, 15)) if slash == EncodedSlash::Keep => (b'%', &rest[1..]),
                Some((high, low)) => (high << 4 | low, after),
                None => (b'%', &rest[1..]),
            },
            [byte, after @ ..] => (*byte, after),
            [] => return None,
        };
        rest = after;
        Some(byte)
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// Replaces consecutive slashes by one.
pub(super) fn merge_slashes(path: impl Iterator<Item = u8>) -> impl Iterator<Item = u8> {
    let mut last = 0;
    path.filter(move |byte| {
        let keep = *byte != b'/' || last != b'/';
        last = *byte;
        keep
    })
}

/// Whether a segment of a decoded path is `.` or `..` (RFC 3986 §3.3).
pub(super) fn has_dot_segment(path: impl Iterator<Item = u8>) -> bool {
    // Dots since the last slash; `None` if the segment has other bytes.
    let mut dots = Some(0_usize);
    for byte in path {
        dots = match byte {
            b'/' if matches!(dots, Some(1 | 2)) => return true,
            b'/' => Some(0),
            b'.' => dots.map(|dots| dots.saturating_add(1)),
            _ => None,
        };
    }
    matches!(dots, Some(1 | 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: impl Iterator<Item = u8>) -> String {
        bytes.map(char::from).collect()
    }

    #[test]
    fn percent_encoding_is_decoded_once() {
        for (path, decoded, kept) in [
            ("/a%20b", "/a b", "/a b"),
            ("/a%2fb%2F", "/a/b/", "/a%2fb%2F"),
            ("/%252f%", "/%2f%", "/%2f%"),
            ("/%zz%4", "/%zz%4", "/%zz%4"),
            ("/%00%2E", "/\0.", "/\0."),
        ] {
            assert_eq!(text(decode(path.as_bytes(), EncodedSlash::Decode)), decoded, "{path}");
            assert_eq!(text(decode(path.as_bytes(), EncodedSlash::Keep)), kept, "{path}");
        }
    }

    #[test]
    fn slashes_are_merged() {
        for (path, merged) in [("//a///b/", "/a/b/"), ("", ""), ("///", "/"), ("a//", "a/")] {
            assert_eq!(text(merge_slashes(path.bytes())), merged);
        }
    }

    #[test]
    fn dot_segments_are_whole_segments() {
        for (path, has) in [
            ("/./a", true),
            ("/a/..", true),
            ("/a/.", true),
            ("..", true),
            ("/../", true),
            ("/...", false),
            ("/.a/..b/c./d../.well-known", false),
            ("", false),
            ("/", false),
        ] {
            assert_eq!(has_dot_segment(path.bytes()), has, "{path}");
            let (first, second) = path.split_at(path.len() / 2);
            assert_eq!(Path::new([first.as_bytes(), second.as_bytes()]).has_dot_segment(), has, "{path}");
        }
    }

    #[test]
    fn a_path_is_its_bytes_however_it_is_split() {
        let path = Path::new([b"/aa", b"/a"]);
        assert!(path.is(b"/aa/a"));
        for other in [&b"/aa"[..], b"/aa/", b"/aa/ab", b"/a/a", b""] {
            assert!(!path.is(other));
        }
    }
}
