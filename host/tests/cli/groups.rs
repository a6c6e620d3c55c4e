//! Groups of tasks: run by run as by hand, with their averages, gone on with after a kill.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::*;

const MMLU: &str = include_str!("../../../tasks/mmlu/mmlu.toml");

/// A definition of three topics, two of which are a group.
const TOPICS: &str = r#"task = "template"
name = "topics"
[options.topic]
default = "a"
choices = ["a", "B", "c"]
groups = { first = ["a", "B"] }
[data]
repository = "nobody/nothing"
config = "{{ options.topic }}"
demonstrations = "train"
evaluation = "test"
filter = "topic == options.topic"
[row]
labels = ["no", "yes"]
answer = "label"
[prompt]
context = "{{ text }} ({{ options.topic }})"
"#;

fn place() -> Place {
    let place = Place::with_model();
    for name in ["template", "momentum"] {
        place.write(&format!("plugins/{name}.wasm"), std::fs::read(guest(name)).unwrap());
    }
    place
}

/// The place with rows of three topics, 3, 7 and 2 to score.
fn topics() -> Place {
    let place = place();
    place.write("topics.toml", TOPICS);
    let rows = |split: &str, counts: [usize; 3]| {
        let of = |(topic, count): (&str, usize)| {
            let row = |index: usize| {
                json!({"topic": topic, "text": format!("{split} {topic} {}", index * 37 % 11), "label": index % 2})
                    .to_string()
            };
            (0..count).map(row).collect::<Vec<String>>()
        };
        ["a", "B", "c"].into_iter().zip(counts).flat_map(of).collect::<Vec<String>>().join("\n")
    };
    place.write("data/topics/train.jsonl", rows("train", [4, 4, 4]));
    place.write("data/topics/test.jsonl", rows("test", [3, 7, 2]));
    place
}

const SMALL: [&str; 8] = ["--model", "model", "--data", "data", "--steps", "3", "--select", "last"];

fn run<'a>(task: &'a str, option: &'a str, out: &'a str) -> Vec<&'a str> {
    [&["run", "--task", task, "-T", option, "--out", out][..], &SMALL].concat()
}

/// Right predictions and rows of a step in a run's samples, by log-likelihood, counted here.
fn counted(place: &Place, run: &str, step: u64) -> (usize, usize) {
    let samples = place.samples(run);
    let of_step: Vec<&Value> = samples.iter().filter(|sample| sample["step"] == step).collect();
    let right = |sample: &&&Value| {
        let loglik: Vec<f64> =
            sample["loglik"].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
        let best = (0..loglik.len()).fold(0, |best, index| if loglik[index] > loglik[best] { index } else { best });
        sample["answer"] == best
    };
    (of_step.iter().filter(right).count(), of_step.len())
}

/// Micro and macro averages of some runs at a step.
fn averages(place: &Place, out: &str, names: &[&str], step: u64) -> (f64, f64) {
    let counts: Vec<(usize, usize)> = names.iter().map(|name| counted(place, &format!("{out}/{name}"), step)).collect();
    let (right, rows) = counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    let mean = counts.iter().map(|(right, rows)| *right as f64 / *rows as f64).sum::<f64>() / names.len() as f64;
    (right as f64 / rows as f64, mean)
}

fn close(value: &Value, expected: f64) {
    let value = value.as_f64().unwrap_or_else(|| panic!("expected a number, got {value}"));
    assert!((value - expected).abs() < 1e-12, "expected {expected}, got {value}");
}

