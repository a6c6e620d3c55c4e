//! Clients that ask one after another for a while, and what that comes to.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::common::Outcome;
use crate::common::rounds::quantile;
use crate::support_serve::client::Connection;

/// The most that one answer may take: longer is an error, so that a bench ends. A server that answers one request at a
/// time keeps the last of 64 waiting for a while.
const PATIENCE: Duration = Duration::from_secs(300);

/// A server, and what it is asked.
pub struct Target {
    /// What it is called in figures.
    pub name: &'static str,
    address: SocketAddr,
    path: &'static str,
    bodies: Vec<Vec<u8>>,
    /// What every answer has in it.
    expected: &'static str,
    /// How many requests were sent: each takes the next body, whichever client sends it.
    next: AtomicUsize,
}

/// What clients saw in a window of time.
pub struct Window {
    /// From the first request to the last answer, divided by the number of answers.
    pub time_per_request: Duration,
    /// Seconds from each request to its answer.
    latencies: Vec<f64>,
}

impl Window {
    /// The median of the seconds from a request to its answer.
    pub fn p50(&self) -> f64 {
        quantile(&self.latencies, 0.5)
    }

    /// The longest of these times but one in a hundred.
    pub fn p99(&self) -> f64 {
        quantile(&self.latencies, 0.99)
    }
}

impl Target {
    /// Requests for `path`, whose answers have the text `expected` in them.
    pub fn new(
        name: &'static str,
        address: SocketAddr,
        path: &'static str,
        expected: &'static str,
        bodies: Vec<Vec<u8>>,
    ) -> Self {
        Self { name, address, path, bodies, expected, next: AtomicUsize::new(0) }
    }

    /// Lets so many clients ask, each as soon as it has its last answer. No request begins when the time is over; those
    /// that were sent are waited for, and count.
    pub fn window(&self, clients: usize, time: Duration) -> Outcome<Window> {
        let open = || Connection::open(self.address, PATIENCE);
        let connections = (0..clients).map(|_| open()).collect::<Result<Vec<_>, _>>()?;
        let started = Instant::now();
        let of_clients: Vec<Result<Vec<f64>, String>> = std::thread::scope(|scope| {
            let client = |connection| scope.spawn(move || self.ask(connection, started, time));
            let running: Vec<_> = connections.into_iter().map(client).collect();
            running.into_iter().map(|client| client.join().map_err(|_| "a client panicked".to_owned())?).collect()
        });
        let spent = started.elapsed();
        let latencies = of_clients.into_iter().collect::<Result<Vec<_>, _>>()?.concat();
        Ok(Window { time_per_request: spent.div_f64(latencies.len() as f64), latencies })
    }

    /// Asks until the time is over, at least once; gives the seconds that each answer took.
    fn ask(&self, mut connection: Connection, started: Instant, time: Duration) -> Result<Vec<f64>, String> {
        let mut latencies = Vec::new();
        while latencies.is_empty() || started.elapsed() < time {
            let body = &self.bodies[self.next.fetch_add(1, Ordering::Relaxed) % self.bodies.len()];
            let sent = Instant::now();
            let response = connection.post(self.path, body).map_err(|error| format!("{}: {error}", self.name))?;
            latencies.push(sent.elapsed().as_secs_f64());
            // Without parsing it: that would be the clients' time, on the processors that the server uses too.
            if response.status != 200 || !contains(&response.body, self.expected) {
                return Err(format!(
                    "{}: expected status 200 and `{}`, got status {}: {}",
                    self.name,
                    self.expected,
                    response.status,
                    response.text()
                ));
            }
        }
        Ok(latencies)
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
