//! The requests, by what is odd about them.

mod bodies;
mod hosts;
mod methods;
mod names;
mod paths;
mod queries;
mod reports;
mod request_headers;
mod response_headers;
mod static_files;
mod statuses;

use std::collections::BTreeSet;

use crate::case::Case;

/// All of them. No two have the same name.
pub(crate) fn all() -> Vec<Case> {
    let cases = [
        paths::cases(),
        names::cases(),
        queries::cases(),
        methods::cases(),
        bodies::cases(),
        hosts::cases(),
        request_headers::cases(),
        statuses::cases(),
        response_headers::cases(),
        static_files::cases(),
        reports::cases(),
    ]
    .concat();
    let mut names = BTreeSet::new();
    for case in &cases {
        assert!(names.insert(&case.name), "two cases are named {}", case.name);
    }
    cases
}

/// A request for the response that `site/respond.php` names so.
fn response(name: &str) -> Case {
    Case::get(name, &format!("/respond.php?as={name}"))
}
