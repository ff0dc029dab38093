//! `fcgi values`.

use libtest_mimic::Trial;
use test_support::{Result, trial};

use crate::application::Application;
use crate::run::fcgi;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("values/as_lines_and_as_json", values)]
}

fn values() -> Result {
    let app = Application::start()?;
    let ran = fcgi(&["values", &app.address])?.exits(0)?;
    let lines: Vec<_> = ran.stdout.lines().collect();
    assert!(lines.contains(&"FCGI_MPXS_CONNS=1") && lines.len() == 3, "{lines:?}");
    let object = fcgi(&["values", &app.address, "--json"])?.exits(0)?.json()?;
    assert_eq!(object["FCGI_MPXS_CONNS"], "1");
    Ok(())
}
