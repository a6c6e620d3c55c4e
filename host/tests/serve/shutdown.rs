//! The end: what was asked before it is answered, and nothing after it.

use std::net::TcpStream;
use std::time::Duration;

use crate::served::{PREDICT, Served, connect};
use crate::support::signal;
use crate::support_serve::client::{Connection, head};

/// Requests that are answered for seconds, and the rows of each.
const REQUESTS: usize = 20;
const ROWS: usize = 50;

/// How long what is in flight may take to be answered.
const END: Duration = Duration::from_secs(60);

/// Sends a request's head, and waits until the server wants its body: from then on the request is in flight.
fn begin(connection: &mut Connection, length: usize) {
    let headers = [("Content-Type", "application/json"), ("Expect", "100-continue")];
    let head = head("POST", PREDICT, &connection.address().to_string(), &headers, length);
    connection.send(head.as_bytes()).unwrap();
    assert_eq!(connection.response().unwrap().status, 100);
}

#[test]
#[cfg(unix)]
fn a_server_that_is_stopped_answers_what_is_in_flight() {
    let served = Served::new(ROWS, 300);
    let rows: Vec<usize> = (0..ROWS).collect();
    let body = served.body(&rows);
    for name in ["INT", "TERM"] {
        let mut server = served.start(&["--queue", "10000", "--folder", name]);
        let mut connections: Vec<Connection> = (0..REQUESTS).map(|_| connect(&server)).collect();
        for connection in &mut connections {
            begin(connection, body.len());
        }
        for connection in &mut connections {
            connection.send(&body).unwrap();
        }
        // Long enough to be read, and far from long enough to be scored.
        std::thread::sleep(Duration::from_millis(300));
        signal(server.child(), name);
        for connection in &mut connections {
            let response = connection.response().unwrap_or_else(|error| panic!("{name}: no answer ({error})"));
            served.holds(&rows, &response).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        drop(connections);
        let status = server.ended_within(END).unwrap_or_else(|| panic!("{name}: it still runs"));
        assert_eq!(status.code(), Some(0), "{name}: {}", server.stderr());
        assert!(TcpStream::connect(server.address).is_err(), "{name}: something still listens");
    }
}

#[test]
#[cfg(unix)]
fn connections_without_a_request_do_not_hold_up_the_end() {
    let served = Served::new(1, 30);
    // All that may be open at a time: one that was answered and is kept, one that never asked, one in the middle of a head.
    let mut server = served.start(&["--request-time", "5", "--connections", "3"]);
    let mut kept = connect(&server);
    served.ask(&mut kept, &[0]).unwrap();
    let silent = connect(&server);
    let mut half = connect(&server);
    half.send(b"POST /v1/predict HTT").unwrap();
    signal(server.child(), "TERM");
    let status = server.ended_within(Duration::from_secs(20)).expect("it ends although connections are open");
    assert_eq!(status.code(), Some(0), "{}", server.stderr());
    drop((kept, silent, half));
}

#[test]
#[cfg(unix)]
fn a_second_signal_ends_it_at_once() {
    let served = Served::new(ROWS, 300);
    let rows: Vec<usize> = (0..ROWS).collect();
    let body = served.body(&rows);
    let mut server = served.start(&["--queue", "10000"]);
    let mut connections: Vec<Connection> = (0..REQUESTS).map(|_| connect(&server)).collect();
    for connection in &mut connections {
        begin(connection, body.len());
        connection.send(&body).unwrap();
    }
    signal(server.child(), "TERM");
    std::thread::sleep(Duration::from_millis(100));
    signal(server.child(), "TERM");
    let status = server.ended_within(Duration::from_secs(10)).expect("it still runs");
    assert_eq!(status.code(), Some(130), "it came to its end in peace");
}
