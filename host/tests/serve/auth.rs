//! Who may ask: anybody on the machine itself, from anywhere else those who have the token.

use crate::served::{PREDICT, Served, connect, refusal};
use crate::support_serve::process::Server;

/// Paths that have nothing to protect.
const OPEN: [&str; 5] = ["/", "/app.js", "/style.css", "/healthz", "/openapi.json"];
const GUARDED: [&str; 5] = ["/v1/contexts", "/v1/plugins", "/v1/runs", "/v1/runs/r1", "/metrics"];

/// Holds a server to a token: nothing without it, everything with it.
fn wants(served: &Served, server: &Server, token: &str) {
    let body = served.body(&[0]);
    let mut connection = connect(server);
    for path in OPEN {
        assert_eq!(connection.request("GET", path, &[], b"").unwrap().status, 200, "{path}");
    }
    let bearer = format!("Bearer {token}");
    let shorter = &bearer[..bearer.len() - 1];
    let longer = format!("{bearer}x");
    for wrong in ["", "Bearer", "Bearer ", token, "Basic dXNlcjpwYXNz", shorter, &longer] {
        let headers = [("Authorization", wrong), ("Content-Type", "application/json")];
        // One without any header too.
        let headers = if wrong.is_empty() { &headers[1..] } else { &headers[..] };
        let mut requests: Vec<_> = GUARDED.iter().map(|path| ("GET", *path, &b""[..])).collect();
        requests.push(("POST", PREDICT, &body));
        for (method, path, body) in requests {
            // A server may close the connection of somebody whom it does not know.
            let response = connect(server).request(method, path, headers, body).unwrap();
            refusal(&response, 401).unwrap_or_else(|error| panic!("{method} {path} with `{wrong}`: {error}"));
        }
    }
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/json")];
    let response = connection.request("POST", PREDICT, &headers, &body).unwrap();
    served.holds(&[0], &response).unwrap();
    assert_eq!(connection.request("GET", "/v1/contexts", &headers, b"").unwrap().status, 200);
}

#[test]
fn another_address_than_loopback_wants_a_token_that_is_made() {
    let served = Served::new(1, 30);
    let first = served.start(&["--listen", "0.0.0.0:0", "--folder", "first"]);
    let token = first.token.clone().expect("a token is printed");
    assert!(token.len() >= 20, "`{token}` can be guessed");
    wants(&served, &first, &token);
    let second = served.start(&["--listen", "0.0.0.0:0", "--folder", "second"]);
    assert_ne!(second.token, Some(token), "every server makes its own");
}

#[test]
fn a_token_that_is_given_is_wanted_on_loopback_too() {
    let served = Served::new(1, 30);
    let by_flag = served.start(&["--token", "of-the-flag-0123456789"]);
    wants(&served, &by_flag, "of-the-flag-0123456789");
    drop(by_flag);
    let by_variable = served.start_with(&[], |command| {
        command.env("FT_SERVE_TOKEN", "of-the-variable-0123456789");
    });
    wants(&served, &by_variable, "of-the-variable-0123456789");
}

#[test]
fn loopback_wants_no_token() {
    let served = Served::new(1, 30);
    let server = served.start(&[]);
    assert_eq!(server.token, None);
    assert!(server.address.ip().is_loopback());
    served.ask(&mut connect(&server), &[0]).unwrap();
}