#[test]
fn the_tasks_of_a_group_are_run_as_each_by_itself() {
    let place = topics();
    let group = place.host(&run("topics.toml", "topic=all", "all")).good();
    assert_eq!(group.stderr.matches("reading weights").count(), 1, "{}", group.stderr);
    for (option, name) in [("topic=a", "a"), ("topic=B", "b"), ("topic=c", "c")] {
        let own = format!("own-{name}");
        place.host(&run("topics.toml", option, &own)).good();
        let samples = |out: &str| place.read(&format!("{out}/samples.jsonl"));
        assert_eq!(samples(&format!("all/{name}")), samples(&own), "{name}");
        // The same run, which the group has done already.
        let again = place.host(&run("topics.toml", option, &format!("all/{name}"))).good();
        assert!(again.stderr.contains("already, complete"), "{}", again.stderr);
    }
    let again = place.host(&run("topics.toml", "topic=all", "all")).good();
    assert!(again.stderr.contains("3 of 3 subtasks are in `all` already, complete"), "{}", again.stderr);
    assert!(!again.stderr.contains("reading weights"), "{}", again.stderr);
    assert_eq!(again.stdout, group.stdout);
    assert!(place.host(&["report", "all"]).good().stdout.matches("micro").count() > 1);
}

#[test]
fn averages_are_those_of_the_samples() {
    let place = topics();
    let printed = place.host(&[&run("topics.toml", "topic=all", "all")[..], &["--json"]].concat()).good().json();
    let record = place.json("all/group.json");
    assert_eq!(printed, record);
    assert_eq!((&record["complete"], &record["name"]), (&json!(true), &json!("topics")));
    let expected = json!([{"name": "a", "groups": ["first"]}, {"name": "b", "groups": ["first"]}, {"name": "c"}]);
    assert_eq!(record["subtasks"], expected);
    let report = place.host(&["report", "all", "--json"]).good().json();
    for (group, names, rows) in [(json!("first"), &["a", "b"][..], 10), (Value::Null, &["a", "b", "c"][..], 12)] {
        let of = |record: &Value| {
            let averages = record["averages"].as_array().unwrap().clone();
            averages.into_iter().find(|average| average["group"] == group).unwrap()
        };
        for average in [of(&record), of(&report["groups"][0])] {
            assert_eq!((&average["n"], &average["subtasks"]), (&json!(rows), &json!(names.len())));
            for (step, at) in [(0, "zero_shot"), (1, "in_context"), (3, "result")] {
                let (micro, mean) = averages(&place, "all", names, step);
                close(&average["micro"][at]["mean"], micro);
                close(&average["macro"][at]["mean"], mean);
            }
        }
    }
    // A group of the option is one by itself.
    place.host(&run("topics.toml", "topic=first", "first")).good();
    assert_eq!(place.read("first/b/samples.jsonl"), place.read("all/b/samples.jsonl"));
    assert!(!place.path("first/c").exists());
    // Its own averages are those of the whole, and not told twice.
    let record = place.json("first/group.json");
    assert_eq!((&record["name"], record["averages"].as_array().unwrap().len()), (&json!("topics-first"), 1));
}

#[test]
fn all_subjects_of_mmlu_are_one_run() {
    let place = place();
    place.write("mmlu.toml", MMLU);
    let read: toml::Table = MMLU.parse().unwrap();
    let subject = &read["options"]["subject"];
    let texts = |list: &toml::Value| {
        list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<String>>()
    };
    let subjects = texts(&subject["choices"]);
    let groups: BTreeMap<String, Vec<String>> =
        subject["groups"].as_table().unwrap().iter().map(|(name, list)| (name.clone(), texts(list))).collect();
    let rows = |count: usize| {
        let row = |subject: &String, index: usize| {
            let choices = ["one", "two", "three", "four"];
            let question = format!("Which number of {subject} is it, {}?", index * 7 + subject.len());
            json!({"question": question, "subject": subject, "choices": choices, "answer": (index + subject.len()) % 4})
        };
        let rows = subjects.iter().flat_map(|subject| (0..count).map(move |index| row(subject, index).to_string()));
        rows.collect::<Vec<String>>().join("\n")
    };
    place.write("data/mmlu/dev.jsonl", rows(1));
    place.write("data/mmlu/test.jsonl", rows(2));
    let small = ["--sampling", "first", "--steps", "2", "--model", "model", "--data", "data", "--select", "last"];
    let started = place.host(&[&["run", "--task", "mmlu.toml", "-T", "subject=all"][..], &small].concat()).good();
    let record = place.json("runs/mmlu/group.json");
    assert_eq!(record["subtasks"].as_array().unwrap().len(), 57);
    assert_eq!(record["averages"].as_array().unwrap().len(), 5);
    for average in record["averages"].as_array().unwrap() {
        let names = match average["group"].as_str() {
            Some(group) => &groups[group],
            None => &subjects,
        };
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (micro, mean) = averages(&place, "runs/mmlu", &names, 2);
        close(&average["micro"]["result"]["mean"], micro);
        close(&average["macro"]["result"]["mean"], mean);
    }
    for group in groups.keys() {
        assert!(started.stdout.contains(group.as_str()), "{}", started.stdout);
    }
}

