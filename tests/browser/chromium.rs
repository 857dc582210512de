//! A headless Chromium, told what to do by the DevTools protocol over a pipe
//! (`--remote-debugging-pipe`): JSON with a NUL after each message, on descriptors
//! 3 and 4. No port, no driver, and no library between; it can do what a WebDriver
//! cannot: no script, no network, dark, narrow, and what was asked of the network.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

/// How long an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Nothing of this is about the page: no sandbox, as root has none; no network of
/// the browser's own.
const FLAGS: [&str; 12] = [
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--force-color-profile=srgb",
];

/// A browser with one page.
pub struct Browser {
    child: Child,
    to: Option<ChildStdin>,
    from: Receiver<Value>,
    next: u64,
    session: String,
    /// What came unasked.
    events: Vec<Value>,
    profile: PathBuf,
}

impl Browser {
    /// Starts one. `name` is that of a directory of its own.
    pub fn new(name: &str) -> anyhow::Result<Self> {
        let profile = std::env::temp_dir().join(format!("sigwhy-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&profile)?;
        let mut user = std::ffi::OsString::from("--user-data-dir=");
        user.push(&profile);
        // The shell moves our two pipes to where Chromium wants them.
        let mut child = Command::new("sh")
            .args([
                "-c",
                r#"exec "$@" 3<&0 4>&1 0</dev/null 1>&2"#,
                "sh",
                "chromium",
            ])
            .args(FLAGS)
            .arg(user)
            .arg("about:blank")
            .env("HOME", &profile)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting chromium")?;
        let to = child.stdin.take().context("no pipe to chromium")?;
        let out = child.stdout.take().context("no pipe from chromium")?;
        let (send, from) = channel();
        thread::spawn(move || {
            for message in BufReader::new(out).split(0) {
                let Ok(message) = message else { break };
                let Ok(value) = serde_json::from_slice(&message) else {
                    break;
                };
                if send.send(value).is_err() {
                    break;
                }
            }
        });
        let mut browser = Self {
            child,
            to: Some(to),
            from,
            next: 0,
            session: String::new(),
            events: Vec::new(),
            profile,
        };
        let page = browser.call("Target.createTarget", json!({"url": "about:blank"}))?;
        let attached = browser.call(
            "Target.attachToTarget",
            json!({"targetId": page["targetId"], "flatten": true}),
        )?;
        browser.session = attached["sessionId"]
            .as_str()
            .context("no session")?
            .to_owned();
        for domain in ["Page", "Runtime", "Log", "Network", "Accessibility"] {
            browser.call(&format!("{domain}.enable"), json!({}))?;
        }
        // As without a network; a file is no network.
        let offline =
            json!({"offline": true, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0});
        browser.call("Network.emulateNetworkConditions", offline)?;
        Ok(browser)
    }

    /// A command and its answer.
    pub fn call(&mut self, method: &str, params: Value) -> anyhow::Result<Value> {
        self.next += 1;
        let id = self.next;
        let mut message = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        let mut bytes = serde_json::to_vec(&message)?;
        bytes.push(0);
        let to = self.to.as_mut().context("chromium is gone")?;
        to.write_all(&bytes).context("telling chromium")?;
        let end = Instant::now() + PATIENCE;
        loop {
            let mut answer = self.receive(end).with_context(|| method.to_owned())?;
            if answer["id"] == id {
                if let Some(error) = answer.get("error") {
                    bail!("{method}: {error}");
                }
                return Ok(answer["result"].take());
            }
            self.events.push(answer);
        }
    }

    fn receive(&mut self, end: Instant) -> anyhow::Result<Value> {
        let left = end.saturating_duration_since(Instant::now());
        self.from
            .recv_timeout(left)
            .context("chromium does not answer: `cargo xtask browser test` installs it")
    }

    /// Opens a file and waits until it is there.
    pub fn open(&mut self, file: &Path) -> anyhow::Result<()> {
        self.events.clear();
        let url = format!("file://{}", file.display());
        let answer = self.call("Page.navigate", json!({"url": url}))?;
        ensure!(answer.get("errorText").is_none(), "{url}: {answer}");
        let end = Instant::now() + PATIENCE;
        while !self.has("Page.loadEventFired") {
            let event = self.receive(end)?;
            self.events.push(event);
        }
        Ok(())
    }

    fn has(&self, method: &str) -> bool {
        self.events.iter().any(|event| event["method"] == method)
    }

    /// What an expression is, as JSON.
    pub fn eval(&mut self, expression: &str) -> anyhow::Result<Value> {
        let mut result = self.call(
            "Runtime.evaluate",
            json!({"expression": expression, "returnByValue": true, "awaitPromise": true}),
        )?;
        if let Some(error) = result.get("exceptionDetails") {
            bail!("{expression}: {error}");
        }
        Ok(result["result"]["value"].take())
    }

    pub fn text(&mut self, expression: &str) -> anyhow::Result<String> {
        let value = self.eval(expression)?;
        let text = value
            .as_str()
            .with_context(|| format!("{expression}: {value}"))?;
        Ok(text.to_owned())
    }

    pub fn number(&mut self, expression: &str) -> anyhow::Result<f64> {
        let value = self.eval(expression)?;
        value
            .as_f64()
            .with_context(|| format!("{expression}: {value}"))
    }

    /// A window of that size, in CSS pixels.
    pub fn size(&mut self, width: u32, height: u32, scale: f64) -> anyhow::Result<()> {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": scale, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", metrics)?;
        Ok(())
    }

    /// `screen` or `print`, and `light` or `dark`.
    pub fn media(&mut self, media: &str, scheme: &str) -> anyhow::Result<()> {
        let features = json!([{"name": "prefers-color-scheme", "value": scheme}]);
        self.call(
            "Emulation.setEmulatedMedia",
            json!({"media": media, "features": features}),
        )?;
        Ok(())
    }

    pub fn scripts(&mut self, run: bool) -> anyhow::Result<()> {
        self.call(
            "Emulation.setScriptExecutionDisabled",
            json!({"value": !run}),
        )?;
        Ok(())
    }

    /// A key, pressed and released: `Tab`, `ArrowRight`.
    pub fn key(&mut self, key: &str) -> anyhow::Result<()> {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowRight" => 39,
            _ => bail!("no code for {key}"),
        };
        for kind in ["rawKeyDown", "char", "keyUp"] {
            if kind == "char" && key != "Enter" {
                continue;
            }
            let text = if kind == "char" { "\r" } else { "" };
            let event = json!({"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text});
            self.call("Input.dispatchKeyEvent", event)?;
        }
        Ok(())
    }

    /// Text, as it is typed.
    pub fn write(&mut self, text: &str) -> anyhow::Result<()> {
        self.call("Input.insertText", json!({"text": text}))?;
        Ok(())
    }

    /// Moves the pointer there.
    pub fn point(&mut self, x: f64, y: f64) -> anyhow::Result<()> {
        self.call(
            "Input.dispatchMouseEvent",
            json!({"type": "mouseMoved", "x": x, "y": y}),
        )?;
        Ok(())
    }

    /// A picture of a part of the page, as PNG in base64.
    pub fn shot(&mut self, clip: Value) -> anyhow::Result<String> {
        let mut shot = self.call(
            "Page.captureScreenshot",
            json!({"format": "png", "clip": clip, "captureBeyondViewport": true}),
        )?;
        match shot["data"].take() {
            Value::String(data) => Ok(data),
            other => bail!("no picture: {other}"),
        }
    }

    /// Requests that the page's policy kept from being sent.
    pub fn blocked(&self) -> usize {
        let is_blocked = |event: &&Value| {
            event["method"] == "Network.loadingFailed" && event["params"]["blockedReason"] == "csp"
        };
        self.events.iter().filter(is_blocked).count()
    }

    /// What went wrong on the page, and what it asked of the network: of a good one
    /// both are empty.
    pub fn trouble(&mut self) -> anyhow::Result<Vec<String>> {
        // What is on its way has come when this is answered.
        self.eval("new Promise(done => setTimeout(done, 50))")?;
        let mut trouble = Vec::new();
        for event in &self.events {
            let params = &event["params"];
            match event["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" => trouble.push(params["exceptionDetails"].to_string()),
                "Runtime.consoleAPICalled" => trouble.push(params["args"].to_string()),
                "Log.entryAdded" => trouble.push(params["entry"].to_string()),
                "Page.javascriptDialogOpening" => trouble.push(params["message"].to_string()),
                "Network.requestWillBeSent" => {
                    let url = params["request"]["url"].as_str().unwrap_or_default();
                    if params["type"] != "Document" || !url.starts_with("file://") {
                        trouble.push(url.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(trouble)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends when its pipe does; who does not is ended.
        self.to = None;
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.profile);
    }
}
