//! Which web servers a test run covers.

use std::env;

/// The variable that lists their programs, as in `WEB_SERVERS="caddy nginx"`. Without it a run covers all of them.
///
/// Not every generation has each web server. With `CI=true`, a listed one that is missing is a failure; one that is not listed
/// has no tests, rather than ignored ones.
const LIST: &str = "WEB_SERVERS";

/// The web servers that can be listed.
const KNOWN: [&str; 6] = ["apache2", "caddy", "h2o", "haproxy", "lighttpd", "nginx"];

/// Whether this run covers a program. Programs that are not web servers are always covered.
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
    fn an_unlisted_web_server_is_not_wanted() {
        assert!(is_listed("nginx", "caddy nginx") && !is_listed("h2o", "caddy nginx"));
        assert!(is_listed("http", "caddy nginx"), "not a web server");
        assert!(!is_listed("nginx", "") && !is_listed("nginx", "nginx-light"));
    }
}
