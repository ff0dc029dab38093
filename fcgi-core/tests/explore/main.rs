//! Explores every state that records and commands can bring a connection into, by sequences of any length.
//!
//! `model`, `request` and `effect` define the expected behaviour, `steps` the possible steps. `checker` applies each
//! step to the connection and to the model, and compares everything that is visible from outside. Sequences that reach
//! the same state of the model are continued once, so the search ends by itself, when no step reaches a new state.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic in a test is a failure of that test"
)]

mod checker;
mod effect;
mod model;
mod request;
mod steps;

use std::collections::HashSet;

use fcgi_core::Role;

use self::checker::{Checker, config};
use self::model::Settings;
use self::steps::{Step, alphabet};

/// Limits that a few records exceed.
const LOW: Settings = Settings {
    filters_and_authorizers: false,
    max_concurrent_requests: 2,
    max_half_closed_requests: 2,
    request_window: 2,
    connection_window: 3,
};

/// The result of a search.
#[derive(Debug, PartialEq, Eq)]
struct Exploration {
    /// Different states of the model.
    states: usize,
    /// Steps between them, including rejected ones.
    steps: usize,
    /// Steps to the farthest state.
    depth: usize,
}

fn explore(settings: Settings, alphabet: &[Step]) -> Exploration {
    let config = config(settings);
    let start = Checker::new(&config, settings);
    let mut seen = HashSet::from([start.model.state()]);
    let mut paths: Vec<Vec<Step>> = vec![Vec::new()];
    let mut exploration = Exploration { states: 1, steps: 0, depth: 0 };
    start.finish();
    let mut next = 0;
    while next < paths.len() {
        let path = std::mem::take(&mut paths[next]);
        next += 1;
        exploration.depth = exploration.depth.max(path.len());
        // A connection cannot be cloned: repeat the path for each step.
        let replay = || {
            let mut checker = Checker::new(&config, settings);
            path.iter().for_each(|before| checker.step(*before));
            checker
        };
        let mut here = replay();
        let (allowed, rejected): (Vec<Step>, Vec<Step>) =
            alphabet.iter().partition(|step| here.model.allows(**step));
        exploration.steps += alphabet.len();
        rejected.into_iter().for_each(|step| here.step(step));
        for step in allowed {
            let mut checker = replay();
            checker.step(step);
            if seen.insert(checker.model.state()) {
                paths.push([&path[..], &[step]].concat());
                exploration.states += 1;
                checker.finish();
            }
        }
    }
    println!("{settings:?}: {exploration:?}");
    exploration
}

#[test]
fn two_ids_in_every_state_do_what_the_model_says() {
    let exploration = explore(LOW, &alphabet(&[1, 2], &[Role::RESPONDER, Role::FILTER]));
    assert_eq!(exploration, Exploration { states: 6953, steps: 361556, depth: 15 });
}

#[test]
fn one_request_at_a_time_and_one_more() {
    let settings = Settings { max_concurrent_requests: 1, max_half_closed_requests: 1, ..LOW };
    let exploration = explore(settings, &alphabet(&[1, 2], &[Role::RESPONDER]));
    assert_eq!(exploration, Exploration { states: 1185, steps: 52140, depth: 12 });
}

#[test]
fn no_request_may_be_half_closed() {
    let settings = Settings { max_half_closed_requests: 0, request_window: 1, connection_window: 2, ..LOW };
    let exploration = explore(settings, &alphabet(&[1, 2], &[Role::RESPONDER]));
    assert_eq!(exploration, Exploration { states: 2096, steps: 92224, depth: 13 });
}

#[test]
fn every_role_in_every_state() {
    let settings = Settings { filters_and_authorizers: true, ..LOW };
    let roles = [Role::RESPONDER, Role::AUTHORIZER, Role::FILTER, Role(4)];
    let exploration = explore(settings, &alphabet(&[1], &roles));
    assert_eq!(exploration, Exploration { states: 575, steps: 18400, depth: 9 });
}
