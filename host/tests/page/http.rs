//! Requests over loopback with JSON, one connection each: to the browser's driver and to the server.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

/// What no answer takes: a page that waits for the server is asked again and again instead.
const LONGEST: Duration = Duration::from_secs(120);

pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Sends a request to `ADDRESS:PORT`; `headers` come besides those that every request has.
///
/// # Errors
/// Errors of the connection, and an answer that is not HTTP.
pub fn request(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LONGEST))?;
    let content = body.map(Value::to_string).unwrap_or_default();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    if body.is_some() {
        head += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", content.len());
    }
    stream.write_all(format!("{head}\r\n{content}").as_bytes())?;
    answer(&mut BufReader::new(stream))
}

fn answer(reader: &mut impl BufRead) -> io::Result<Answer> {
    let status_line = line(reader)?;
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| unexpected("a status line", &status_line))?;
    let mut length = None;
    let mut is_chunked = false;
    loop {
        let header = line(reader)?;
        let Some((name, value)) = header.split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = Some(value.trim().parse().map_err(|_| unexpected("a length", value))?),
            "transfer-encoding" => is_chunked = true,
            _ => {}
        }
    }
    let mut bytes = Vec::new();
    match length {
        _ if is_chunked => chunks(reader, &mut bytes)?,
        Some(length) => {
            bytes.resize(length, 0);
            reader.read_exact(&mut bytes)?;
        }
        // Neither: the end of the connection is that of the answer.
        None => drop(reader.read_to_end(&mut bytes)?),
    }
    let body = String::from_utf8(bytes).map_err(|error| unexpected("UTF-8", &error.to_string()))?;
    Ok(Answer { status, body })
}

/// A body in chunks, each behind its length in hexadecimal digits; the last one is empty.
fn chunks(reader: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let head = line(reader)?;
        let length = usize::from_str_radix(&head, 16).map_err(|_| unexpected("a chunk's length", &head))?;
        let start = bytes.len();
        bytes.resize(start + length, 0);
        reader.read_exact(&mut bytes[start..])?;
        line(reader)?;
        if length == 0 {
            return Ok(());
        }
    }
}

/// A line of the head without its end; empty behind the last one.
fn line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.take(1 << 16).read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn unexpected(expected: &str, found: &str) -> io::Error {
    io::Error::other(format!("expected {expected}, got `{found}`"))
}
