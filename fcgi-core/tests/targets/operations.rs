//! The application's side of a connection, by operations, beside the model of the exploration. The first byte
//! says with which limits; each of the others is a step.

use fcgi_core::Role;

use super::both::{Both, config};
use super::model::Settings;
use super::steps::{Command, Step, alphabet};

pub(crate) fn run(data: &[u8]) {
    let Some((limits, bytes)) = data.split_first() else { return };
    let limits = usize::from(*limits);
    let settings = Settings {
        filters_and_authorizers: limits & 1 != 0,
        requests: 1 + (limits >> 1) % 4,
        unfinished: (limits >> 3) % 4,
        body_bytes: 10,
        bodies_bytes: 25,
    };
    let roles = [Role::RESPONDER, Role::AUTHORIZER, Role::FILTER];
    let mut steps = alphabet(&[1, 2, 300, 65_535], &roles);
    // Mostly what web servers do.
    for id in [1, 2] {
        steps.extend([
            Step::Stdin(id, 7),
            Step::Data(id, 9),
            Step::Begin { id, role: Role::RESPONDER, keep_conn: true },
        ]);
        steps.extend([Step::ParamsEnd(id), Step::StdinEnd(id), Step::Command(id, Command::End)]);
    }
    let mut both = Both::new(&config(settings), settings);
    for byte in bytes.iter().take(2000) {
        both.step(steps[usize::from(*byte) % steps.len()]);
    }
    both.finish();
}
