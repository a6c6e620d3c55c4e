//! A browser without a window, driven through WebDriver (<https://www.w3.org/TR/webdriver2/>).
//!
//! Its profile is empty, it reaches no address but 127.0.0.1, and what it logs and requests is kept for [`Browser::faults`].

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::request;
use crate::installed::programs;

/// One browser at a time: each has several processes, and tests wait for what takes a second alone.
static ALONE: Mutex<()> = Mutex::new(());

/// How long the driver, and a page unless a test says otherwise, is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a page is asked whether it shows something.
const INTERVAL: Duration = Duration::from_millis(40);

/// The member of a JSON object that stands for an element (section 12.1 of the specification).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys by their code points (section 17.4.2 of the specification).
pub const TAB: &str = "\u{e004}";
pub const ENTER: &str = "\u{e007}";
pub const CONTROL: &str = "\u{e009}";

pub struct Browser {
    /// How long the page is waited for.
    pub patience: Duration,
    driver: Child,
    /// `127.0.0.1:PORT` of the driver.
    address: String,
    /// `/session/ID`.
    session: String,
    /// The browser's profile and the driver's output.
    _folder: TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// An element of the page.
pub struct Element(Value);

impl Browser {
    /// Starts a browser with an empty page; none where none is installed.
    pub fn start() -> Option<Self> {
        let programs = programs()?;
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        let output = folder.path().join("chromedriver.log");
        let mut command = Command::new(&programs.chromedriver);
        command.arg("--port=0").stdin(Stdio::null()).stdout(File::create(&output).unwrap());
        command.stderr(Stdio::null()).env("HOME", folder.path());
        let driver = command.spawn().expect("chromedriver starts");
        let mut browser = Self {
            patience: PATIENCE,
            driver,
            address: String::new(),
            session: String::new(),
            _folder: folder,
            _alone: alone,
        };
        browser.address = format!("127.0.0.1:{}", port(&output));
        let profile = browser._folder.path().join("profile");
        let session = browser.call("POST", "/session", Some(&capabilities(&programs.chromium, &profile)));
        browser.session = format!("/session/{}", session["sessionId"].as_str().expect("a session has an id"));
        // The browser's own first page is not what is tested.
        browser.open("about:blank");
        browser.faults("");
        Some(browser)
    }

    /// What the driver answers; its errors are the test's.
    #[track_caller]
    fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        self.try_call(method, path, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    fn try_call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let answer = request(&self.address, method, path, &[], body).map_err(|error| error.to_string())?;
        let mut value = answer.json()["value"].take();
        match answer.status {
            200 => Ok(value),
            _ => Err(format!("{}: {}", value["error"].take(), value["message"].take())),
        }
    }

    #[track_caller]
    fn post(&self, path: &str, body: Value) -> Value {
        self.call("POST", &format!("{}/{path}", self.session), Some(&body))
    }

    /// Goes to an address and waits until it is loaded.
    pub fn open(&self, url: &str) {
        self.post("url", json!({ "url": url }));
    }

    /// The result of a function's body in the page, with `arguments`.
    #[track_caller]
    pub fn script(&self, body: &str, arguments: Value) -> Value {
        self.post("execute/sync", json!({ "script": body, "args": arguments }))
    }

    /// Waits until a function's body gives something that is neither null nor false, and gives it.
    #[track_caller]
    pub fn wait(&self, what: &str, body: &str, arguments: Value) -> Value {
        self.wait_until(what, || {
            let value = self.script(body, arguments.clone());
            (!matches!(value, Value::Null | Value::Bool(false))).then_some(value)
        })
    }

    /// Asks again and again until there is a value; what the page shows is told if there is none in time.
    #[track_caller]
    pub fn wait_until<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        let until = Instant::now() + self.patience;
        loop {
            if let Some(value) = ask() {
                return value;
            }
            if Instant::now() > until {
                let page = self.script("return document.body.innerText", json!([]));
                let page = page.as_str().unwrap_or_default();
                panic!("expected {what}, got these errors and this page:\n{}\n{page}", self.errors().join("\n"));
            }
            sleep(INTERVAL);
        }
    }

    /// The first element of a CSS selector, once it can be seen.
    #[track_caller]
    pub fn element(&self, selector: &str) -> Element {
        const VISIBLE: &str = "const e = document.querySelector(arguments[0]);
            return e !== null && e.checkVisibility() && e";
        Element(self.wait(&format!("`{selector}` to be visible"), VISIBLE, json!([selector])))
    }

    #[track_caller]
    fn act(&self, element: &Element, action: &str, body: Value) {
        let id = element.0[ELEMENT].as_str().expect("an element");
        self.post(&format!("element/{id}/{action}"), body);
    }

    /// Clicks where the element is, as a person does.
    #[track_caller]
    pub fn click(&self, selector: &str) {
        self.act(&self.element(selector), "click", json!({}));
    }

    /// Replaces what is in a field.
    #[track_caller]
    pub fn fill(&self, selector: &str, text: &str) {
        let field = self.element(selector);
        self.act(&field, "clear", json!({}));
        self.act(&field, "value", json!({ "text": text }));
    }

