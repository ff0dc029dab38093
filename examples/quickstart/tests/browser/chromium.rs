//! Controls a headless Chromium with one page over the DevTools protocol.
//!
//! Commands go through a pipe, each terminated by a zero byte. This needs no port and no WebSocket, and Chromium exits
//! when the pipe closes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use test_support::{Result, find_program};

/// Turns a hang into a failure.
const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) fn find() -> std::result::Result<PathBuf, String> {
    find_program(&["chromium", "chromium-browser", "google-chrome"])
}

/// The browser and its page's session.
#[derive(Debug)]
pub(crate) struct Chromium {
    process: Child,
    /// `None` once the browser is stopping.
    commands: Option<ChildStdin>,
    messages: Receiver<Value>,
    session: Option<String>,
    count: u64,
    /// Whether the current page has loaded.
    loaded: bool,
    /// Errors and warnings of the page.
    console_errors: Vec<String>,
    _profile: TempDir,
}

impl Chromium {
    pub(crate) fn start(program: &Path) -> Result<Self> {
        let profile = tempfile::tempdir()?;
        // Chromium reads commands from fd 3 and writes responses to fd 4.
        let mut command = Command::new("sh");
        command.args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#]).arg(program);
        // The sandbox does not work in containers, and the browser opens only our own page.
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
        let responses = process.stdout.take().ok_or("stdout is not piped")?;
        let (sender, messages) = channel();
        thread::spawn(move || {
            for message in BufReader::new(responses).split(0).map_while(std::result::Result::ok) {
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
            console_errors: Vec::new(),
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
        let commands = self.commands.as_mut().ok_or("the browser is stopping")?;
        commands.write_all(&[command.to_string().as_bytes(), b"\0"].concat())?;
        commands.flush()?;
        loop {
            let mut message =
                self.messages.recv_timeout(TIMEOUT).map_err(|error| format!("{method}: {error}"))?;
            if message["id"] != json!(self.count) {
                self.handle_event(&message);
            } else if message["error"].is_null() {
                return Ok(message["result"].take());
            } else {
                return Err(format!("{method}: {}", message["error"]).into());
            }
        }
    }

    fn handle_event(&mut self, message: &Value) {
        let params = &message["params"];
        self.loaded |= message["method"] == "Page.loadEventFired";
        let is_error = match message["method"].as_str() {
            Some("Runtime.exceptionThrown") => true,
            Some("Runtime.consoleAPICalled") => params["type"] == "error" || params["type"] == "warning",
            Some("Log.entryAdded") => {
                params["entry"]["level"] == "error" || params["entry"]["level"] == "warning"
            }
            _ => false,
        };
        if is_error {
            self.console_errors.push(params.to_string());
        }
    }

    /// Returns errors and warnings since the last call.
    pub(crate) fn console_errors(&mut self) -> Result<Vec<String>> {
        // Events so far arrive before this response.
        self.run("0")?;
        Ok(std::mem::take(&mut self.console_errors))
    }

    /// Evaluates an expression in the page. Waits for a promise.
    pub(crate) fn run(&mut self, expression: &str) -> Result<Value> {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut response = self.call("Runtime.evaluate", &params)?;
        match response["exceptionDetails"].take() {
            Value::Null => Ok(response["result"]["value"].take()),
            exception => Err(format!("{expression}: {exception}").into()),
        }
    }

    /// Waits until an expression is true. It is evaluated after each change of the page.
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

    /// Opens the page and waits until its first request is answered.
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
            let message = self.messages.recv_timeout(TIMEOUT)?;
            self.handle_event(&message);
        }
        Ok(())
    }

    pub(crate) fn press(&mut self, button: &str) -> Result {
        self.run(&format!("document.querySelector('form[data-do={button}] button').click()")).map(drop)
    }

    /// Sets the screen's size in CSS pixels.
    pub(crate) fn screen(&mut self, width: u32, height: u32) -> Result {
        let params =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", &params).map(drop)
    }

    pub(crate) fn scheme(&mut self, scheme: &str) -> Result {
        self.colors(scheme, false)
    }

    /// Sets the colour scheme, and whether forced colours are active.
    pub(crate) fn colors(&mut self, scheme: &str, forced: bool) -> Result {
        let features = [
            json!({ "name": "prefers-color-scheme", "value": scheme }),
            json!({ "name": "forced-colors", "value": if forced { "active" } else { "none" } }),
            json!({ "name": "prefers-reduced-motion", "value": "reduce" }),
        ];
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features })).map(drop)
    }

    /// Gives the matching elements the `:hover` state.
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

    /// Takes a screenshot. Returns it as Base64-encoded PNG.
    pub(crate) fn screenshot(&mut self) -> Result<String> {
        let response = self.call("Page.captureScreenshot", &json!({ "format": "png" }))?;
        Ok(response["data"].as_str().ok_or("no screenshot")?.to_owned())
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
