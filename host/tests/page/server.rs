//! `ft-host serve` itself, on a free port of 127.0.0.1.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdout};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::{Answer, request};
use crate::support::{Place, guest, signal};

/// Within which a server that was told to stop has ended.
const STOPS_WITHIN: Duration = Duration::from_secs(30);

pub struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: PathBuf,
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// What the page is opened with, as the server printed it.
    pub url: String,
}

/// A folder with the tiny model and the plugins that the tests choose.
pub fn place() -> Place {
    let place = Place::with_model();
    for name in ["sst2", "momentum", "template"] {
        place.write(&format!("plugins/{name}.wasm"), std::fs::read(guest(name)).unwrap());
    }
    place
}

impl Server {
    /// Serves the place's model on the CPU; `more` flags come besides.
    pub fn start(place: &Place, more: &[&str]) -> Self {
        Self::listen(place, "127.0.0.1:0", more)
    }

    pub fn listen(place: &Place, address: &str, more: &[&str]) -> Self {
        let mut command = place.command(&["serve", "--listen", address, "--model", "model", "--device", "cpu"]);
        Self::spawn(command.args(more), place.path("serve.stderr"))
    }

    /// Starts a command that serves; its standard error becomes a file.
    pub fn spawn(command: &mut std::process::Command, stderr: PathBuf) -> Self {
        let mut child = command.stderr(File::create(&stderr).unwrap()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let url = line.strip_prefix("listening on ").and_then(|url| url.strip_suffix('\n'));
        let url = url.unwrap_or_else(|| {
            panic!("expected `listening on URL`, got {line:?} and {}", std::fs::read_to_string(&stderr).unwrap())
        });
        let url = url.to_owned();
        let address =
            url.strip_prefix("http://").and_then(|rest| rest.split('/').next()).expect("an address").to_owned();
        Self { child, stdout, stderr, address, url }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Answer {
        request(&self.address, method, path, headers, body).unwrap_or_else(|error| panic!("{method} {path}: {error}"))
    }

    pub fn get(&self, path: &str) -> Value {
        let answer = self.ask("GET", path, &[], None);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        answer.json()
    }

    pub fn post(&self, path: &str, body: &Value) -> Value {
        let answer = self.ask("POST", path, &[], Some(body));
        assert!((200..300).contains(&answer.status), "{path} {body}: {}", answer.body);
        answer.json()
    }

    /// Stops the server as Ctrl-C does: it ends with status 0, soon, and has printed one line.
    pub fn stop(mut self) {
        signal(&self.child, "INT");
        let until = Instant::now() + STOPS_WITHIN;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > until => panic!("expected the server to stop, got:\n{}", self.log()),
                None => sleep(Duration::from_millis(20)),
            }
        };
        assert!(status.success(), "{status}:\n{}", self.log());
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }

    /// Ends the server as a crash does.
    pub fn crash(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.stderr).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
