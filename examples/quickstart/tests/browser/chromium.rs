//! A headless Chromium with one page, over the DevTools protocol.
//!
//! Its commands come through a pipe, each ended by a zero byte, which takes neither a port nor a WebSocket; and it ends
//! with the pipe.

use std::env;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::Result;

/// Turns a hang into a failure.
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let mut programs = env::split_paths(&path).flat_map(|place| names.map(|name| place.join(name)));
    programs.find(|program| program.is_file())
}

/// The browser, and the session of its page.
#[derive(Debug)]
pub(crate) struct Chromium {
    process: Child,
    /// Taken when the browser is to end.
    commands: Option<ChildStdin>,
    messages: Receiver<Value>,
    session: Option<String>,
    count: u64,
    /// Whether the page that was last asked for is there.
    loaded: bool,
    /// Errors and warnings that the page has caused.
    complaints: Vec<String>,
    _profile: TempDir,
}

impl Chromium {
    pub(crate) fn start(program: &Path) -> Result<Self> {
        let profile = tempfile::tempdir()?;
        // It reads commands from fd 3 and writes answers to fd 4.
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#]).arg(program);
        // The sandbox needs what containers do not have, and the only page is our own.
        command.args(["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu"]);
        command.args([
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-extensions",
            "--hide-scrollbars",
        ]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let commands = process.stdin.take();
        let answers = process.stdout.take().ok_or("it is piped")?;
        let (sender, messages) = channel();
        thread::spawn(move || {
            for message in BufReader::new(answers).split(0).map_while(std::result::Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else { break };
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            process,
            commands,
            messages,
            session: None,
            count: 0,
            loaded: false,
            complaints: Vec::new(),
            _profile: profile,
        };
        let page = browser.call("Target.createTarget", &json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": page["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", &attach)?;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.call(&format!("{domain}.enable"), &json!({}))?;
        }
        Ok(browser)
    }

    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Result<Value> {
        self.count += 1;
        let mut command = json!({ "id": self.count, "method": method, "params": params });
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        let commands = self.commands.as_mut().ok_or("the browser is ending")?;
        commands.write_all(&[command.to_string().as_bytes(), b"\0"].concat())?;
        commands.flush()?;
        loop {
            let mut message =
                self.messages.recv_timeout(LIMIT).map_err(|error| format!("{method}: {error}"))?;
            if message["id"] != json!(self.count) {
                self.listen(&message);
            } else if message["error"].is_null() {
                return Ok(message["result"].take());
            } else {
                return Err(format!("{method}: {}", message["error"]).into());
            }
        }
    }

    fn listen(&mut self, message: &Value) {
        let params = &message["params"];
        self.loaded |= message["method"] == "Page.loadEventFired";
        let complains = match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => params["type"] == "error" || params["type"] == "warning",
            Some("Log.entryAdded") => {
                params["entry"]["level"] == "error" || params["entry"]["level"] == "warning"
            }
            _ => false,
        };
        if complains {
            self.complaints.push(params.to_string());
        }
    }

    /// Errors and warnings since this was last asked.
    pub(crate) fn complaints(&mut self) -> Result<Vec<String>> {
        // What the page has caused so far comes before this answer.
        self.run("0")?;
        Ok(std::mem::take(&mut self.complaints))
    }

    /// The value of an expression in the page, once it is there where it is a promise.
    pub(crate) fn run(&mut self, expression: &str) -> Result<Value> {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", &params)?;
        match answer["exceptionDetails"].take() {
            Value::Null => Ok(answer["result"]["value"].take()),
            exception => Err(format!("{expression}: {exception}").into()),
        }
    }

    /// Waits until an expression is true, which is asked again whenever the page changes.
    pub(crate) fn until(&mut self, condition: &str) -> Result {
        self.run(&format!(
            "new Promise((resolve) => {{
                const observer = new MutationObserver(check);
                function check() {{ if ({condition}) {{ observer.disconnect(); resolve(); }} }}
                observer.observe(document, {{ subtree: true, childList: true, attributes: true, characterData: true }});
                check();
            }})"
        ))
        .map(drop)
    }

    /// Opens the page, and waits until its first request is answered.
    pub(crate) fn open(&mut self, port: u16) -> Result {
        self.load(port)?;
        self.until("document.querySelector('.exchange [data-kind=END_REQUEST]')")?;
        self.until("document.querySelector('.exchange .status')")
    }

    /// Opens the page without its script.
    pub(crate) fn open_without_script(&mut self, port: u16) -> Result {
        self.call("Emulation.setScriptExecutionDisabled", &json!({ "value": true }))?;
        self.load(port)
    }

    fn load(&mut self, port: u16) -> Result {
        self.loaded = false;
        self.call("Page.navigate", &json!({ "url": format!("http://127.0.0.1:{port}/") }))?;
        while !self.loaded {
            let message = self.messages.recv_timeout(LIMIT)?;
            self.listen(&message);
        }
        Ok(())
    }

    pub(crate) fn press(&mut self, button: &str) -> Result {
        self.run(&format!("document.querySelector('form[data-do={button}] button').click()")).map(drop)
    }

    /// The screen's size, in CSS pixels.
    pub(crate) fn screen(&mut self, width: u32, height: u32) -> Result {
        let params =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", &params).map(drop)
    }

    pub(crate) fn scheme(&mut self, scheme: &str) -> Result {
        self.colors(scheme, false)
    }

    /// `forced`: the colours are the user's own.
    pub(crate) fn colors(&mut self, scheme: &str, forced: bool) -> Result {
        let features = [
            json!({ "name": "prefers-color-scheme", "value": scheme }),
            json!({ "name": "forced-colors", "value": if forced { "active" } else { "none" } }),
            json!({ "name": "prefers-reduced-motion", "value": "reduce" }),
        ];
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features })).map(drop)
    }

    /// As if the pointer were over each of these elements.
    pub(crate) fn hover(&mut self, selector: &str) -> Result {
        for domain in ["DOM", "CSS"] {
            self.call(&format!("{domain}.enable"), &json!({}))?;
        }
        let root = self.call("DOM.getDocument", &json!({ "depth": 0 }))?["root"]["nodeId"].take();
        let query = json!({ "nodeId": root, "selector": selector });
        let found = self.call("DOM.querySelectorAll", &query)?["nodeIds"].take();
        let nodes = found.as_array().filter(|nodes| !nodes.is_empty()).ok_or("no element matches")?;
        for node in nodes {
            let forced = json!({ "nodeId": node, "forcedPseudoClasses": ["hover"] });
            self.call("CSS.forcePseudoState", &forced)?;
        }
        Ok(())
    }

    /// A picture of what is on the screen, as PNG in Base64.
    pub(crate) fn picture(&mut self) -> Result<String> {
        let answer = self.call("Page.captureScreenshot", &json!({ "format": "png" }))?;
        Ok(answer["data"].as_str().ok_or("no picture")?.to_owned())
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.session = None;
        let _ = self.call("Browser.close", &json!({}));
        self.commands = None;
        test_support::end(&mut self.process);
    }
}
