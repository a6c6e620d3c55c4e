//! A context that is served, and what `ft-host predict` makes of texts behind it.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Done, Place, guest};
use crate::support_serve::client::{Connection, Response};
use crate::support_serve::process::Server;

pub const PREDICT: &str = "/v1/predict";

/// The most that an answer may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Texts, and what is predicted of them one by one.
pub struct Served {
    place: Place,
    texts: Vec<String>,
    expected: Vec<Value>,
}

impl Served {
    /// So many texts of about so many characters, behind a context of SST-2's sample.
    pub fn new(count: usize, characters: usize) -> Self {
        let place = Place::with_model();
        let (task, optimizer) = (guest("sst2"), guest("momentum"));
        let common = ["--model", "model", "--data", "sample", "--device", "cpu", "--select", "last"];
        let tune = ["tune", "--task", &task, "--optimizer", &optimizer, "--steps", "3", "--out", "context"];
        place.host(&[&tune[..], &common].concat()).good();
        let texts: Vec<String> = (0..count).map(|index| text(index, characters)).collect();
        let mut predict = place.command(&["predict", "context", "--quiet"]);
        predict.args(texts.iter().flat_map(|text| ["--text", text]));
        let lines = Done::of(predict.output().unwrap()).good().stdout;
        let expected: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(expected.len(), count);
        Self { place, texts, expected }
    }

    /// Starts a server of the context with more flags.
    pub fn start(&self, flags: &[&str]) -> Server {
        self.start_with(flags, |_| ())
    }

    /// The same, after `change` has been at its environment.
    pub fn start_with(&self, flags: &[&str], change: impl FnOnce(&mut Command)) -> Server {
        let serve = ["serve", "--context", "moods=context", "--device", "cpu", "--offline"];
        let mut command = self.place.command(&[&serve[..], flags].concat());
        if !flags.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        change(&mut command);
        Server::start(command, &self.place.path("serve.log")).unwrap_or_else(|error| panic!("{error}"))
    }

    /// A path in the folder that servers are started in.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    /// What a command in that folder says.
    pub fn host(&self, arguments: &[&str]) -> Done {
        self.place.host(arguments)
    }

    /// The number of texts.
    pub fn count(&self) -> usize {
        self.texts.len()
    }

    /// The body of a request for some of the texts.
    pub fn body(&self, which: &[usize]) -> Vec<u8> {
        let texts: Vec<&String> = which.iter().map(|index| &self.texts[*index]).collect();
        json!({"contexts": ["moods"], "texts": texts}).to_string().into_bytes()
    }

    /// Holds an answer to what `ft-host predict` printed of these texts, number for number.
    ///
    /// # Errors
    /// If it differs; the message has both.
    pub fn holds(&self, which: &[usize], response: &Response) -> Result<(), String> {
        let answer = response.json().map_err(|error| error.to_string())?;
        let expected: Vec<Value> = (which.iter().enumerate())
            .map(|(place, index)| {
                let mut line = self.expected[*index].clone();
                line["index"] = place.into();
                line
            })
            .collect();
        if response.status != 200 || answer["predictions"] != Value::Array(expected.clone()) {
            return Err(format!(
                "{which:?}: expected status 200 and {}, got status {} and {answer}",
                Value::Array(expected),
                response.status
            ));
        }
        Ok(())
    }

    /// Asks for some of the texts and holds the answer to what is expected.
    ///
    /// # Errors
    /// If there is no answer, or another one.
    pub fn ask(&self, connection: &mut Connection, which: &[usize]) -> Result<(), String> {
        let response = connection.post(PREDICT, &self.body(which)).map_err(|error| format!("{which:?}: {error}"))?;
        self.holds(which, &response)
    }
}

/// A connection of a client that waits for its answers.
///
/// # Errors
/// If the server does not accept it.
pub fn open(server: &Server) -> Result<Connection, String> {
    Connection::open(server.address, PATIENCE).map_err(|error| format!("cannot connect: {error}"))
}

/// A connection to a server that accepts it.
pub fn connect(server: &Server) -> Connection {
    open(server).unwrap_or_else(|error| panic!("{error}"))
}

/// Holds an answer to a refusal with this status, which has a code and a message.
///
/// # Errors
/// If it is another answer.
pub fn refusal(response: &Response, status: u16) -> Result<(), String> {
    let error = &response.json().map_err(|error| error.to_string())?["error"];
    let has = |key: &str| error[key].as_str().is_some_and(|text| !text.is_empty());
    let is_json = response.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    if response.status != status || !has("code") || !has("message") || !is_json {
        return Err(format!(
            "expected an error of status {status}, got status {}: {}",
            response.status,
            response.text()
        ));
    }
    Ok(())
}

/// A text of words that no other text has in this order.
fn text(index: usize, characters: usize) -> String {
    let words = ["film", "good", "bad", "story", "dull", "warm", "slow", "fine"];
    let mut text = format!("no {index}");
    let mut seed = index;
    while text.len() < characters {
        seed = (seed * 31 + 7) % 8311;
        text = text + " " + words[seed % words.len()];
    }
    text
}
