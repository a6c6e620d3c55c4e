//! A small hub on the loopback interface that speaks the real one's paths: `/api/models/...`, `/api/datasets/.../tree/...`,
//! `/<owner>/<name>/resolve/<revision>/<file>` (behind `/datasets` for data sets) with a redirect to where large files are, commits, ETags, ranges, and
//! the failures that the tests ask for.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use ft_store::fs::digest::Digest;

/// The commit that `main` stands for.
pub const MAIN_COMMIT: &str = "1111111111111111111111111111111111111111";
/// The commit that `refs/pr/1` stands for.
pub const OTHER_COMMIT: &str = "2222222222222222222222222222222222222222";

/// The commit that `refs/convert/parquet` stands for.
pub const CONVERTED_COMMIT: &str = "3333333333333333333333333333333333333333";

/// What the hub does wrong with the content of large files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Announces the whole file and closes the connection in the middle of it.
    Cut,
    /// Sends as many bytes as announced, and other ones.
    Corrupt,
    /// Answers with status 500 and a page of text.
    ServerError,
}

#[derive(Default)]
struct State {
    /// By `owner/name` or `datasets/owner/name`, then `commit/file`: whether it is stored as a large file, and its bytes.
    repositories: HashMap<String, HashMap<String, (bool, Vec<u8>)>>,
    /// Repositories that want this token.
    gated: HashMap<String, String>,
    /// Repositories that have another name now, and the address of the hub that they are redirected to, where it is said.
    renamed: HashMap<String, (String, Option<String>)>,
    /// Where large files are, if not here.
    large_files_at: Option<String>,
    /// What the requests had for a token.
    authorizations: Vec<Option<String>>,
    /// The next so many requests for large files fail.
    faults: Vec<Fault>,
    /// The next so many requests are too many, each with the seconds to wait where they are said.
    limits: Vec<Option<u64>>,
    /// Method and path of each request.
    requests: Vec<String>,
    stopped: bool,
}

/// The running server; stops when dropped.
pub struct TestHub {
    address: String,
    state: Arc<Mutex<State>>,
    thread: Option<JoinHandle<()>>,
}

impl TestHub {
    /// Starts a hub without any repository.
    pub fn start() -> TestHub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let state = Arc::new(Mutex::new(State::default()));
        let thread = std::thread::spawn({
            let (state, address) = (state.clone(), address.clone());
            move || {
                for stream in listener.incoming() {
                    if state.lock().unwrap().stopped {
                        return;
                    }
                    let (state, address) = (state.clone(), address.clone());
                    // A client that goes away in the middle is no failure of the hub's.
                    std::thread::spawn(move || stream.and_then(|stream| answer(stream, &state, &address)));
                }
            }
        });
        TestHub { address, state, thread: Some(thread) }
    }

    /// Its address, for `HF_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Adds a file at a commit. Weights are stored as large ones.
    pub fn add(&self, repository: &str, commit: &str, file: &str, bytes: &[u8]) {
        let large = [".safetensors", ".bin", ".gguf", ".parquet"].iter().any(|end| file.ends_with(end));
        let mut state = self.state.lock().unwrap();
        let files = state.repositories.entry(repository.to_owned()).or_default();
        files.insert(format!("{commit}/{file}"), (large, bytes.to_owned()));
    }

    /// Lets only requests with this token see a repository.
    pub fn gate(&self, repository: &str, token: &str) {
        self.state.lock().unwrap().gated.insert(repository.to_owned(), token.to_owned());
    }

    /// Redirects requests for a repository to its new name: to an address without a host, or to one at `endpoint`.
    pub fn rename(&self, old: &str, new: &str, endpoint: Option<String>) {
        self.state.lock().unwrap().renamed.insert(old.to_owned(), (new.to_owned(), endpoint));
    }

    /// Redirects to another hub for the content of large files.
    pub fn keep_large_files_at(&self, endpoint: String) {
        self.state.lock().unwrap().large_files_at = Some(endpoint);
    }

    /// The `Authorization` header of each request so far.
    pub fn authorizations(&self) -> Vec<Option<String>> {
        self.state.lock().unwrap().authorizations.clone()
    }

    /// Makes the next requests for the content of large files fail, in this order.
    pub fn fail_next(&self, faults: &[Fault]) {
        self.state.lock().unwrap().faults = faults.iter().rev().copied().collect();
    }

    /// Answers the next requests with status 429, in this order, with the seconds to wait where there are some.
    pub fn limit_next(&self, limits: &[Option<u64>]) {
        self.state.lock().unwrap().limits = limits.iter().rev().copied().collect();
    }

    /// Method and path of each request so far.
    pub fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    /// How often the content of a large file was asked for.
    pub fn downloads(&self) -> usize {
        self.requests().iter().filter(|request| request.starts_with("GET /cdn/")).count()
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        self.state.lock().unwrap().stopped = true;
        // Wakes the thread that waits for a connection.
        drop(TcpStream::connect(&self.address));
        self.thread.take().unwrap().join().unwrap();
    }
}

