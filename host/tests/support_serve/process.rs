//! The running program.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// How long a server may take to read a model's weights and listen.
const START: Duration = Duration::from_secs(120);

/// A running server; ended at once when it is dropped.
pub struct Server {
    child: Child,
    log: PathBuf,
    /// Where it listens, on the loopback interface.
    pub address: SocketAddr,
    /// The token that it printed, if it wants one.
    pub token: Option<String>,
}

impl Server {
    /// Starts `command` and waits for the line with its address; stderr goes into the file `log`.
    ///
    /// # Errors
    /// If it ends, prints another line, or does not listen in time; the message has what it wrote to stderr.
    pub fn start(mut command: Command, log: &Path) -> Result<Self, String> {
        let stderr = File::create(log).map_err(|error| format!("cannot write {}: {error}", log.display()))?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().map_err(|error| format!("cannot start {command:?}: {error}"))?;
        let line = child.stdout.take().and_then(|stdout| {
            let (send, come) = mpsc::channel();
            std::thread::spawn(move || {
                // Read to its end, so that a server which prints more is not stopped by a full pipe.
                BufReader::new(stdout).lines().map_while(Result::ok).for_each(|line| drop(send.send(line)));
            });
            come.recv_timeout(START).ok()
        });
        let listening = line.as_deref().and_then(address_and_token);
        let unknown = SocketAddr::from(([127, 0, 0, 1], 0));
        let (address, token) = listening.clone().unwrap_or((unknown, None));
        let server = Self { child, log: log.to_owned(), address, token };
        match listening {
            Some(_) => Ok(server),
            None => Err(format!("expected `listening on http://ADDRESS/`, got {line:?}; stderr:\n{}", server.stderr())),
        }
    }

    /// What it has written to stderr so far.
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The process.
    pub fn child(&self) -> &Child {
        &self.child
    }

    /// Its resident memory in bytes, where the system says it (`VmRSS` of Linux).
    pub fn memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kib * 1024)
    }

    /// The status it ended with; none if it still runs when the time is over.
    pub fn ended_within(&mut self, time: Duration) -> Option<ExitStatus> {
        let started = Instant::now();
        while started.elapsed() < time {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What `listening on http://ADDRESS/` or `listening on http://ADDRESS/#token=TOKEN` says. A server that listens on all
/// interfaces is reached on loopback.
fn address_and_token(line: &str) -> Option<(SocketAddr, Option<String>)> {
    let (address, rest) = line.strip_prefix("listening on http://")?.split_once('/')?;
    let mut address: SocketAddr = address.parse().ok()?;
    if address.ip().is_unspecified() {
        address.set_ip([127, 0, 0, 1].into());
    }
    let token = match rest.strip_prefix("#token=") {
        Some(token) => Some(token.to_owned()),
        None if rest.is_empty() => None,
        None => return None,
    };
    Some((address, token))
}
