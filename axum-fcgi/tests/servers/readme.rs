//! README's table of web servers, which is made of the setups and their deviations.

use std::path::PathBuf;
use std::{env, fs, io};

use libtest_mimic::{Failed, Trial};

use crate::setup::Setup;

const BEGIN: &str = "<!-- servers: UPDATE_README=1 cargo test -p axum-fcgi --test servers -->\n";
const END: &str = "<!-- /servers -->\n";

pub(crate) fn is_to_be_updated() -> bool {
    env::var_os("UPDATE_README").is_some()
}

/// README is as the table would be, but for the versions: those are of the machine that has made it.
pub(crate) fn trial(setups: &[Setup]) -> Trial {
    let setups = setups.to_vec();
    Trial::test("readme_has_the_table", move || {
        let text = fs::read_to_string(path())?;
        let (_, table, _) = split(&text)?;
        let versions = table.lines().skip(2).map(version);
        let expected = rows(&setups, versions.chain(std::iter::repeat("")));
        if table == expected {
            return Ok(());
        }
        Err(format!("README.md has\n{table}\nrather than\n{expected}").into())
    })
}

/// Writes it anew.
pub(crate) fn update(setups: &[Setup]) -> io::Result<()> {
    let text = fs::read_to_string(path())?;
    let (before, _, after) = split(&text).map_err(|_| io::Error::other("README.md has no marks"))?;
    let versions: Vec<_> =
        lines(setups).iter().map(|setups| setups[0].installed_version().unwrap_or_default()).collect();
    let table = rows(setups, versions.iter().map(String::as_str));
    fs::write(path(), format!("{before}{BEGIN}{table}{END}{after}"))
}

fn path() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "README.md"].iter().collect()
}

/// What is before, between and behind the marks.
fn split(text: &str) -> Result<(&str, &str, &str), Failed> {
    let (before, rest) = text.split_once(BEGIN).ok_or("README.md has no mark before the table")?;
    let (table, after) = rest.split_once(END).ok_or("README.md has no mark behind the table")?;
    Ok((before, table, after))
}

fn rows<'a>(setups: &[Setup], versions: impl Iterator<Item = &'a str>) -> String {
    let mut table =
        "| web server | tested | connected | what does not work |\n| --- | --- | --- | --- |\n".to_owned();
    for (setups, version) in lines(setups).iter().zip(versions) {
        let ways: Vec<_> = setups.iter().map(|setup| setup.how).collect();
        let words = setups[0].deviations.iter().map(|deviation| deviation.words);
        let words: Vec<_> = words.filter(|words| !words.is_empty()).collect();
        let line = [setups[0].title, version, &ways.join("; "), &words.join("; ")].join(" | ");
        table += &format!("| {line} |\n");
    }
    table
}

/// Those that share a line: one web server, connected in different ways that make no difference.
fn lines(setups: &[Setup]) -> Vec<&[Setup]> {
    let words = |setup: &Setup| setup.deviations.iter().map(|deviation| deviation.words).collect::<Vec<_>>();
    setups.chunk_by(|a, b| a.title == b.title && words(a) == words(b)).collect()
}

/// The version in a row.
fn version(row: &str) -> &str {
    row.split('|').nth(2).unwrap_or_default().trim()
}