/// One request of a client.
struct Request {
    method: String,
    path: String,
    headers: HashMap<String, String>,
}

fn read_request(stream: &TcpStream) -> std::io::Result<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            return Ok(Request { method, path: path.replace("%2F", "/"), headers });
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
}

/// What the hub answers.
struct Response {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Of the body only so much is sent before the connection is closed.
    sent: usize,
}

impl Response {
    fn new(status: &'static str, headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Response {
        Response { status, headers, sent: body.len(), body }
    }

    fn error(status: &'static str, code: &str) -> Response {
        Response::new(status, vec![("X-Error-Code", code.to_owned())], Vec::new())
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>, address: &str) -> std::io::Result<()> {
    let request = read_request(&stream)?;
    let response = {
        let mut state = state.lock().unwrap();
        state.requests.push(format!("{} {}", request.method, request.path));
        state.authorizations.push(request.headers.get("authorization").cloned());
        match state.limits.pop() {
            Some(seconds) => {
                let headers = seconds.map(|seconds| ("Retry-After", seconds.to_string()));
                Response::new("429 Too Many Requests", headers.into_iter().collect(), Vec::new())
            }
            None => route(&request, &mut state, address),
        }
    };
    let mut head =
        format!("HTTP/1.1 {}\r\nConnection: close\r\nContent-Length: {}\r\n", response.status, response.body.len());
    for (name, value) in &response.headers {
        head += &format!("{name}: {value}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    if request.method != "HEAD" {
        stream.write_all(&response.body[..response.sent])?;
    }
    stream.flush()
}

fn route(request: &Request, state: &mut State, address: &str) -> Response {
    let path = request.path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    for (old, (new, endpoint)) in &state.renamed {
        if let Some((before, after)) = request.path.split_once(&format!("{old}/")) {
            let location = format!("{}{before}{new}/{after}", endpoint.as_deref().unwrap_or_default());
            return Response::new("307 Temporary Redirect", vec![("Location", location)], b"moved".to_vec());
        }
    }
    match parts.as_slice() {
        ["api", "datasets", owner, name, "tree", revision @ ..] => {
            tree(request, &format!("datasets/{owner}/{name}"), &revision.join("/"), state)
        }
        ["api", "datasets", owner, name] => {
            match state.repositories.contains_key(&format!("datasets/{owner}/{name}")) {
                true => Response::new("200 OK", vec![], b"{}".to_vec()),
                false => Response::error("404 Not Found", "RepoNotFound"),
            }
        }
        ["datasets", owner, name, "resolve", rest @ ..] => {
            // The branch of the conversions is the only revision with slashes of its own here.
            let depth = if rest.starts_with(&["refs", "convert"]) { 3 } else { 1 };
            let (revision, file) = rest.split_at(depth.min(rest.len()));
            let repository = format!("datasets/{owner}/{name}");
            resolve(request, &repository, &revision.join("/"), &file.join("/"), state, address)
        }
        ["cdn", digest] => large_file(request, digest, state),
        ["api", "models", owner, name] => match state.repositories.contains_key(&format!("{owner}/{name}")) {
            true => Response::new("200 OK", vec![], b"{}".to_vec()),
            false => Response::error("404 Not Found", "RepoNotFound"),
        },
        ["api", "models", owner, name, "tree", revision @ ..] => {
            tree(request, &format!("{owner}/{name}"), &revision.join("/"), state)
        }
        ["api", "models", owner, name, "revision", revision @ ..] => {
            let files = state.repositories.get(&format!("{owner}/{name}"));
            let commit = commit_of(&revision.join("/"));
            match files.is_some_and(|files| files.keys().any(|key| key.starts_with(&commit))) {
                true => {
                    let info = format!(r#"{{"id":"{owner}/{name}","sha":"{commit}"}}"#);
                    Response::new("200 OK", vec![], info.into_bytes())
                }
                false => Response::error("404 Not Found", "RevisionNotFound"),
            }
        }
        [owner, name, "resolve", revision @ .., file] => {
            resolve(request, &format!("{owner}/{name}"), &revision.join("/"), file, state, address)
        }
        _ => Response::error("404 Not Found", "Unknown"),
    }
}

/// The commit that a revision stands for; one that does not exist stands for itself.
fn commit_of(revision: &str) -> String {
    match revision {
        "main" => MAIN_COMMIT.into(),
        "refs/pr/1" => OTHER_COMMIT.into(),
        "refs/convert/parquet" => CONVERTED_COMMIT.into(),
        other => other.into(),
    }
}

/// Why a request may not see a repository, if it may not.
fn refusal(request: &Request, repository: &str, state: &State) -> Option<Response> {
    let token = state.gated.get(repository)?;
    match request.headers.get("authorization") {
        None => Some(Response::error("401 Unauthorized", "GatedRepo")),
        Some(sent) if *sent != format!("Bearer {token}") => Some(Response::error("403 Forbidden", "GatedRepo")),
        Some(_) => None,
    }
}

/// The files at a revision.
fn tree(request: &Request, repository: &str, revision: &str, state: &State) -> Response {
    if let Some(refusal) = refusal(request, repository, state) {
        return refusal;
    }
    let Some(files) = state.repositories.get(repository) else {
        return Response::error("401 Unauthorized", "RepoNotFound");
    };
    let commit = format!("{}/", commit_of(revision));
    let of_commit = files.iter().filter_map(|(key, file)| Some((key.strip_prefix(&commit)?, file)));
    let entry = |(path, (large, bytes)): (&str, &(bool, Vec<u8>))| {
        let (digest, size) = (Digest::of(bytes), bytes.len());
        let oid = &digest.as_str()[..40];
        let lfs = if *large {
            format!(r#","lfs":{{"oid":"{digest}","size":{size},"pointerSize":134}}"#)
        } else {
            String::new()
        };
        format!(r#"{{"type":"file","oid":"{oid}","size":{size},"path":"{path}"{lfs}}}"#)
    };
    let entries: Vec<String> = of_commit.map(entry).collect();
    match entries.is_empty() {
        true => Response::error("404 Not Found", "RevisionNotFound"),
        false => Response::new("200 OK", vec![], format!("[{}]", entries.join(",")).into_bytes()),
    }
}

fn resolve(request: &Request, repository: &str, revision: &str, file: &str, state: &State, address: &str) -> Response {
    if let Some(refusal) = refusal(request, repository, state) {
        return refusal;
    }
    let Some(files) = state.repositories.get(repository) else {
        // The real hub hides from strangers whether a repository is private or missing.
        return match request.headers.contains_key("authorization") {
            false => Response::error("401 Unauthorized", "RepoNotFound"),
            true => Response::error("404 Not Found", "RepoNotFound"),
        };
    };
    let commit = commit_of(revision);
    if !files.keys().any(|key| key.starts_with(&commit)) {
        return Response::error("404 Not Found", "RevisionNotFound");
    }
    let Some((large, bytes)) = files.get(&format!("{commit}/{file}")) else {
        let mut response = Response::error("404 Not Found", "EntryNotFound");
        response.headers.push(("X-Repo-Commit", commit));
        return response;
    };
    let digest = Digest::of(bytes).to_string();
    if *large {
        let headers = vec![
            ("X-Repo-Commit", commit),
            ("X-Linked-Etag", format!("\"{digest}\"")),
            ("X-Linked-Size", bytes.len().to_string()),
            (
                "Location",
                format!("{}/cdn/{digest}", state.large_files_at.clone().unwrap_or(format!("http://{address}"))),
            ),
        ];
        return Response::new("302 Found", headers, b"redirected".to_vec());
    }
    // Small files go by a git hash, which is as long as this.
    let etag = format!("\"{}\"", &digest[..40]);
    let headers = vec![("X-Repo-Commit", commit), ("ETag", etag.clone())];
    match request.headers.get("if-none-match") == Some(&etag) {
        true => Response::new("304 Not Modified", headers, Vec::new()),
        false => Response::new("200 OK", headers, bytes.clone()),
    }
}

fn large_file(request: &Request, digest: &str, state: &mut State) -> Response {
    let mut all = state.repositories.values().flat_map(HashMap::values);
    let Some((_, bytes)) = all.find(|(_, bytes)| Digest::of(bytes).as_str() == digest) else {
        return Response::error("404 Not Found", "EntryNotFound");
    };
    let mut body = bytes.clone();
    let mut headers = vec![("ETag", format!("\"{digest}\""))];
    let mut status = "200 OK";
    if let Some(start) = request.headers.get("range").and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'))
    {
        let start: usize = start.parse().unwrap();
        headers.push(("Content-Range", format!("bytes {start}-{}/{}", body.len() - 1, body.len())));
        body.drain(..start);
        status = "206 Partial Content";
    }
    match if request.method == "GET" { state.faults.pop() } else { None } {
        None => Response::new(status, headers, body),
        Some(Fault::Cut) => Response { sent: body.len() / 2, ..Response::new(status, headers, body) },
        Some(Fault::Corrupt) => Response::new(status, headers, body.iter().map(|byte| !byte).collect()),
        Some(Fault::ServerError) => Response::new("500 Internal Server Error", vec![], b"<html>sorry</html>".to_vec()),
    }
}
