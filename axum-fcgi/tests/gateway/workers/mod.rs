//! php-fpm's workers: how they start and end, are reloaded and restarted, each under load.

mod abandoned;
mod backlog;
mod balance;
mod endings;
mod finish;
mod load;
mod modes;
mod place;

use libtest_mimic::Trial;

pub(crate) fn trials() -> Vec<Trial> {
    let trials = [
        modes::trials(),
        endings::trials(),
        finish::trials(),
        backlog::trials(),
        balance::trials(),
        abandoned::trials(),
    ];
    trials.into_iter().flatten().collect()
}
