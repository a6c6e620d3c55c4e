//! Requests that are not as they should be: each has its status, a code and a message, and the next is answered.

use crate::served::{PREDICT, Served, connect, refusal};

const JSON: (&str, &str) = ("Content-Type", "application/json");

/// A request by what is wrong with it: its method, path, headers, body, and the status of the answer.
type Case<'a> = (&'a str, &'a str, &'a str, &'a [(&'a str, &'a str)], &'a [u8], u16);

#[test]
fn wrong_requests_have_the_status_of_what_is_wrong() {
    let served = Served::new(2, 30);
    let server = served.start(&["--body-bytes", "4096"]);
    let good = served.body(&[0]);
    let large = vec![b' '; 4097];
    let many = [&b"{\"texts\": ["[..], &[b'['; 3000]].concat();
    let cases: [Case<'_>; 16] = [
        ("no such path", "GET", "/v1/nothing", &[], b"", 404),
        ("no such run", "GET", "/v1/runs/r999", &[], b"", 404),
        ("a file of the machine", "GET", "/../../etc/passwd", &[], b"", 404),
        ("another method", "GET", PREDICT, &[], b"", 405),
        ("no type", "POST", PREDICT, &[], &good, 415),
        ("another type", "POST", PREDICT, &[("Content-Type", "text/plain")], &good, 415),
        ("a form's type", "POST", PREDICT, &[("Content-Type", "application/x-www-form-urlencoded")], &good, 415),
        ("nothing", "POST", PREDICT, &[JSON], b"", 400),
        ("half of JSON", "POST", PREDICT, &[JSON], b"{\"texts\": [\"a\"", 400),
        ("no object", "POST", PREDICT, &[JSON], b"[1]", 400),
        ("no texts", "POST", PREDICT, &[JSON], b"{\"contexts\": [\"moods\"]}", 400),
        ("a number for a text", "POST", PREDICT, &[JSON], b"{\"texts\": [1]}", 400),
        ("JSON that nests", "POST", PREDICT, &[JSON], &many, 400),
        ("bytes that are no text", "POST", PREDICT, &[JSON], b"{\"texts\": [\"\xff\xfe\"]}", 400),
        ("too many bytes", "POST", PREDICT, &[JSON], &large, 413),
        ("another origin", "POST", PREDICT, &[JSON, ("Origin", "http://attacker.example")], &good, 403),
    ];
    for (name, method, path, headers, body, status) in cases {
        let mut connection = connect(&server);
        let response =
            connection.request(method, path, headers, body).unwrap_or_else(|error| panic!("{name}: {error}"));
        refusal(&response, status).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    // Which of the two statuses an unknown context has is not said.
    let unknown = connect(&server).post(PREDICT, b"{\"contexts\": [\"nobody\"], \"texts\": [\"a\"]}").unwrap();
    refusal(&unknown, 404).or_else(|_| refusal(&unknown, 400)).unwrap();
    served.ask(&mut connect(&server), &[1, 0]).unwrap();
    assert!(!server.stderr().contains("panicked"), "{}", server.stderr());
}

#[test]
fn names_of_the_machine_itself_are_answered_and_others_are_not() {
    let served = Served::new(1, 30);
    let server = served.start(&["--host", "models.example"]);
    let port = server.address.port();
    let asked = |host: &str, origin: Option<&str>| {
        let mut connection = connect(&server);
        let origin = origin.map_or(String::new(), |origin| format!("Origin: {origin}\r\n"));
        let request = format!("GET /v1/contexts HTTP/1.1\r\nHost: {host}\r\n{origin}\r\n");
        connection.send(request.as_bytes()).unwrap();
        connection.response().unwrap()
    };
    let own = [format!("127.0.0.1:{port}"), format!("localhost:{port}"), format!("[::1]:{port}")];
    for host in &own {
        assert_eq!(asked(host, None).status, 200, "{host}");
        assert_eq!(asked(host, Some(&format!("http://{host}"))).status, 200, "{host}");
    }
    assert_eq!(asked("models.example", None).status, 200);
    let others = [
        format!("attacker.example:{port}"),
        "attacker.example".into(),
        format!("127.0.0.1.attacker.example:{port}"),
        format!("localhost.attacker.example:{port}"),
    ];
    for host in others {
        refusal(&asked(&host, None), 403).unwrap_or_else(|error| panic!("{host}: {error}"));
    }
    for origin in ["null", "http://attacker.example", "https://127.0.0.1", "http://127.0.0.1:1", "file://"] {
        refusal(&asked(&own[0], Some(origin)), 403).unwrap_or_else(|error| panic!("{origin}: {error}"));
    }
}
