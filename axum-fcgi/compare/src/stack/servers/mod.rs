//! The setups of each web server. Where a web server has a number of worker processes or threads, it is one.

mod apache;
mod caddy;
mod h2o;
mod haproxy;
mod lighttpd;
pub(super) mod nginx;

use super::setup::Setup;

pub(super) fn all() -> Vec<Setup> {
    [
        nginx::setups(),
        apache::setups(),
        lighttpd::setups(),
        haproxy::setups(),
        haproxy::multiplexed(),
        caddy::setups(),
        h2o::setups(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::stack::setup::SOCKET;

    #[test]
    fn each_setup_has_its_own_name() {
        let setups = all();
        let names: HashSet<_> = setups.iter().map(|setup| &setup.name).collect();
        assert_eq!(names.len(), setups.len());
    }

    #[test]
    fn all_configurations_have_the_placeholders() {
        for setup in all() {
            for configuration in [&setup.fastcgi, &setup.http] {
                assert!(configuration.contains("8080"), "{}: {configuration}", setup.name);
                assert!(configuration.contains(SOCKET), "{}: {configuration}", setup.name);
            }
            assert_ne!(setup.fastcgi, setup.http, "{}", setup.name);
        }
    }
}
