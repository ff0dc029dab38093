//! Opens the quickstart's page, and presses its buttons.

use serde_json::json;
use test_support::Result;
use test_support::chromium::Chromium;

pub(crate) trait OpenPage {
    /// Opens the page and waits until its first request is answered.
    fn open(&mut self, port: u16) -> Result;

    /// Opens the page without its script.
    fn open_without_script(&mut self, port: u16) -> Result;

    fn press(&mut self, button: &str) -> Result;
}

impl OpenPage for Chromium {
    fn open(&mut self, port: u16) -> Result {
        self.load(port)?;
        self.until("document.querySelector('.exchange [data-kind=END_REQUEST]')")?;
        self.until("document.querySelector('.exchange .status')")
    }

    fn open_without_script(&mut self, port: u16) -> Result {
        self.call("Emulation.setScriptExecutionDisabled", &json!({ "value": true }))?;
        self.load(port)
    }

    fn press(&mut self, button: &str) -> Result {
        self.run(&format!("document.querySelector('form[data-do={button}] button').click()")).map(drop)
    }
}
