//! The application's side of a connection with random steps, compared with the model of the exploration. The first
//! byte selects the limits; each other byte is a step.

use fcgi_core::Role;

use super::checker::{Checker, config};
use super::model::Settings;
use super::steps::{Command, Step, alphabet};

pub(crate) fn run(data: &[u8]) {
    let Some((limits, bytes)) = data.split_first() else { return };
    let limits = usize::from(*limits);
    let settings = Settings {
        filters_and_authorizers: limits & 1 != 0,
        max_concurrent_requests: 1 + (limits >> 1) % 4,
        max_half_closed_requests: (limits >> 3) % 4,
        request_window: 10,
        connection_window: 25,
    };
    let roles = [Role::RESPONDER, Role::AUTHORIZER, Role::FILTER];
    let mut steps = alphabet(&[1, 2, 300, 65_535], &roles);
    // More of the usual steps of web servers.
    for id in [1, 2] {
        steps.extend([
            Step::Stdin(id, 7),
            Step::Data(id, 9),
            Step::Begin { id, role: Role::RESPONDER, keep_conn: true },
        ]);
        steps.extend([Step::ParamsEnd(id), Step::StdinEnd(id), Step::Command(id, Command::EndRequest)]);
    }
    let mut checker = Checker::new(&config(settings), settings);
    for byte in bytes.iter().take(2000) {
        checker.step(steps[usize::from(*byte) % steps.len()]);
    }
    checker.finish();
}
