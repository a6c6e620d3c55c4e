//! A run that is stopped keeps what it has.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::support::{Done, Room, plugin};

fn room() -> Room {
    let room = Room::new();
    room.model(json!({}));
    room.data(3000);
    room
}

/// Starts a long run and waits until some samples are there.
fn started(room: &Room) -> Child {
    let task = plugin("sst2");
    let arguments = [
        "run",
        "--task",
        &task,
        "--model",
        "model",
        "--data",
        "data",
        "--steps",
        "500",
        "--out",
        "out",
        "--threads",
        "1",
    ];
    let child = room.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let deadline = Instant::now() + Duration::from_secs(60);
    let samples = room.path("out/samples.jsonl");
    while std::fs::metadata(&samples).map_or(0, |file| file.len()) < 20_000 {
        assert!(Instant::now() < deadline, "no samples after a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn signal(child: &Child, signal: &str) {
    assert!(Command::new("kill").arg(signal).arg(child.id().to_string()).status().unwrap().success());
}

#[test]
fn ctrl_c_keeps_what_was_scored() {
    let room = room();
    let child = started(&room);
    signal(&child, "-INT");
    let done = Done::of(child.wait_with_output().unwrap());
    assert_eq!(done.status, 130, "{done:?}");
    assert!(done.stderr.contains("interrupted"), "{done:?}");
    let results = room.json("out/results.json");
    assert_eq!(results["complete"], false);
    // Every line is whole, and only whole steps are in the results.
    let samples = room.samples("out");
    assert!(samples.len() > 50);
    for step in results["steps"].as_array().unwrap() {
        assert_eq!(step["n"], 3000);
    }
}

#[test]
fn a_killed_run_leaves_valid_files() {
    let room = room();
    let mut child = started(&room);
    signal(&child, "-KILL");
    child.wait().unwrap();
    assert_eq!(room.json("out/results.json")["complete"], false);
    let file = std::fs::File::open(room.path("out/samples.jsonl")).unwrap();
    let lines: Vec<String> = BufReader::new(file).lines().map(Result::unwrap).collect();
    assert!(lines.len() > 50);
    let whole = lines.iter().filter(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()).count();
    assert!(whole + 1 >= lines.len(), "{} of {} lines are whole", whole, lines.len());
}
