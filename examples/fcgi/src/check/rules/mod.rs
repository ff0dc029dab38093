//! The rules, in the order of the specification.

mod abort;
mod bodies;
mod connections;
mod early;
mod management;
mod multiplexing;
mod params;
mod records;
mod responses;
mod roles;

use super::rule::Rule;

pub(super) const ALL: &[&[Rule]] = &[
    responses::RULES,
    records::RULES,
    management::RULES,
    connections::RULES,
    params::RULES,
    bodies::RULES,
    early::RULES,
    abort::RULES,
    multiplexing::RULES,
    roles::RULES,
];
