//! Where in a Router a request was routed to.

/// The path of a request, in the part above the mount and the part below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MountPath<'a> {
    /// Undecoded, without a slash at its end.
    pub(super) prefix: &'a str,
    /// Undecoded, with a slash at its front, unless the path is none at all.
    pub(super) below: &'a str,
    /// Whether the slash at the front of `below` is the client's: a nested service is also asked for its prefix alone.
    pub(super) slash: bool,
}

impl<'a> MountPath<'a> {
    /// Of the path that the client asked for, and what a Router has left of it.
    pub(super) fn new(whole: &'a str, below: &'a str) -> Self {
        match whole.strip_suffix(below) {
            // axum takes off a prefix and any number of slashes behind it but one.
            Some(prefix) => {
                let prefix = prefix.trim_end_matches('/');
                Self { prefix, below: &whole[prefix.len()..], slash: true }
            }
            None if below == "/" => Self { prefix: whole, below, slash: false },
            // A middleware has made another path of it, which has nothing to do with the whole one.
            None => Self { prefix: "", below, slash: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_what_a_router_has_taken_off() {
        for (whole, below, prefix, slash) in [
            ("/a/b", "/a/b", "", true),
            ("/", "/", "", true),
            ("/php/a.php", "/a.php", "/php", true),
            ("/php/", "/", "/php", true),
            ("/php", "/", "/php", false),
            ("/a%20b/c", "/c", "/a%20b", true),
            ("/php//a.php", "/a.php", "/php", true),
            ("/php//", "/", "/php", true),
            ("/asked", "/rewritten", "", true),
            ("*", "*", "", true),
        ] {
            let at = MountPath::new(whole, below);
            assert_eq!((at.prefix, at.slash), (prefix, slash), "{whole} {below}");
            let expected = if whole.contains("//") { &whole[prefix.len()..] } else { below };
            assert_eq!(at.below, expected, "{whole} {below}");
        }
    }
}
