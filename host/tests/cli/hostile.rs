//! Plugins that mean no good: the run ends within its limits, says which plugin and why, and keeps what it has.

use serde_json::json;

use super::support::{Done, Room, plugin};

fn room() -> Room {
    let room = Room::new();
    room.model(json!({}));
    room.data(4);
    room
}

const LOW: [&str; 10] = [
    "--plugin-time",
    "5",
    "--plugin-fuel",
    "200000000",
    "--plugin-memory",
    "64M",
    "--plugin-call-bytes",
    "8M",
    "--plugin-tensor-bytes",
    "8M",
];

fn task(room: &Room, attack: &str) -> Done {
    let (task, momentum) = (plugin("hostile/task"), plugin("momentum"));
    let attack = format!("attack={attack}");
    let fixed = ["run", "--task", &task, "--optimizer", &momentum, "--model", "model", "--data", "data"];
    room.run(&[&fixed[..], &["-T", &attack, "--steps", "2", "--out", "out"], &LOW].concat())
}

#[test]
fn tasks() {
    let room = room();
    let harmless = task(&room, "none");
    harmless.succeeds();
    for (attack, texts) in [
        ("error-in-configure", vec!["dataset.configure"]),
        ("loop-in-read", vec!["dataset.read", "--plugin-fuel"]),
        ("memory-in-read", vec!["dataset.read", "--plugin-memory"]),
        ("recursion-in-read", vec!["dataset.read", "trapped"]),
        ("panic-in-read", vec!["dataset.read", "trapped"]),
        ("answer-out-of-range", vec!["dataset.read"]),
        ("duplicate-ids", vec!["dataset.read"]),
        ("one-choice", vec!["dataset.labels"]),
        ("loop-in-demonstration", vec!["prompt.render-demonstration", "--plugin-fuel"]),
        ("loop-in-query", vec!["prompt.render-query", "--plugin-fuel"]),
        ("panic-in-query", vec!["prompt.render-query", "trapped"]),
        ("error-in-query", vec!["prompt.render-query", "reported"]),
        ("huge-prompt-in-query", vec!["prompt.render-query", "--plugin-"]),
        ("too-few-choices-in-query", vec!["prompt.render-query"]),
    ] {
        let done = task(&room, attack);
        assert_eq!(done.status, 3, "{attack}: {done:?}");
        done.fails(3, &[&texts[..], &["plugin hostile-task", "task.wasm"]].concat());
    }
    // Floods and escapes are made harmless (`Done` checks every byte), and are no reason to stop.
    for attack in ["log-flood-in-read", "escapes-in-log", "escapes-in-names"] {
        let done = task(&room, attack);
        assert!(done.stderr.len() < 4_000_000, "{attack}");
    }
}

#[test]
fn tasks_that_attack_before_they_are_asked() {
    let room = room();
    let momentum = plugin("momentum");
    for (name, flag) in [("loop-describe", "--plugin-fuel"), ("table-hog", "--plugin-tables")] {
        let task = plugin(&format!("hostile/{name}"));
        let fixed = ["run", "--task", &task, "--optimizer", &momentum, "--model", "model", "--data", "data"];
        room.run(&[&fixed[..], &LOW].concat()).fails(3, &[name, flag]);
    }
}

#[test]
fn optimizers() {
    let room = room();
    let optimizer = plugin("hostile/optimizer");
    let run = |attack: &str| {
        let attack = format!("attack={attack}");
        let given = ["--optimizer", &optimizer, "-O", &attack, "--data", "data", "--steps", "3", "--out", "out"];
        room.sst2(&[&given[..], &LOW].concat())
    };
    run("none").succeeds();
    for (attack, text) in [
        ("error", "reported"),
        ("loop", "--plugin-fuel"),
        ("memory", "--plugin-memory"),
        ("panic", "trapped"),
        ("tensor-hoard", "--plugin-tensor-bytes"),
        ("huge-shape", "tensor."),
        ("wrong-count", "tensor."),
        ("mismatched-shapes", "tensor."),
        ("bad-range", "tensor."),
        ("too-few", "slots"),
        ("too-many", "slots"),
        ("wrong-shape", "was expected"),
        ("wrong-dtype", "was expected"),
        ("not-a-number", "not finite"),
    ] {
        let done = run(attack);
        assert_eq!(done.status, 3, "{attack}: {done:?}");
        done.fails(3, &[text, "step 2"]);
        // The steps before it are kept.
        let results = room.json("out/results.json");
        assert_eq!(results["complete"], false, "{attack}");
        assert_eq!(results["steps"].as_array().unwrap().len(), 2, "{attack}");
        assert_eq!(room.samples("out").len(), 8, "{attack}");
    }
    run("error-in-open").fails(3, &["meta-optimizer.session.open"]);
    assert!(run("log-flood").stderr.len() < 4_000_000);
}
