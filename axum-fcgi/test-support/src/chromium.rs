//! Controls a headless Chromium with one page over the DevTools protocol.
//!
//! Commands go through a pipe, each terminated by a zero byte. This needs no port and no WebSocket, and Chromium exits
//! when the pipe closes.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{Result, end, find_program};

/// The elements whose text has a contrast below 4.5 to its background.
const LOW_CONTRAST: &str = "(() => {
    const parse = (color) => color.match(/[\\d.]+/g).map(Number);
    const linear = (value) => value <= 10.31475 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4;
    const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const behind = (element) => {
        for (; element; element = element.parentElement) {
            const color = parse(getComputedStyle(element).backgroundColor);
            if (color[3] !== 0) return color;
        }
    };
    const found = [];
    for (const element of document.querySelectorAll('body *')) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
        if (!own || !element.offsetHeight) continue;
        const [a, b] = [parse(getComputedStyle(element).color), behind(element)].map(light).sort((a, b) => b - a);
        const contrast = (a + 0.05) / (b + 0.05);
        if (contrast < 4.5) found.push(`${element.className || element.localName}: ${contrast.toFixed(2)}`);
    }
    return found;
})()";

/// Turns a hang into a failure.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Finds an installed browser.
///
/// # Errors
/// If none is installed. The error names what is missing.
pub fn find() -> std::result::Result<PathBuf, String> {
    find_program(&["chromium", "chromium-browser", "google-chrome"])
}

/// A running browser with one page. It exits when this is dropped.
#[derive(Debug)]
pub struct Chromium {
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
    /// Responses since the last call of [`responses`](Self::responses).
    responses: Vec<Value>,
    _profile: TempDir,
}

