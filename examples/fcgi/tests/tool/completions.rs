//! `fcgi completions` and `fcgi help`.

use libtest_mimic::Trial;
use test_support::{Result, trial};

use crate::run::fcgi;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("completions/for_each_shell", completions), trial("help/has_examples", help)]
}

fn completions() -> Result {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = fcgi(&["completions", shell])?.exits(0)?;
        for word in ["get", "values", "dump", "bench", "check", "filter-data"] {
            assert!(ran.stdout.contains(word), "{shell} has no {word}");
        }
    }
    Ok(())
}

fn help() -> Result {
    for command in ["get", "values", "dump", "bench", "check"] {
        let ran = fcgi(&[command, "--help"])?.exits(0)?;
        assert!(ran.stdout.contains(&format!("Examples:\n  fcgi {command} ")), "{}", ran.stdout);
    }
    fcgi(&["help"])?.exits(0)?;
    Ok(())
}
