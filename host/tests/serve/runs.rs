//! Runs that requests start, and what becomes of their contexts: named, saved, removed, and found again by a later process.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::served::{PREDICT, Served, connect, refusal};
use crate::support::{guest, signal};
use crate::support_serve::client::{Connection, Response};
use crate::support_serve::process::Server;

/// How long a run of the tiny model may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server of runs with the tiny model, whose plugins are the task and the optimizer alone.
pub fn start(served: &Served, flags: &[&str]) -> Server {
    let plugins = std::path::Path::new(&guest("sst2")).parent().unwrap().to_owned();
    let runs = ["--model", "model"];
    served.start_with(&[&runs[..], flags].concat(), |command| {
        command.env("FT_PLUGIN_PATH", plugins);
    })
}

pub fn get(connection: &mut Connection, path: &str) -> Response {
    connection.request("GET", path, &[], b"").unwrap()
}

pub fn post(connection: &mut Connection, path: &str, body: Value) -> Response {
    connection.post(path, body.to_string().as_bytes()).unwrap()
}

fn delete(connection: &mut Connection, path: &str) -> u16 {
    connection.request("DELETE", path, &[], b"").unwrap().status
}

/// Asks for a run of some steps on the sample, and gives its name.
pub fn run(connection: &mut Connection, steps: usize, sample: usize) -> String {
    let options = json!({
        "task": "sst2", "optimizer": "momentum", "model": "model", "data": ["sample"], "device": "cpu", "select": "last",
        "steps": steps, "sample": sample, "seed": 5, "optimizer-options": { "step_size": 0.5 },
    });
    let response = post(connection, "/v1/runs", json!({ "kind": "run", "options": options }));
    assert_eq!(response.status, 201, "{}", response.text());
    let id = response.json().unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(response.header("location"), Some(format!("/v1/runs/{id}").as_str()));
    id
}

