//! The same classification through llama.cpp's server, in the package `llama-cpp-python[server]`.
//!
//! What is compared: one text of SST-2's form behind the same demonstrations, on the same model and as many threads, from
//! the same clients; the answer has log-probabilities in which both classes can be looked up, of the token in which they
//! differ. The server keeps keys and values of the last prompt and computes no more than what differs from it (its prefix
//! match), so the demonstrations are read once, as in a context.
//!
//! What is not: its cache is that of the demonstrations, which is in-context learning, since it cannot hold a tuned one;
//! it splits the prompt into tokens as a whole, where the host reads demonstrations and queries apart; and its answer is
//! the most likely tokens of the whole vocabulary, sorted in Python, in which a class may be missing. It answers one
//! request after another, with the output head on every token (`logits_all`, without which there are no
//! log-probabilities). So the figures are of the server as its users have it, not of llama.cpp's kernels.
//!
//! Keeping whole states of earlier prompts (`--cache`) would copy one with every request, and find none that has more in
//! common with the next than the last one has.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::common::Outcome;
use crate::support_serve::client::Connection;

/// The path of completions, and what an answer with log-probabilities has in it.
pub const COMPLETIONS: &str = "/v1/completions";
pub const EXPECTED: &str = "top_logprobs";

/// Tokens of the vocabulary that an answer has: enough for both classes to be among them nearly always.
const LOGPROBS: usize = 50;

/// Positions: demonstrations and query have a few hundred. The server holds a row of logits for each.
const POSITIONS: &str = "1024";

/// How long the server may take to read the model.
const START: Duration = Duration::from_secs(120);

/// The server's Python and model, where both are given.
pub struct Given {
    python: PathBuf,
    gguf: PathBuf,
}

impl Given {
    /// What `FT_LLAMA_PYTHON` and `FT_LLAMA_GGUF` name; none if neither is set.
    pub fn from_environment(named: impl Fn(&str) -> Outcome<Option<PathBuf>>) -> Outcome<Option<Self>> {
        match (named("FT_LLAMA_PYTHON")?, named("FT_LLAMA_GGUF")?) {
            (Some(python), Some(gguf)) => Ok(Some(Self { python, gguf })),
            (None, None) => Ok(None),
            _ => Err("expected both `FT_LLAMA_PYTHON` and `FT_LLAMA_GGUF`, got one of them".into()),
        }
    }
}

/// The running server; ended when it is dropped.
pub struct Llama {
    child: Child,
    pub address: SocketAddr,
}

impl Llama {
    /// Starts the server with so many threads, and waits until it answers; what it says goes into the file `log`.
    pub fn start(given: &Given, threads: usize, log: &Path) -> Outcome<Self> {
        let port = free_port()?;
        let threads = threads.to_string();
        let mut command = Command::new(&given.python);
        command.args(["-m", "llama_cpp.server", "--host", "127.0.0.1", "--port", &port.to_string()]);
        command.args(["--n_ctx", POSITIONS, "--n_threads", &threads, "--n_threads_batch", &threads]);
        command.args(["--logits_all", "true", "--verbose", "false"]).arg("--model").arg(&given.gguf);
        let file = std::fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        let child = command.spawn().map_err(|error| format!("cannot start {}: {error}", given.python.display()))?;
        let mut llama = Self { child, address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)) };
        let started = Instant::now();
        while !llama.is_ready() {
            let ended = llama.child.try_wait()?.is_some();
            if ended || started.elapsed() > START {
                let said = std::fs::read_to_string(log).unwrap_or_default();
                return Err(format!("llama.cpp's server does not answer; it says:\n{said}").into());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(llama)
    }

    fn is_ready(&self) -> bool {
        let asked = Connection::open(self.address, Duration::from_secs(5))
            .and_then(|mut connection| connection.request("GET", "/v1/models", &[], b""));
        asked.is_ok_and(|response| response.status == 200)
    }

    /// In how many of so many answers both classes are found: those that a client can compare.
    pub fn classified(&self, bodies: &[Vec<u8>], classes: [&str; 2]) -> Outcome<usize> {
        let mut connection = Connection::open(self.address, Duration::from_secs(60))?;
        let mut found = 0;
        for body in bodies {
            let answer = connection.post(COMPLETIONS, body)?.json()?;
            let tokens = &answer["choices"][0]["logprobs"]["top_logprobs"][0];
            found += usize::from(classes.iter().all(|class| tokens[class].is_number()));
        }
        Ok(found)
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A port that nothing listens on: the server cannot be asked to choose one itself.
fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The bodies of a completion of one token for each text, behind the demonstrations.
pub fn bodies(demonstrations: &str, texts: &[String]) -> Vec<Vec<u8>> {
    let body = |text: &String| -> Value {
        // The prompt of `plugins/sst2`.
        let prompt = format!("{demonstrations}Review: {text}\nSentiment:");
        json!({"prompt": prompt, "max_tokens": 1, "temperature": 0.0, "logprobs": LOGPROBS})
    };
    texts.iter().map(|text| body(text).to_string().into_bytes()).collect()
}
