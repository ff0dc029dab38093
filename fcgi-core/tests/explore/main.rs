//! Every state that a connection can be brought into by records and commands, however long a sequence it takes.
//!
//! `model` and `request` say what has to happen, `steps` what can; `both` does it to the connection and to the model, and
//! compares everything that can be seen from outside after each step. Two sequences that lead to the same state
//! of the model are gone on with only once, so the search comes to an end by itself: nothing is left that any
//! further step could reach.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "whatever panics in a test is a failure of that test"
)]

mod both;
mod model;
mod request;
mod steps;

use std::collections::HashSet;

use fcgi_core::Role;

use self::both::{Both, config};
use self::model::Settings;
use self::steps::{Step, alphabet};

/// Limits that a few records reach.
const LOW: Settings =
    Settings { filters_and_authorizers: false, requests: 2, unfinished: 2, body_bytes: 2, bodies_bytes: 3 };

/// What a search came to.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    /// States that differ in anything that decides what happens next.
    states: usize,
    /// Steps between them, and steps that are refused.
    steps: usize,
    /// Steps of the longest way that there is no shorter one for.
    depth: usize,
}

fn explore(settings: Settings, alphabet: &[Step]) -> Found {
    let config = config(settings);
    let start = Both::new(&config, settings);
    let mut seen = HashSet::from([start.model.state()]);
    let mut ways: Vec<Vec<Step>> = vec![Vec::new()];
    let mut found = Found { states: 1, steps: 0, depth: 0 };
    start.finish();
    let mut next = 0;
    while next < ways.len() {
        let way = std::mem::take(&mut ways[next]);
        next += 1;
        found.depth = found.depth.max(way.len());
        // A connection cannot be cloned: the way is gone again for each step.
        let on_the_way = || {
            let mut both = Both::new(&config, settings);
            way.iter().for_each(|before| both.step(*before));
            both
        };
        let mut here = on_the_way();
        let (allowed, refused): (Vec<Step>, Vec<Step>) =
            alphabet.iter().partition(|step| here.model.allows(**step));
        found.steps += alphabet.len();
        refused.into_iter().for_each(|step| here.step(step));
        for step in allowed {
            let mut both = on_the_way();
            both.step(step);
            if seen.insert(both.model.state()) {
                ways.push([&way[..], &[step]].concat());
                found.states += 1;
                both.finish();
            }
        }
    }
    println!("{settings:?}: {found:?}");
    found
}

#[test]
fn two_ids_in_every_state_do_what_the_model_says() {
    let found = explore(LOW, &alphabet(&[1, 2], &[Role::RESPONDER, Role::FILTER]));
    assert_eq!(found, Found { states: 6953, steps: 361556, depth: 15 });
}

#[test]
fn one_request_at_a_time_and_one_more() {
    let settings = Settings { requests: 1, unfinished: 1, ..LOW };
    let found = explore(settings, &alphabet(&[1, 2], &[Role::RESPONDER]));
    assert_eq!(found, Found { states: 1185, steps: 52140, depth: 12 });
}

#[test]
fn no_answered_id_may_be_unfinished() {
    let settings = Settings { unfinished: 0, body_bytes: 1, bodies_bytes: 2, ..LOW };
    let found = explore(settings, &alphabet(&[1, 2], &[Role::RESPONDER]));
    assert_eq!(found, Found { states: 2096, steps: 92224, depth: 13 });
}

#[test]
fn every_role_in_every_state() {
    let settings = Settings { filters_and_authorizers: true, ..LOW };
    let roles = [Role::RESPONDER, Role::AUTHORIZER, Role::FILTER, Role(4)];
    let found = explore(settings, &alphabet(&[1], &roles));
    assert_eq!(found, Found { states: 575, steps: 18400, depth: 9 });
}