/// Waits until a run has a state, and gives all that is known of it.
pub fn wait_for(connection: &mut Connection, id: &str, state: &str) -> Value {
    let until = Instant::now() + PATIENCE;
    loop {
        let run = get(connection, &format!("/v1/runs/{id}")).json().unwrap();
        if run["state"] == state {
            return run;
        }
        assert!(Instant::now() < until, "expected the state `{state}`, got {run}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until a run has the context of a step.
fn wait_for_step(connection: &mut Connection, id: &str) {
    let until = Instant::now() + PATIENCE;
    while get(connection, &format!("/v1/runs/{id}")).json().unwrap()["contexts"].as_array().unwrap().is_empty() {
        assert!(Instant::now() < until, "no step came");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn predict(connection: &mut Connection, contexts: &[&str], texts: &[&str]) -> Response {
    post(connection, PREDICT, json!({ "contexts": contexts, "texts": texts }))
}

#[test]
fn a_run_is_whole_its_steps_predict_and_its_result_is_saved() {
    let served = Served::new(1, 30);
    let server = start(&served, &["--folder", "one"]);
    let mut connection = connect(&server);
    let id = run(&mut connection, 3, 8);
    let whole = wait_for(&mut connection, &id, "done");
    let steps: Vec<u64> =
        whole["scores"].as_array().unwrap().iter().map(|score| score["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [0, 1, 2, 3], "{whole}");
    assert!(whole["scores"].as_array().unwrap().iter().all(|score| score["margin"].is_number()), "{whole}");
    let names: Vec<&str> = whole["contexts"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(names, ["runs/r1/1", "runs/r1/2", "runs/r1/3"]);
    let pieces = whole["demonstrations"][0]["tokens"].as_array().unwrap();
    let text: String = pieces.iter().map(|piece| piece["text"].as_str().unwrap()).collect();
    assert_eq!(text, whole["demonstrations"][0]["text"].as_str().unwrap());

    // Each step alone is what the steps together say of it, and the saved result is the last one.
    let together = predict(&mut connection, &names, &["a fine film"]).json().unwrap();
    for (place, name) in names.iter().enumerate() {
        let alone = predict(&mut connection, &[name], &["a fine film"]).json().unwrap();
        assert_eq!(alone["predictions"][0]["loglik"], together["predictions"][0]["logliks"][place], "{name}");
    }
    let saved = post(&mut connection, "/v1/runs/r1/context", json!({ "name": "result" }));
    assert_eq!((saved.status, saved.json().unwrap()["step"].clone()), (201, json!(3)));
    let of_saved = predict(&mut connection, &["result"], &["a fine film"]).json().unwrap();
    assert_eq!(of_saved["predictions"][0]["loglik"], together["predictions"][0]["logliks"][2]);
    // What a run that keeps its context in the ordinary way has kept.
    let other = post(&mut connection, "/v1/runs/r1/context", json!({ "name": "second", "step": 2 }));
    assert_eq!(other.json().unwrap()["step"], 2);

    // One context under two names would have two votes.
    refusal(&predict(&mut connection, &["result", "runs/r1/3"], &["x"]), 422).unwrap();
    refusal(&predict(&mut connection, &["runs/r1/3", "runs/r1/3"], &["x"]), 400).unwrap();
    for (body, status) in [
        (json!({ "name": "result" }), 409),
        (json!({ "name": "moods" }), 409),
        (json!({ "name": "third", "seed": 99 }), 409),
        (json!({ "name": "third", "step": 9 }), 409),
        (json!({ "name": "../third" }), 400),
        (json!({ "name": "" }), 400),
    ] {
        refusal(&post(&mut connection, "/v1/runs/r1/context", body.clone()), status)
            .unwrap_or_else(|error| panic!("{body}: {error}"));
    }
    served.ask(&mut connection, &[0]).unwrap();
}

/// The events of a run come in their order, from wherever one goes on, and end with its end.
#[test]
fn events_are_told_from_the_first_or_behind_the_last_known() {
    let served = Served::new(1, 30);
    let server = start(&served, &["--folder", "one"]);
    let mut connection = connect(&server);
    let id = run(&mut connection, 2, 4);
    wait_for(&mut connection, &id, "done");
    let path = format!("/v1/runs/{id}/events");
    let events = |headers: &[(&str, &str)]| {
        let address = server.address.to_string();
        let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        // Closed by the server when the run has ended: the length is not known before.
        let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n{more}\r\n");
        let mut stream = std::net::TcpStream::connect(server.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        std::io::read_to_string(stream).unwrap()
    };
    let all = events(&[]);
    let names: Vec<&str> = all.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!((names[0], names[names.len() - 1]), ("state", "end"), "{all}");
    assert_eq!(names.iter().filter(|name| **name == "scores").count(), 3);
    let ids: Vec<usize> =
        all.lines().filter_map(|line| line.strip_prefix("id: ")).map(|id| id.parse().unwrap()).collect();
    assert!(ids.iter().copied().eq(0..names.len()), "{ids:?}");
    let last = (names.len() - 3).to_string();
    let rest = events(&[("Last-Event-ID", &last)]);
    let rest: Vec<&str> = rest.lines().filter_map(|line| line.strip_prefix("event: ")).collect();
    assert_eq!(rest, names[names.len() - 2..]);
    assert_eq!(connection.request("GET", &path, &[("Last-Event-ID", "x")], b"").unwrap().status, 400);
}

/// A run that is removed takes its contexts along, but not from a request that waits for them.
#[test]
fn a_removed_run_costs_no_request_its_answer() {
    let served = Served::new(1, 30);
    let server = start(&served, &["--folder", "one"]);
    let mut connection = connect(&server);
    let id = run(&mut connection, 2, 4);
    wait_for(&mut connection, &id, "done");
    let texts: Vec<String> = (0..1500).map(|number| format!("a film of {number} parts")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let contexts = ["moods", "runs/r1/2"];
    let expected = predict(&mut connection, &contexts, &texts).json().unwrap();
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| predict(&mut connect(&server), &contexts, &texts));
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(delete(&mut connection, "/v1/runs/r1"), 204);
        let response = waits.join().unwrap();
        assert!(response.status == 404 || response.json().unwrap() == expected, "{}", response.text());
    });
    refusal(&predict(&mut connection, &contexts, &["x"]), 404).unwrap();
    served.ask(&mut connection, &[0]).unwrap();
    // Its name is not given again, nor after a restart.
    assert_eq!(run(&mut connection, 2, 4), "r2");
}

#[test]
fn runs_wait_for_each_other_and_are_stopped_whether_they_wait_or_run() {
    let served = Served::new(1, 30);
    let server = start(&served, &["--folder", "one"]);
    let mut connection = connect(&server);
    let (first, second) = (run(&mut connection, 5000, 100), run(&mut connection, 2, 4));
    wait_for(&mut connection, &first, "running");
    wait_for_step(&mut connection, &first);
    assert_eq!(delete(&mut connection, &format!("/v1/runs/{second}")), 202);
    // It need not wait for the first to be known as stopped.
    let stopped = get(&mut connection, &format!("/v1/runs/{second}")).json().unwrap();
    assert_eq!(stopped["state"], "stopped");
    assert_eq!(delete(&mut connection, &format!("/v1/runs/{first}")), 202);
    let stopped = wait_for(&mut connection, &first, "stopped");
    assert!(!stopped["contexts"].as_array().unwrap().is_empty(), "what was found is kept");
    let third = run(&mut connection, 2, 4);
    wait_for(&mut connection, &third, "done");
    for id in [&first, &second, &third] {
        assert_eq!(delete(&mut connection, &format!("/v1/runs/{id}")), 204);
    }
    assert_eq!(get(&mut connection, "/v1/runs").json().unwrap()["runs"], json!([]));
    refusal(&get(&mut connection, "/v1/runs/r1"), 404).unwrap();
    refusal(&get(&mut connection, "/v1/runs/%ff"), 404).unwrap();
}

#[test]
#[cfg(unix)]
fn what_a_killed_server_left_is_there_for_the_next() {
    let served = Served::new(1, 30);
    let mut server = start(&served, &["--folder", "one"]);
    let mut connection = connect(&server);
    let done = run(&mut connection, 2, 4);
    let mut before = wait_for(&mut connection, &done, "done");
    assert_eq!(post(&mut connection, "/v1/runs/r1/context", json!({ "name": "kept" })).status, 201);
    let expected = predict(&mut connection, &["kept"], &["a fine film"]).json().unwrap();
    let killed = run(&mut connection, 5000, 100);
    wait_for_step(&mut connection, &killed);
    signal(server.child(), "KILL");
    server.ended_within(PATIENCE).unwrap();

    let server = start(&served, &["--folder", "one"]);
    let mut connection = connect(&server);
    let mut after = get(&mut connection, "/v1/runs/r1").json().unwrap();
    // It was saved after it was looked at.
    for run in [&mut after, &mut before] {
        run.as_object_mut().unwrap().remove("saved");
    }
    assert_eq!(after, before);
    let killed = get(&mut connection, &format!("/v1/runs/{killed}")).json().unwrap();
    assert_eq!(killed["state"], "stopped");
    let step = killed["contexts"][0].as_str().unwrap();
    assert_eq!(predict(&mut connection, &[step], &["a fine film"]).status, 200);
    assert_eq!(predict(&mut connection, &["kept"], &["a fine film"]).json().unwrap(), expected);
    assert_eq!(run(&mut connection, 2, 4), "r3");
}

#[test]
fn requests_name_no_files_and_no_options_of_the_server() {
    let served = Served::new(1, 30);
    let server = start(&served, &["--folder", "one"]);
    let mut connection = connect(&server);
    let options = |name: &str, value: Value| {
        let mut options = json!({ "task": "sst2", "data": ["sample"], "model": "model" });
        options[name] = value;
        json!({ "kind": "tune", "options": options })
    };
    let model = served.path("model");
    for (name, value) in [
        ("task", json!("../sst2")),
        ("task", json!(guest("sst2"))),
        ("optimizer", json!("/etc/passwd")),
        ("model", json!(model)),
        ("model", json!("owner/name")),
        ("data", json!(["demonstrations=/etc/passwd"])),
        ("data", json!(["."])),
        ("out", json!("x")),
        ("save-context", json!("x")),
        ("save_context", json!("x")),
        ("context", json!("x")),
        ("cache-dir", json!("x")),
        ("plugin-memory", json!("100G")),
        ("task-limits", json!({ "memory": "100G" })),
        ("threads", json!(1)),
        ("no-such-option", json!(1)),
        ("steps", json!("many")),
    ] {
        let response = post(&mut connection, "/v1/runs", options(name, value.clone()));
        refusal(&response, 400).unwrap_or_else(|error| panic!("{name} = {value}: {error}"));
    }
    assert_eq!(get(&mut connection, "/v1/runs").json().unwrap()["runs"], json!([]));
}

#[test]
fn two_servers_share_no_folder() {
    let served = Served::new(1, 30);
    let _first = start(&served, &["--folder", "one"]);
    let second = served.host(&["serve", "--listen", "127.0.0.1:0", "--folder", "one"]);
    second.failed(2, &["expected a folder that no other server uses", "--folder"]);
}
