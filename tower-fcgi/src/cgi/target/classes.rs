//! Classifies the bytes of a target.
//!
//! Tables, because every request is checked: the classes of all bytes are combined without a branch.

/// Valid as it is. In a path: the bytes of RFC 3986 §3.3 without `%` and `.`, and `/`.
const PLAIN: u8 = 0;
/// `.`, which may form a dot segment.
const DOT: u8 = 1;
/// `%` and `#`, and bytes that [`Uri`](http::Uri) accepts although RFC 3986 does not.
const SPECIAL: u8 = 2;
/// Must be percent-encoded.
const INVALID: u8 = 4;

const PATH: [u8; 256] = {
    let mut classes = [INVALID; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'.' => DOT,
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'&'..=b'-' | b'/' => PLAIN,
            b'!' | b'$' | b':' | b';' | b'=' | b'@' | b'_' | b'~' => PLAIN,
            b'#' | b'%' | b'?' | b'[' | b'\\' | b']' | b'^' | b'{' | b'|' | b'}' => SPECIAL,
            _ => INVALID,
        };
        byte += 1;
    }
    classes
};

const QUERY: [u8; 256] = {
    let mut classes = [INVALID; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            0x21 | 0x24..=0x3b | 0x3d | 0x3f..=0x7e => PLAIN,
            _ => INVALID,
        };
        byte += 1;
    }
    classes
};

fn join(bytes: &[u8], classes: &[u8; 256]) -> u8 {
    bytes.iter().fold(PLAIN, |all, byte| all | classes[usize::from(*byte)])
}

/// Whether a path begins with a slash and has nothing to decode, encode or reject.
pub(super) fn is_plain_path(path: &[u8]) -> bool {
    let classes = join(path, &PATH);
    path.starts_with(b"/")
        && (classes == PLAIN || classes == DOT && !path.windows(2).any(|pair| pair == b"/."))
}

/// Whether every byte of the path is valid in a target.
pub(super) fn is_valid_path(path: &[u8]) -> bool {
    join(path, &PATH) & INVALID == 0
}

/// Whether every byte of the query is valid in a target, and no fragment follows.
pub(super) fn is_valid_query(query: &[u8]) -> bool {
    join(query, &QUERY) == PLAIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_has_no_dot_segment() {
        for (path, is) in [
            ("/", true),
            ("/style.css", true),
            ("/a.b/c..d/e.", true),
            ("/.well-known", false),
            ("/a/..", false),
            ("/a/./b", false),
            ("/%61", false),
            ("/a|b", false),
            ("a", false),
            ("", false),
        ] {
            assert_eq!(is_plain_path(path.as_bytes()), is, "{path}");
        }
    }
}
