//! Good and bad requests at the same time: no good one notices the bad ones, and memory stays flat.
//!
//! A few seconds of it run with every test run. `FT_LOAD_SECONDS=600` makes it ten minutes, at least 10,000 good
//! requests, and holds the process's memory.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::attacks::{ATTACKS, Attacked, BODY_BYTES, REQUEST_SECONDS};
use crate::served::{Served, connect, open};
use crate::support::signal;
use crate::support_serve::client::Connection;
use crate::support_serve::process::Server;

/// Clients that ask for what they may ask for, all the time.
const CLIENTS: usize = 8;

/// What memory may grow by after the first tenth of the time, in bytes.
const MOST_GROWTH: u64 = 20 << 20;

/// How much load there is.
struct Length {
    /// Good requests, at least.
    requests: usize,
    /// The time that it takes, at least.
    time: Duration,
    /// Whether memory is held.
    memory: bool,
}

fn length() -> Length {
    let seconds = std::env::var("FT_LOAD_SECONDS").unwrap_or_default();
    if seconds.is_empty() {
        skipped("ten minutes of load with 10,000 good requests, and its memory: `FT_LOAD_SECONDS` is not set");
        return Length { requests: 300, time: Duration::from_secs(5), memory: false };
    }
    let seconds: u64 = seconds.parse().expect("`FT_LOAD_SECONDS` is a whole number of seconds");
    Length { requests: 10_000, time: Duration::from_secs(seconds), memory: true }
}

#[expect(clippy::disallowed_methods, reason = "the test harness keeps what passing tests print by macros")]
fn skipped(what: &str) {
    std::io::stderr().write_all(format!("SKIPPED: {what}\n").as_bytes()).unwrap();
}

/// The state of a load.
struct Load<'a> {
    served: &'a Served,
    server: &'a Server,
    length: Length,
    started: Instant,
    answered: AtomicUsize,
    over: AtomicBool,
}

impl Load<'_> {
    /// Whether there was enough of it, or something failed.
    fn is_over(&self) -> bool {
        let enough =
            self.answered.load(Ordering::Relaxed) >= self.length.requests && self.started.elapsed() >= self.length.time;
        enough || self.over.load(Ordering::Relaxed)
    }

    /// Does something again and again until the load is over, at least once; its first failure ends all of it.
    fn repeat(&self, name: &str, mut once: impl FnMut(usize) -> Result<(), String>) -> Result<usize, String> {
        for count in 0.. {
            if count > 0 && self.is_over() {
                return Ok(count);
            }
            once(count).map_err(|error| {
                self.over.store(true, Ordering::Relaxed);
                format!("{name}, number {count}: {error}")
            })?;
        }
        unreachable!("a load ends")
    }

    /// One of those who ask for some texts, on a connection that is kept for a while.
    fn client(&self, number: usize) -> Result<usize, String> {
        let mut connection = None;
        self.repeat(&format!("client {number}"), |count| {
            if count % 32 == 0 {
                connection = Some(open(self.server)?);
            }
            let Some(connection) = &mut connection else { return Err("no connection".into()) };
            let texts = self.served.count();
            let which: Vec<usize> = (0..1 + count % 5).map(|place| (number + 17 * count + 3 * place) % texts).collect();
            self.served.ask(connection, &which)?;
            self.answered.fetch_add(1, Ordering::Relaxed);
            Ok(())
        })
    }

    /// Looks at the server's memory until the load is over; gives what it was after a tenth of the time, and the most
    /// behind that, where the system says it.
    fn memory(&self) -> Option<(u64, u64)> {
        let mut seen: Option<(u64, u64)> = None;
        while !self.is_over() {
            std::thread::sleep(Duration::from_millis(100));
            if self.started.elapsed() >= self.length.time / 10 {
                let now = self.server.memory()?;
                let (first, most) = seen.unwrap_or((now, now));
                seen = Some((first, most.max(now)));
            }
        }
        seen
    }
}

#[test]
#[cfg(unix)]
fn under_attack_every_good_request_has_its_answer_and_memory_stays_flat() {
    let served = Served::new(120, 60);
    let (bytes, seconds) = (BODY_BYTES.to_string(), REQUEST_SECONDS.to_string());
    let mut server = served.start(&["--body-bytes", &bytes, "--request-time", &seconds]);
    let load = Load {
        served: &served,
        server: &server,
        length: length(),
        started: Instant::now(),
        answered: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    };
    let (done, memory) = std::thread::scope(|scope| {
        let load = &load;
        let clients = (0..CLIENTS).map(|number| scope.spawn(move || load.client(number)));
        let attackers = ATTACKS.iter().map(|(name, attack)| {
            let attacked = Attacked { served: load.served, server: load.server };
            scope.spawn(move || {
                load.repeat(name, |_| {
                    // One attacker is not to take the processor from all others.
                    std::thread::sleep(Duration::from_millis(20));
                    attack(&attacked)
                })
            })
        });
        let running: Vec<_> = clients.chain(attackers).collect();
        let memory = load.memory();
        let done: Vec<Result<usize, String>> = running.into_iter().map(|thread| thread.join().unwrap()).collect();
        (done, memory)
    });
    let failures: Vec<String> = done.into_iter().filter_map(Result::err).collect();
    assert!(failures.is_empty(), "{}\nstderr:\n{}", failures.join("\n"), server.stderr());
    if let (true, Some((first, most))) = (load.length.memory, memory) {
        assert!(most - first <= MOST_GROWTH, "memory grew from {first} to {most} bytes");
    }
    served.ask(&mut connect(&server), &[0]).unwrap();
    assert!(!server.stderr().contains("panicked"), "{}", server.stderr());
    signal(server.child(), "TERM");
    assert_eq!(server.ended_within(Duration::from_secs(20)).and_then(|status| status.code()), Some(0));
}

/// Clients that hold all connections and ask for nothing are got rid of, and others have their turn.
#[test]
fn slow_clients_on_all_connections_keep_nobody_out_for_long() {
    let served = Served::new(1, 30);
    let server = served.start(&["--connections", "8", "--request-time", "1"]);
    let mut slow: Vec<_> = (0..16).map(|_| connect(&server)).collect();
    for connection in &mut slow {
        // Those beyond the bound are not read, or closed at once.
        drop(connection.send(b"POST /v1/predict HTTP/1.1\r\nHost: "));
    }
    let started = Instant::now();
    loop {
        // A server with all connections taken may refuse one more, and may let it wait.
        let asked = Connection::open(server.address, Duration::from_secs(20))
            .map_err(|error| error.to_string())
            .and_then(|mut connection| served.ask(&mut connection, &[0]));
        match asked {
            Ok(()) => break,
            Err(error) => assert!(started.elapsed() < Duration::from_secs(30), "{error}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    drop(slow);
}
