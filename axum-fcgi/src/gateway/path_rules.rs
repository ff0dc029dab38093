//! Patterns of paths below the document root: see [`PhpGateway::deny`](crate::PhpGateway::deny).

use super::name_folding::fold;
use super::segment::decode;

/// Patterns of which one must match.
#[derive(Debug, Clone, Default)]
pub(super) struct PathRules(Vec<PathRule>);

#[derive(Debug, Clone)]
enum PathRule {
    /// A name in any directory.
    Name(Pattern),
    /// A path from the document root, as its names.
    Path(Vec<Pattern>),
}

/// A pattern of one name, [folded](fold).
type Pattern = Vec<u8>;

impl PathRules {
    /// # Panics
    /// If the pattern has no name.
    #[track_caller]
    pub(super) fn add(&mut self, pattern: &str) {
        let trimmed = pattern.trim_end_matches('/');
        let names = trimmed.split('/').map(|name| fold(name.as_bytes()).into_owned());
        let names: Vec<_> = names.filter(|name| !name.is_empty()).collect();
        assert!(!names.is_empty(), "the pattern {pattern:?} has no name");
        self.0.push(match trimmed {
            name if !name.contains('/') => PathRule::Name(names.concat()),
            _ => PathRule::Path(names),
        });
    }

    /// Whether a pattern matches an undecoded path, which starts with a slash. The directories above it are not looked at.
    pub(super) fn matches(&self, path: &str) -> bool {
        self.0.iter().any(|rule| rule.matches(path))
    }
}

impl PathRule {
    fn matches(&self, path: &str) -> bool {
        let mut names = path.strip_prefix('/').unwrap_or(path).split('/');
        match self {
            Self::Name(pattern) => names.next_back().is_some_and(|name| matches_name(pattern, name)),
            Self::Path(patterns) => {
                patterns.iter().all(|pattern| names.next().is_some_and(|name| matches_name(pattern, name)))
                    && names.next().is_none()
            }
        }
    }
}

fn matches_name(mut pattern: &[u8], segment: &str) -> bool {
    let name = decode(segment);
    let name = fold(&name);
    let mut name = &name[..];
    // Where to go on if the text after the last `*` does not match: `*` then stands for one byte more.
    let mut retry = None;
    loop {
        match (pattern, name) {
            ([], []) => return true,
            ([b'*', after @ ..], _) => {
                retry = Some((after, name));
                pattern = after;
            }
            ([expected, pattern_tail @ ..], [byte, name_tail @ ..])
                if expected.eq_ignore_ascii_case(byte) =>
            {
                (pattern, name) = (pattern_tail, name_tail);
            }
            _ => {
                let Some((after, [_, tail @ ..])) = retry else { return false };
                retry = Some((after, tail));
                (pattern, name) = (after, tail);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let mut rules = PathRules::default();
        rules.add(pattern);
        for path in matching {
            assert!(rules.matches(path), "{pattern} {path}");
        }
        for path in others {
            assert!(!rules.matches(path), "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_without_a_slash_is_a_name() {
        let others = ["/composer.jso", "/xcomposer.json", "/composer.json/x", "/composerxjson"];
        check("composer.json", &["/composer.json", "/a/composer.json", "/Composer.JSON"], &others);
        check("uploads/", &["/uploads", "/a/uploads"], &["/uploads2", "/uploads/x"]);
    }

    #[test]
    fn a_pattern_with_a_slash_is_a_path() {
        check(
            "/wp-config.php",
            &["/wp-config.php", "/WP-config.php"],
            &["/a/wp-config.php", "/wp-config.php/a"],
        );
        let others = ["/wp-content", "/uploads", "/a/wp-content/uploads", "/wp-content/uploads/a"];
        check("/wp-content/uploads", &["/wp-content/uploads"], &others);
        check("wp-content/uploads/", &["/wp-content/uploads"], &others);
        check("/*/cache", &["/a/cache", "/b.c/cache"], &["/cache", "/a/b/cache"]);
    }

    #[test]
    fn a_star_is_any_bytes_within_a_name() {
        check(
            "*.sql",
            &["/a.sql", "/a/b.SQL", "/.sql", "/a.sql.sql", "/a%20b.sql"],
            &["/a.sqlx", "/a.sql/b"],
        );
        check("*", &["/a", "/a/b"], &[]);
        check("a*b*c", &["/abc", "/a--b--bc", "/aXbbcbc"], &["/ab", "/acb", "/abcd"]);
        check("\u{fc}*", &["/%C3%BCx", "/\u{fc}"], &["/u"]);
        // Linear, not exponential.
        check("a*a*a*a*a*a*a*a*a*b", &[], &[&format!("/{}", "a".repeat(2000))]);
    }

    /// A file system that ignores case opens the file.
    #[test]
    fn other_letters_of_the_same_name_match() {
        check("*.sql", &["/dump.%C5%BFql", "/dump.S%e2%80%8BQL", "/dump.\u{17f}QL"], &["/dump.%C5%BEql"]);
        check("/backup/x.bak", &["/BAC%E2%84%AAup/x.ba\u{212a}"], &["/bac/x.bak"]);
        check("\u{dc}ber.\u{17f}*", &["/%C3%BCBER.s", "/%C3%9Cber.%C5%BFql"], &["/uber.s"]);
    }

    #[test]
    #[should_panic = "the pattern \"/\" has no name"]
    fn a_pattern_must_have_a_name() {
        PathRules::default().add("/");
    }
}
