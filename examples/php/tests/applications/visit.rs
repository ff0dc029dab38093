//! One visit to a site in a browser of its own.

use std::path::{Path, PathBuf};
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use test_support::Result;
use test_support::chromium::Chromium;

use crate::copies::Copies;
use crate::observer::observe;

/// The picture that is uploaded, and its width.
const PICTURE: &[u8] = include_bytes!("zebra.png");
const WIDTH: u32 = 320;

#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) browser: Chromium,
    pub(crate) origin: String,
    pub(crate) name: String,
    seen: Vec<String>,
    files: tempfile::TempDir,
}

impl Visit {
    pub(crate) fn open(&mut self, step: &str, path: &str) -> Result {
        self.browser.visit(&format!("{}{path}", self.origin)).map_err(|error| self.at(step, &*error))?;
        self.saw(step)
    }

    /// Evaluates an expression that leads to another page.
    pub(crate) fn follow(&mut self, step: &str, expression: &str) -> Result {
        self.browser.follow(expression).map_err(|error| self.at(step, &*error))?;
        self.saw(step)
    }

    pub(crate) fn run(&mut self, expression: &str) -> Result<Value> {
        self.browser.run(expression)
    }

    /// Fills in the fields with these ids.
    pub(crate) fn fill(&mut self, fields: &[(&str, &str)]) -> Result {
        for (id, value) in fields {
            let element = format!("document.querySelector({})", json!(id));
            self.run(&format!("{element}.value = {}; 0", json!(value)))
                .map_err(|error| format!("{id}: {error}"))?;
        }
        Ok(())
    }

    /// A picture with this name, to upload.
    pub(crate) fn picture(&self, name: &str) -> Result<PathBuf> {
        let file = self.files.path().join(name);
        fs::write(&file, PICTURE)?;
        Ok(file)
    }

    /// Whether the page shows the picture, with its own size.
    pub(crate) fn shows_picture(&mut self, selector: &str) -> Result {
        let image = format!("document.querySelector({})", json!(selector));
        self.browser.until(&format!("{image} && {image}.complete"))?;
        assert_eq!(self.run(&format!("{image}.naturalWidth"))?, WIDTH, "{selector}");
        Ok(())
    }

    /// Records what the browser sees now.
    pub(crate) fn saw(&mut self, step: &str) -> Result {
        self.seen.extend(observe(&mut self.browser, step, &self.origin)?);
        let Some(directory) = env::var_os("SCREENSHOTS") else { return Ok(()) };
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(directory);
        fs::create_dir_all(&directory)?;
        let png = STANDARD.decode(self.browser.screenshot()?)?;
        Ok(fs::write(directory.join(format!("{}-{step}.png", self.name).replace(' ', "_")), png)?)
    }

    fn at(&self, step: &str, error: &(dyn std::error::Error + Send + Sync)) -> String {
        format!("{}, {step}: {error}", self.name)
    }
}

/// Takes the same steps on both copies, and compares what the browser has seen.
pub(crate) fn compare(
    program: &Path,
    copies: &Copies,
    name: &str,
    steps: impl Fn(&mut Visit) -> Result,
) -> Result {
    let mut seen = Vec::new();
    for (server, origin) in copies.each() {
        let mut browser = Chromium::start(program)?;
        browser.screen(1280, 900)?;
        let files = tempfile::tempdir()?;
        let name = format!("{name}-{server}");
        let mut visit = Visit { browser, origin, name, seen: Vec::new(), files };
        steps(&mut visit).map_err(|error| {
            format!("{}: {error}\n{}\n{}", visit.name, visit.seen.join("\n"), copies.nginx.logs())
        })?;
        seen.push(visit.seen);
    }
    let [gateway, nginx] = &seen[..] else { return Err("not two visits".into()) };
    let differ: Vec<_> =
        difference(gateway, nginx, "gateway").chain(difference(nginx, gateway, "nginx")).collect();
    if differ.is_empty() { Ok(()) } else { Err(differ.join("\n").into()) }
}

fn difference<'a>(
    one: &'a [String],
    other: &'a [String],
    name: &'a str,
) -> impl Iterator<Item = String> + 'a {
    one.iter().filter(|line| !other.contains(line)).map(move |line| format!("{name} only: {line}"))
}