impl Chromium {
    /// Starts it with an empty profile and one page.
    ///
    /// # Errors
    /// If the browser has exited, or rejects the command.
    pub fn start(program: &Path) -> Result<Self> {
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
            responses: Vec::new(),
            _profile: profile,
        };
        let page = browser.call("Target.createTarget", &json!({ "url": "about:blank" }))?;
        let attach = json!({ "targetId": page["targetId"], "flatten": true });
        let attached = browser.call("Target.attachToTarget", &attach)?;
        browser.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            browser.call(&format!("{domain}.enable"), &json!({}))?;
        }
        Ok(browser)
    }

    /// Sends a command of the DevTools protocol, and returns its result.
    ///
    /// # Errors
    /// If the browser has exited, or rejects the command.
    pub fn call(&mut self, method: &str, params: &Value) -> Result<Value> {
        self.count += 1;
        let mut command = json!({ "id": self.count, "method": method, "params": params });
        if let Some(session) = &self.session {
            command["sessionId"] = json!(session);
        }
        let commands = self.commands.as_mut().ok_or("the browser is stopping")?;
        commands.write_all(&[command.to_string().as_bytes(), b"\0"].concat())?;
        commands.flush()?;
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let mut message =
                self.messages.recv_timeout(left).map_err(|error| format!("{method}: {error}"))?;
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
        if message["method"] == "Network.responseReceived" {
            self.responses.push(params["response"].clone());
        }
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
    ///
    /// # Errors
    /// If the browser has exited, or rejects the command.
    pub fn console_errors(&mut self) -> Result<Vec<String>> {
        // Events so far arrive before this response.
        self.run("0")?;
        Ok(std::mem::take(&mut self.console_errors))
    }

    /// Evaluates an expression in the page. Waits for a promise.
    ///
    /// # Errors
    /// If the browser has exited, or rejects the command.
    pub fn run(&mut self, expression: &str) -> Result<Value> {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut response = self.call("Runtime.evaluate", &params)?;
        match response["exceptionDetails"].take() {
            Value::Null => Ok(response["result"]["value"].take()),
            exception => Err(format!("{expression}: {exception}").into()),
        }
    }

    /// Waits until an expression is true. It is evaluated after each change of the page.
    ///
    /// # Errors
    /// If the browser has exited, or rejects the command.
    pub fn until(&mut self, condition: &str) -> Result {
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

    /// Opens the page at the root of a loopback port, and waits until it has loaded.
    ///
    /// # Errors
    /// If the browser has exited, or does not load the page within a minute.
    pub fn load(&mut self, port: u16) -> Result {
        self.visit(&format!("http://127.0.0.1:{port}/"))
    }

    /// Opens a page, and waits until it has loaded.
    ///
    /// # Errors
    /// If the browser has exited, or does not load the page within a minute.
    pub fn visit(&mut self, url: &str) -> Result {
        self.loaded = false;
        self.call("Page.navigate", &json!({ "url": url }))?;
        self.loaded(url)
    }

    /// Evaluates an expression that leads to another page, such as a click, and waits until that has loaded.
    ///
    /// # Errors
    /// If the browser has exited, the expression fails, or no page loads within a minute.
    pub fn follow(&mut self, expression: &str) -> Result {
        self.loaded = false;
        self.run(&format!("{{ {expression}; 0 }}"))?;
        self.loaded(expression)
    }

    fn loaded(&mut self, what: &str) -> Result {
        while !self.loaded {
            let message = self.messages.recv_timeout(TIMEOUT).map_err(|error| format!("{what}: {error}"))?;
            self.handle_event(&message);
        }
        Ok(())
    }

    /// Chooses a file in the matching input.
    ///
    /// # Errors
    /// If no element matches, the browser has exited, or rejects the command.
    pub fn choose_file(&mut self, selector: &str, file: &Path) -> Result {
        let find = json!({ "expression": format!("document.querySelector({})", json!(selector)) });
        let object = self.call("Runtime.evaluate", &find)?["result"]["objectId"].take();
        let files = json!({ "files": [file], "objectId": object });
        self.call("DOM.setFileInputFiles", &files).map(drop)
    }

    /// Returns the responses since the last call: the protocol's `Network.Response`. Of redirects, only the last response is
    /// there.
    ///
    /// # Errors
    /// If the browser has exited, or rejects the command.
    pub fn responses(&mut self) -> Result<Vec<Value>> {
        // Events so far arrive before this response.
        self.run("0")?;
        Ok(std::mem::take(&mut self.responses))
    }

    /// Sets the screen's size in CSS pixels.
    ///
    /// # Errors
    /// If the browser has exited, or rejects the command.
    pub fn screen(&mut self, width: u32, height: u32) -> Result {
        let params =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500 });
        self.call("Emulation.setDeviceMetricsOverride", &params).map(drop)
    }

    /// Sets the colour scheme: `light` or `dark`.
    ///
    /// # Errors
    /// If the browser has exited, or rejects the command.
    pub fn scheme(&mut self, scheme: &str) -> Result {
        self.colors(scheme, false)
    }

    /// Sets the colour scheme, and whether forced colours are active.
    ///
    /// # Errors
    /// If the browser has exited, or rejects the command.
    pub fn colors(&mut self, scheme: &str, forced: bool) -> Result {
        let features = [
            json!({ "name": "prefers-color-scheme", "value": scheme }),
            json!({ "name": "forced-colors", "value": if forced { "active" } else { "none" } }),
            json!({ "name": "prefers-reduced-motion", "value": "reduce" }),
        ];
        self.call("Emulation.setEmulatedMedia", &json!({ "features": features })).map(drop)
    }

    /// The page's elements whose text has too little contrast to its background (WCAG 1.4.3), with the contrast.
    ///
    /// # Errors
    /// If the browser has exited.
    pub fn low_contrast(&mut self) -> Result<Vec<String>> {
        Ok(serde_json::from_value(self.run(LOW_CONTRAST)?)?)
    }

    /// Gives the matching elements the `:hover` state.
    ///
    /// # Errors
    /// If the browser has exited, or rejects the command.
    pub fn hover(&mut self, selector: &str) -> Result {
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
    ///
    /// # Errors
    /// If the browser has exited, or rejects the command.
    pub fn screenshot(&mut self) -> Result<String> {
        let response = self.call("Page.captureScreenshot", &json!({ "format": "png" }))?;
        Ok(response["data"].as_str().ok_or("no screenshot")?.to_owned())
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        self.session = None;
        let _ = self.call("Browser.close", &json!({}));
        self.commands = None;
        end(&mut self.process);
    }
}