#[test]
fn a_killed_group_goes_on_where_it_was() {
    let place = topics();
    place.host(&run("topics.toml", "topic=all", "whole")).good();
    let mut seen = 0;
    for after in ["a", "b", "c"] {
        let out = format!("killed-{after}");
        let mut command = place.command(&run("topics.toml", "topic=all", &out));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let begun = place.path(&format!("{out}/{after}/samples.jsonl"));
        let until = Instant::now() + Duration::from_secs(60);
        while !begun.exists() && child.try_wait().unwrap().is_none() && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        if place.path(&format!("{out}/group.json")).exists() {
            seen += usize::from(place.json(&format!("{out}/group.json"))["complete"] == false);
            // What is there can be looked at.
            place.host(&["report", &out]).good();
        }
        place.host(&run("topics.toml", "topic=all", &out)).good();
        for name in ["a", "b", "c"] {
            let samples = |out: &str| place.read(&format!("{out}/{name}/samples.jsonl"));
            assert_eq!(samples(&out), samples("whole"), "killed in {after}: {name}");
        }
        assert_eq!(place.read(&format!("{out}/group.json")), place.read("whole/group.json"));
    }
    assert!(seen > 0, "no run was killed before its end");
}

#[test]
fn a_group_that_is_started_over_and_killed_has_no_results_of_before() {
    let place = topics();
    place.host(&run("topics.toml", "topic=all", "out")).good();
    let before = place.read("out/c/samples.jsonl");
    let mut command = place.command(&[&run("topics.toml", "topic=all", "out")[..], &["--restart"]].concat());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let until = Instant::now() + Duration::from_secs(60);
    while !place.path("out/c/samples.1.jsonl").exists() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(place.read("out/c/samples.1.jsonl"), before);
    let again = place.host(&run("topics.toml", "topic=all", "out")).good();
    assert!(!again.stderr.contains("3 of 3 subtasks"), "{}", again.stderr);
    assert_eq!(place.read("out/c/samples.jsonl"), before);
}

