//! More than can be scored: refused at once with when to come again, and nothing else suffers.

use std::sync::Barrier;

use crate::served::{PREDICT, Served, connect, refusal};
use crate::support_serve::client::Response;

/// Requests that come together, and the rows of each.
const REQUESTS: usize = 24;
const ROWS: usize = 40;

#[test]
fn a_full_queue_refuses_and_says_when_to_come_again() {
    let served = Served::new(ROWS, 300);
    // One request fits behind the one that is scored.
    let server = served.start(&["--queue", "64"]);
    let rows: Vec<usize> = (0..ROWS).collect();
    let body = served.body(&rows);
    let barrier = Barrier::new(REQUESTS);
    let answers: Vec<Response> = std::thread::scope(|scope| {
        let client = || {
            let mut connection = connect(&server);
            barrier.wait();
            connection.post(PREDICT, &body).unwrap()
        };
        let clients: Vec<_> = (0..REQUESTS).map(|_| scope.spawn(client)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    let mut refused = 0;
    for answer in &answers {
        if answer.status == 429 {
            refusal(answer, 429).unwrap();
            let seconds = answer.header("retry-after").expect("when to come again");
            assert!((1..=60).contains(&seconds.parse::<u32>().unwrap()), "{seconds}");
            refused += 1;
        } else {
            served.holds(&rows, answer).unwrap();
        }
    }
    assert!((1..REQUESTS).contains(&refused), "{refused} of {REQUESTS} requests were refused");
    // Nothing is left in the queue of those that were refused.
    for _ in 0..3 {
        served.ask(&mut connect(&server), &rows).unwrap();
    }
}
