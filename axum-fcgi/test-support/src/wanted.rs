//! Which web servers a run of the tests is about.

use std::env;

/// The variable that lists their programs, as in `WEB_SERVERS="caddy nginx"`. Without it a run is about all of them.
///
/// A generation of web servers need not have each of them. The list says which ones it has, so that one that is listed and
/// missing is a failure with `CI=true`, and one that is not listed has no tests instead of tests that are skipped.
const LIST: &str = "WEB_SERVERS";

/// The web servers that the list may have.
const KNOWN: [&str; 6] = ["apache2", "caddy", "h2o", "haproxy", "lighttpd", "nginx"];

/// Whether this run is about a program. It is about every program that is not a web server.
#[must_use]
pub fn is_wanted(program: &str) -> bool {
    env::var(LIST).map_or(true, |list| is_listed(program, &list))
}

fn is_listed(program: &str, list: &str) -> bool {
    !KNOWN.contains(&program) || list.split_whitespace().any(|listed| listed == program)
}

#[cfg(test)]
mod tests {
    use super::is_listed;

    #[test]
    fn web_servers_that_are_not_listed_are_not_wanted() {
        assert!(is_listed("nginx", "caddy nginx") && !is_listed("h2o", "caddy nginx"));
        assert!(is_listed("http", "caddy nginx"), "it is no web server");
        assert!(!is_listed("nginx", "") && !is_listed("nginx", "nginx-light"));
    }
}