    /// Chooses of a `select` by value or text.
    #[track_caller]
    pub fn choose(&self, selector: &str, choice: &str) {
        const OPTION: &str = "const options = [...document.querySelector(arguments[0]).options];
            return options.find(o => o.value === arguments[1] || o.text.trim() === arguments[1]) ?? false";
        self.element(selector);
        let option = self.wait(&format!("`{selector}` to have `{choice}`"), OPTION, json!([selector, choice]));
        self.act(&Element(option), "click", json!({}));
    }

    /// Presses keys one after another; `CONTROL` is held down to the end.
    pub fn keys(&self, keys: &str) {
        let of_key = |kind: &str, key: char| json!({"type": kind, "value": key.to_string()});
        let mut actions: Vec<Value> = Vec::new();
        for key in keys.chars() {
            actions.push(of_key("keyDown", key));
            if !CONTROL.contains(key) {
                actions.push(of_key("keyUp", key));
            }
        }
        let keyboard = json!({"type": "key", "id": "keyboard", "actions": actions});
        self.post("actions", json!({ "actions": [keyboard] }));
        self.call("DELETE", &format!("{}/actions", self.session), None);
    }

    /// A command of the Chrome DevTools protocol.
    pub fn devtools(&self, command: &str, parameters: Value) -> Value {
        self.post("goog/cdp/execute", json!({ "cmd": command, "params": parameters }))
    }

    /// The size of the page's view in CSS pixels, with a phone's behaviour or without.
    pub fn view(&self, width: u32, height: u32, is_phone: bool) {
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": is_phone});
        self.devtools("Emulation.setDeviceMetricsOverride", size);
    }

    /// Whether the page is shown to somebody who prefers dark colours.
    pub fn scheme(&self, is_dark: bool) {
        let value = if is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// What the view shows, as PNG in base64.
    pub fn screenshot(&self) -> String {
        let png = self.call("GET", &format!("{}/screenshot", self.session), None);
        png.as_str().expect("base64").to_owned()
    }

    /// The text of an open dialog, if there is one.
    pub fn dialog(&self) -> Option<String> {
        let text = self.try_call("GET", &format!("{}/alert/text", self.session), None);
        text.ok().map(|text| text.to_string())
    }

    /// Entries of a log since the last call.
    fn log(&self, kind: &str) -> Vec<Value> {
        match self.post("se/log", json!({ "type": kind })) {
            Value::Array(entries) => entries,
            other => panic!("expected a list of log entries, got {other}"),
        }
    }

    /// Errors in the console since the last call.
    fn errors(&self) -> Vec<String> {
        let errors = self.log("browser").into_iter().filter(|entry| entry["level"] == "SEVERE");
        errors.map(|entry| entry["message"].to_string()).collect()
    }

    /// Errors in the console, and requests to other origins than this one, since the last call.
    pub fn faults(&self, origin: &str) -> Vec<String> {
        let mut faults = self.errors();
        for entry in self.log("performance") {
            let event: Value = serde_json::from_str(entry["message"].as_str().expect("a text")).expect("JSON");
            faults.extend(outside(&event["message"], origin));
        }
        faults
    }

    /// Ends the browser; fails on an error in the console, and on a request to another origin, unless its text has one of
    /// `expected`.
    #[track_caller]
    pub fn close(self, origin: &str, expected: &[&str]) {
        assert_eq!(self.dialog(), None, "a dialog is open");
        let faults = self.faults(origin);
        let odd: Vec<&String> =
            faults.iter().filter(|fault| !expected.iter().any(|part| fault.contains(part))).collect();
        assert!(odd.is_empty(), "expected no other faults than {expected:?}, got {odd:#?}");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Without this the browser outlives its driver.
        if !self.session.is_empty() {
            let _ = self.try_call("DELETE", &self.session, None);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The address of a request that an event tells, if it is of another origin.
fn outside(event: &Value, origin: &str) -> Option<String> {
    let url = match event["method"].as_str()? {
        "Network.requestWillBeSent" => event["params"]["request"]["url"].as_str()?,
        "Network.webSocketCreated" => event["params"]["url"].as_str()?,
        _ => return None,
    };
    let is_own = url.strip_prefix(origin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    (!is_own).then(|| format!("a request to {url}"))
}

/// The port that the driver took.
fn port(output: &PathBuf) -> u16 {
    let until = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(output).unwrap();
        let port = text.split_once("successfully on port ").and_then(|(_, rest)| rest.split_once('.'));
        if let Some((port, _)) = port {
            return port.parse().expect("a port");
        }
        assert!(Instant::now() < until, "expected chromedriver to say its port, got:\n{text}");
        sleep(INTERVAL);
    }
}

fn capabilities(chromium: &std::path::Path, profile: &std::path::Path) -> Value {
    let profile = format!("--user-data-dir={}", profile.display());
    let arguments = [
        "--headless=new",
        // Root has no sandbox, and containers have little shared memory.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        &profile,
        "--window-size=1280,900",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-default-apps",
        "--disable-sync",
        "--no-first-run",
    ];
    json!({ "capabilities": { "alwaysMatch": {
        "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        "goog:chromeOptions": { "binary": chromium, "args": arguments },
    } } })
}
