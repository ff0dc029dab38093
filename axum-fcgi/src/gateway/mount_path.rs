//! The path of a request, split at the mount.

/// The path of a request: the mount's own path, and the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct MountPath<'a> {
    /// The mount's path, undecoded, without a trailing slash.
    pub(super) prefix: &'a str,
    /// The rest, undecoded. Starts with a slash, except for the target `*`.
    pub(super) rest: &'a str,
    /// Whether the client sent the slash that `rest` starts with. A nested service also gets requests for the prefix
    /// alone.
    pub(super) has_slash: bool,
}

impl<'a> MountPath<'a> {
    /// Splits the path that the client sent; `rest` is what a Router left of it.
    pub(super) fn new(path: &'a str, rest: &'a str) -> Self {
        match path.strip_suffix(rest) {
            // axum removes the prefix, and all but one of the slashes after it.
            Some(prefix) => {
                let prefix = prefix.trim_end_matches('/');
                Self { prefix, rest: &path[prefix.len()..], has_slash: true }
            }
            None if rest == "/" => Self { prefix: path, rest, has_slash: false },
            // A middleware has rewritten the path.
            None => Self { prefix: "", rest, has_slash: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_what_the_router_removed() {
        for (path, rest, prefix, has_slash) in [
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
            let mount_path = MountPath::new(path, rest);
            assert_eq!((mount_path.prefix, mount_path.has_slash), (prefix, has_slash), "{path} {rest}");
            let expected = if path.contains("//") { &path[prefix.len()..] } else { rest };
            assert_eq!(mount_path.rest, expected, "{path} {rest}");
        }
    }
}