#[test]
fn what_stops_one_task_is_told_before_weights_are_read() {
    let place = topics();
    let rows = place.read("data/topics/test.jsonl");
    let without: Vec<&str> = rows.lines().filter(|line| !line.contains(r#""topic":"c""#)).collect();
    place.write("data/topics/test.jsonl", without.join("\n"));
    let failed = place.host(&run("topics.toml", "topic=all", "all"));
    assert!(!failed.stderr.contains("reading weights"), "{}", failed.stderr);
    failed.failed(2, &["error: subtask `c`: ", "rows of the evaluation split are none of the task's"]);
    assert!(!place.path("all/group.json").exists());
}

#[test]
fn a_folder_of_definitions_is_a_group() {
    let place = topics();
    let own = |topic: &str| {
        TOPICS.replace(r#"default = "a""#, &format!("default = {topic:?}")).replace("name = \"topics\"\n", "")
    };
    for (file, topic) in [("suite/two.toml", "B"), ("suite/one.toml", "a")] {
        place.write(file, own(topic));
        for split in ["train", "test"] {
            let folder = file.strip_suffix(".toml").unwrap().replace("suite", "data");
            place.write(&format!("{folder}/{split}.jsonl"), place.read(&format!("data/topics/{split}.jsonl")));
        }
    }
    place.write("suite/README.md", "not a definition");
    place.host(&[&["run", "--task", "suite"][..], &SMALL].concat()).good();
    let record = place.json("runs/suite/group.json");
    assert_eq!((&record["name"], &record["subtasks"]), (&json!("suite"), &json!([{"name": "one"}, {"name": "two"}])));
    place.host(&run("topics.toml", "topic=B", "own")).good();
    assert_eq!(place.read("runs/suite/two/samples.jsonl"), place.read("own/samples.jsonl"));
    let plan = place.json("runs/suite/two/results.json");
    assert_eq!(plan["task"]["name"], "two");

    place.write("suite/No Name.toml", own("a"));
    let refused = place.host(&[&["run", "--task", "suite"][..], &SMALL].concat());
    refused.failed(2, &["No Name.toml`: expected a file's name of 1 to 64 of the characters"]);
    std::fs::remove_file(place.path("suite/No Name.toml")).unwrap();
    place.write("suite/all.toml", own("all"));
    let refused = place.host(&[&["run", "--task", "suite"][..], &SMALL].concat());
    refused.failed(2, &["subtask `all`: expected a single task, got the group `all` of 3 tasks"]);
}

#[test]
fn a_group_is_no_single_task() {
    let place = topics();
    let group = "expected a single task, got the group `topics` of 3 tasks: a, b, c";
    let asked = ["--task", "topics.toml", "-T", "topic=all"];
    place.host(&[&["prompt"][..], &asked, &["--model", "model", "--data", "data"]].concat()).failed(2, &[group]);
    place.host(&[&["data", "head"][..], &asked, &["--data", "data"]].concat()).failed(2, &[group]);
    place.host(&["task", "check", "topics.toml", "-T", "topic=all"]).failed(2, &[group]);
    // All of them are looked for on the hub.
    place.host(&[&["data", "pull"][..], &asked].concat()).failed(2, &["nobody/nothing"]);
}

#[test]
fn a_group_and_a_single_run_set_each_other_aside_and_lose_nothing() {
    let place = topics();
    place.host(&run("topics.toml", "topic=a", "out")).good();
    let single = place.read("out/samples.jsonl");
    let group = place.host(&run("topics.toml", "topic=all", "out")).good();
    assert!(
        group.stderr.contains("the samples of an earlier run are kept as `out/samples.1.jsonl`"),
        "{}",
        group.stderr
    );
    assert_eq!(place.read("out/samples.1.jsonl"), single);
    assert!(!place.path("out/results.json").exists());
    let record = place.read("out/group.json");
    place.host(&run("topics.toml", "topic=a", "out")).good();
    assert_eq!(place.read("out/samples.jsonl"), single);
    assert!(!place.path("out/group.json").exists());
    assert_eq!(place.read("out/group.2.json"), record);
    // One that is not at its end is not set aside without a word.
    let mut results = place.json("out/results.json");
    results["complete"] = json!(false);
    results["selected"] = json!([]);
    place.write("out/results.json", results.to_string());
    let refused = place.host(&run("topics.toml", "topic=all", "out"));
    refused.failed(
        2,
        &["`out`: expected no run", "got an unfinished run of a single task", "hint: name another folder with `--out`"],
    );
    assert_eq!(place.read("out/samples.jsonl"), single);
    place.host(&[&run("topics.toml", "topic=all", "out")[..], &["--restart"]].concat()).good();
}

#[test]
fn a_dry_run_of_a_group_names_its_tasks_and_what_restricts_them() {
    let place = topics();
    let dry = place.host(&[&run("topics.toml", "topic=all", "out")[..], &["--dry-run"]].concat()).good();
    for part in ["topics: 3 tasks", "a: ", "3 of 3 evaluation rows", "b: ", "7 of 7 evaluation rows", "c: "] {
        assert!(dry.stdout.contains(part), "{part}: {}", dry.stdout);
    }
    let of_b = "b: note: the task's configuration `B` is not looked for in a folder";
    assert!(dry.stdout.contains("configuration `B`"), "{of_b}: {}", dry.stdout);
    let plan =
        place.host(&[&run("topics.toml", "topic=all", "out")[..], &["--dry-run", "--json"]].concat()).good().json();
    assert_eq!(plan["subtasks"][1]["plan"]["evaluation_rows"], 7);
    assert!(!place.path("out/a").exists() && !place.path("out/group.json").exists());
}
