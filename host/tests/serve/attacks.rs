//! What clients do that should not be: each attack once, and what must come of it.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use crate::served::{self, PREDICT, Served, refusal};
use crate::support_serve::client::{Connection, head};
use crate::support_serve::process::Server;

/// Bytes of a body that the attacked server takes at most (`--body-bytes`).
pub const BODY_BYTES: usize = 32 << 10;
/// Seconds that it gives a request (`--request-time`): enough for a good one on a machine that others use too.
pub const REQUEST_SECONDS: u64 = 5;
/// How long it may take to be rid of a client that is slower than that.
const RID_OF: Duration = Duration::from_secs(20);

/// A server under attack.
pub struct Attacked<'a> {
    pub served: &'a Served,
    pub server: &'a Server,
}

type Attack = fn(&Attacked<'_>) -> Result<(), String>;

/// By name, with what must come of it; an error says what came instead.
pub const ATTACKS: [(&str, Attack); 12] = [
    ("a body that is too large", too_large),
    ("a body in chunks that is too large", too_many_chunks),
    ("a connection cut in a body", cut_in_body),
    ("a connection cut in an answer", cut_in_answer),
    ("a body that is no JSON", no_json),
    ("another host", other_host),
    ("another origin", other_origin),
    ("bytes that are no HTTP", no_http),
    ("a head that never ends", slow_head),
    ("a body that comes byte by byte", slow_body),
    ("a slow reader", slow_reader),
    ("a reader that stops", stopped_reader),
];

const JSON: (&str, &str) = ("Content-Type", "application/json");

impl Attacked<'_> {
    fn open(&self) -> Result<Connection, String> {
        served::open(self.server)
    }

    fn head(&self, length: usize) -> String {
        head("POST", PREDICT, &self.server.address.to_string(), &[JSON], length)
    }
}

fn too_large(attacked: &Attacked<'_>) -> Result<(), String> {
    let mut connection = attacked.open()?;
    let head = attacked.head(4 * BODY_BYTES);
    // The server may close before all of it is sent.
    drop(connection.send(&[head.as_bytes(), &vec![b' '; 4 * BODY_BYTES]].concat()));
    refusal(&connection.response().map_err(|error| format!("no answer: {error}"))?, 413)
}

fn too_many_chunks(attacked: &Attacked<'_>) -> Result<(), String> {
    let mut connection = attacked.open()?;
    let address = attacked.server.address;
    let head = format!(
        "POST {PREDICT} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Transfer-Encoding: chunked\r\n\r\n"
    );
    let chunk = format!("{:x}\r\n{}\r\n", BODY_BYTES, " ".repeat(BODY_BYTES));
    // Two chunks are too many, and no last one follows.
    drop(connection.send((head + &chunk + &chunk).as_bytes()));
    refusal(&connection.response().map_err(|error| format!("no answer: {error}"))?, 413)
}

fn cut_in_body(attacked: &Attacked<'_>) -> Result<(), String> {
    let mut connection = attacked.open()?;
    let body = attacked.served.body(&[0, 1, 2]);
    let head = attacked.head(body.len());
    connection.send(&[head.as_bytes(), &body[..body.len() / 2]].concat()).map_err(|error| error.to_string())
}

/// Asks for what takes a while, and goes away before it is there.
fn cut_in_answer(attacked: &Attacked<'_>) -> Result<(), String> {
    let mut connection = attacked.open()?;
    let rows: Vec<usize> = (0..20).map(|index| index % attacked.served.count()).collect();
    let body = attacked.served.body(&rows);
    let head = attacked.head(body.len());
    connection.send(&[head.as_bytes(), &body].concat()).map_err(|error| error.to_string())
}

fn no_json(attacked: &Attacked<'_>) -> Result<(), String> {
    let mut connection = attacked.open()?;
    for body in [&b"{\"texts\": [\"a\""[..], b"texts=a", b"\xff\x00", b"{\"texts\": {\"a\": 1}}"] {
        let response = connection.post(PREDICT, body).map_err(|error| error.to_string())?;
        refusal(&response, 400)?;
        // The connection may be kept or closed behind an error.
        if response.header("connection") == Some("close") {
            connection = attacked.open()?;
        }
    }
    Ok(())
}

