//! A small HTTP/1.1 client: one connection that is kept between requests.
//!
//! Written by hand, since the tests send what no client library would (half a body, the name of another host), and what
//! the bench measures has no library's pool or runtime in it. It knows bodies of announced length alone, and nothing of
//! redirects, compression or TLS.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Bytes of an answer's head, and of its body: more is an error.
const MOST_HEAD: u64 = 64 << 10;
const MOST_BODY: usize = 64 << 20;

/// An answer.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The value of the first header of this name, in whatever case it was sent.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text, for messages.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// If it is none.
    pub fn json(&self) -> io::Result<Value> {
        serde_json::from_slice(&self.body).map_err(|error| invalid(format!("expected JSON ({error}): {}", self.text())))
    }
}

/// The head of a request to `host` with a body of `length` bytes.
pub fn head(method: &str, path: &str, host: &str, headers: &[(&str, &str)], length: usize) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + "\r\n"
}

/// A connection to a server.
pub struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

impl Connection {
    /// Connects; every read and write that takes longer than `time` is an error from then on.
    ///
    /// # Errors
    /// If nothing listens there, or it does not accept in time.
    pub fn open(address: SocketAddr, time: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, time)?;
        stream.set_read_timeout(Some(time))?;
        stream.set_write_timeout(Some(time))?;
        // A small body must not wait for the acknowledgement of its head.
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), address })
    }

    /// Where it leads to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a request and reads its answer.
    ///
    /// # Errors
    /// If the connection ends before the answer does, it takes too long, or the answer is not HTTP.
    pub fn request(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<Response> {
        let head = head(method, path, &self.address.to_string(), headers, body.len());
        self.send(&[head.as_bytes(), body].concat())?;
        self.response()
    }

    /// Sends a body of JSON and reads the answer.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn post(&mut self, path: &str, body: &[u8]) -> io::Result<Response> {
        self.request("POST", path, &[("Content-Type", "application/json")], body)
    }

    /// Sends bytes as they are.
    ///
    /// # Errors
    /// If the connection is closed, or the server takes no bytes for too long.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Reads the next answer; one without a length and one of status 1xx, 204 or 304 have no body.
    ///
    /// # Errors
    /// As [`Self::request`].
    pub fn response(&mut self) -> io::Result<Response> {
        let mut head = (&mut self.stream).take(MOST_HEAD);
        let line = read_line(&mut head)?;
        let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
        let status: u16 = status.ok_or_else(|| invalid(format!("expected an answer of HTTP/1.1, got `{line}`")))?;
        let mut headers = Vec::new();
        loop {
            let line = read_line(&mut head)?;
            if line.is_empty() {
                break;
            }
            let (name, value) =
                line.split_once(':').ok_or_else(|| invalid(format!("expected a header, got `{line}`")))?;
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut response = Response { status, headers, body: Vec::new() };
        if !matches!(status, 100..200 | 204 | 304) {
            response.body = self.body(&response)?;
        }
        Ok(response)
    }

    fn body(&mut self, response: &Response) -> io::Result<Vec<u8>> {
        let Some(length) = response.header("content-length") else {
            let encoding = response.header("transfer-encoding").unwrap_or("nothing");
            return Err(invalid(format!("expected `Content-Length`, got {encoding}")));
        };
        let length: usize = length.parse().map_err(|_| invalid(format!("expected a length, got `{length}`")))?;
        if length > MOST_BODY {
            return Err(invalid(format!("expected at most {MOST_BODY} bytes, got {length}")));
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    /// Reads one byte of what the server sent.
    ///
    /// # Errors
    /// If the connection has ended or nothing comes in time.
    pub fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.stream.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    /// Reads on until the server closes the connection, and gives what it sent before.
    ///
    /// # Errors
    /// If it is still open when the time for a read is over.
    pub fn until_closed(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.stream.read_to_end(&mut bytes) {
            // A connection that is closed with unread bytes is reset.
            Err(error) if error.kind() != ErrorKind::ConnectionReset => Err(error),
            _ => Ok(bytes),
        }
    }
}

fn read_line(head: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    head.read_line(&mut line)?;
    match line.strip_suffix('\n') {
        Some(line) => Ok(line.trim_end_matches('\r').to_owned()),
        None => Err(io::Error::new(ErrorKind::UnexpectedEof, "the connection ended before the answer's head did")),
    }
}

fn invalid(message: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, message)
}