fn other_host(attacked: &Attacked<'_>) -> Result<(), String> {
    let mut connection = attacked.open()?;
    let body = attacked.served.body(&[0]);
    let head = head("POST", PREDICT, "attacker.example", &[JSON], body.len());
    connection.send(&[head.as_bytes(), &body].concat()).map_err(|error| error.to_string())?;
    refusal(&connection.response().map_err(|error| error.to_string())?, 403)
}

fn other_origin(attacked: &Attacked<'_>) -> Result<(), String> {
    let body = attacked.served.body(&[0]);
    let headers = [JSON, ("Origin", "http://attacker.example")];
    let response = attacked.open()?.request("POST", PREDICT, &headers, &body);
    refusal(&response.map_err(|error| error.to_string())?, 403)
}

/// The beginning of a TLS handshake, and lines that are none.
fn no_http(attacked: &Attacked<'_>) -> Result<(), String> {
    for bytes in [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..], b"\0\0\0\0\r\n\r\n", b"x y z\r\n\r\n"] {
        let mut connection = attacked.open()?;
        connection.send(bytes).map_err(|error| error.to_string())?;
        let answer = connection.until_closed().map_err(|error| format!("it is not closed: {error}"))?;
        if !answer.is_empty() && !answer.starts_with(b"HTTP/1.1 400 ") {
            return Err(format!("expected status 400 or nothing, got {}", String::from_utf8_lossy(&answer)));
        }
    }
    Ok(())
}

/// Sends a little again and again until the server closes the connection, which it must.
fn until_cut(attacked: &Attacked<'_>, begin: &[u8], more: &[u8]) -> Result<(), String> {
    let mut connection = Connection::open(attacked.server.address, Duration::from_millis(50))
        .map_err(|error| format!("cannot connect: {error}"))?;
    drop(connection.send(begin));
    let started = Instant::now();
    while started.elapsed() < RID_OF {
        // An answer may come first; then the connection ends.
        match (connection.send(more), connection.byte()) {
            (Ok(()), Ok(_)) => {}
            (Ok(()), Err(error)) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            _ => return Ok(()),
        }
    }
    Err(format!("the connection is still open after {} s", RID_OF.as_secs()))
}

fn slow_head(attacked: &Attacked<'_>) -> Result<(), String> {
    let begin = format!("POST {PREDICT} HTTP/1.1\r\nHost: {}\r\n", attacked.server.address);
    until_cut(attacked, begin.as_bytes(), b"X: y\r\n")
}

fn slow_body(attacked: &Attacked<'_>) -> Result<(), String> {
    until_cut(attacked, attacked.head(BODY_BYTES).as_bytes(), b" ")
}

/// Asks for ten answers at once and reads them as slowly as they may be read; they are as they should be.
fn slow_reader(attacked: &Attacked<'_>) -> Result<(), String> {
    let mut connection = attacked.open()?;
    let rows: [usize; 5] = std::array::from_fn(|index| index % attacked.served.count());
    let body = attacked.served.body(&rows);
    let head = attacked.head(body.len());
    let request = [head.as_bytes(), &body].concat();
    connection.send(&request.repeat(10)).map_err(|error| error.to_string())?;
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(30));
        let response = connection.response().map_err(|error| error.to_string())?;
        attacked.served.holds(&rows, &response)?;
    }
    Ok(())
}

/// Asks for more than the buffers between both take, reads nothing for a while, and goes away.
fn stopped_reader(attacked: &Attacked<'_>) -> Result<(), String> {
    let mut connection = Connection::open(attacked.server.address, Duration::from_millis(200))
        .map_err(|error| format!("cannot connect: {error}"))?;
    let request = head("GET", "/openapi.json", &attacked.server.address.to_string(), &[], 0);
    // At some point the server takes no more, since its answers are not taken.
    drop(connection.send(request.repeat(2000).as_bytes()));
    std::thread::sleep(Duration::from_millis(200));
    Ok(())
}
