//! Which rows a run scores: none that it shows with the answer, a sample that is like its split, and none that cannot be
//! scored.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::*;

fn row(text: &str, label: usize) -> Value {
    json!({"sentence": text, "label": label})
}

fn lines(rows: &[Value]) -> String {
    rows.iter().map(|row| format!("{row}\n")).collect()
}

/// Rows of alternating classes, each with a text of its own.
fn mixed(word: &str, count: usize) -> Vec<Value> {
    (0..count).map(|number| row(&format!("{word} {number}"), number % 2)).collect()
}

fn notes(record: &Value) -> Vec<&str> {
    record["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect()
}

/// The rows that were scored for a seed, in their order.
fn scored(place: &Place, out: &str, seed: u64) -> Vec<u64> {
    let samples = place.samples(out);
    let of_seed = samples.iter().filter(|sample| (&sample["seed"], &sample["step"]) == (&seed.into(), &0.into()));
    of_seed.map(|sample| sample["index"].as_u64().unwrap()).collect()
}

const FIRST_TWO: [&str; 6] = ["--sampling", "first", "--shots", "2", "--steps", "2"];

#[test]
fn demonstrations_are_not_scored() {
    let place = Place::with_model();
    place.data("same", lines(&mixed("text", 6)), lines(&mixed("text", 6)));
    let run = |more: &[&str]| place.sst2(&[&["--data", "same"], &FIRST_TWO[..], more].concat());
    let printed = run(&[]).good().stdout;
    assert_eq!(scored(&place, "out", 0), [2, 3, 4, 5]);
    let results = place.json("out/results.json");
    assert_eq!((&results["evaluation_rows"], &results["evaluation_split_rows"]), (&4.into(), &6.into()));
    assert_eq!(results["overlapping_rows"], json!([0, 1]));
    let note = "2 of 6 evaluation rows are demonstrations too and were left out; `--allow-overlap` scores them";
    assert_eq!(notes(&results), [note]);
    assert!(printed.ends_with(&format!("note: {note}\n")), "{printed}");
    // In every output.
    for form in ["--markdown", "--csv", "--json", "--html"] {
        let report = place.host(&["report", "out", form]).good().stdout;
        assert!(report.contains("2 of 6 evaluation rows are demonstrations too"), "{form}:\n{report}");
    }
    assert!(place.host(&["report", "out"]).good().stdout.contains(note));
    assert!(place.host(&["compare", "out", "out"]).good().stdout.contains(note));
    let plan = run(&["--dry-run", "--json"]).good().json();
    assert_eq!((&plan["overlapping_rows"], notes(&plan)), (&json!([0, 1]), vec![note]));
    assert!(run(&["--dry-run"]).good().stdout.contains(note));

    // Whoever insists gets all of them, and a note of another kind.
    run(&["--allow-overlap", "--out", "all"]).good();
    assert_eq!(scored(&place, "all", 0), [0, 1, 2, 3, 4, 5]);
    let all = place.json("all/results.json");
    assert_eq!((&all["config"]["allow_overlap"], &all["overlapping_rows"]), (&true.into(), &json!([0, 1])));
    assert!(notes(&all)[0].starts_with("2 of 6 evaluation rows are demonstrations too and are scored"), "{all}");
    // The rows that are left have the numbers that they had among the others.
    let of_rows = |out: &str| {
        let samples = place.samples(out).into_iter().filter(|sample| sample["index"].as_u64().unwrap() > 1);
        logliks(&samples.collect::<Vec<Value>>(), 2)
    };
    assert!(apart(&of_rows("out"), &of_rows("all")) < 1e-4);
    // Runs that differ in what they left out are compared on what both have.
    let comparison = place.host(&["compare", "out", "all", "--json"]).good().json();
    assert_eq!(comparison["n"], 8 / 2);
    let note = "all: 2 scored examples are not compared";
    assert!(notes(&comparison).iter().any(|found| found.starts_with(note)), "{comparison}");
}

#[test]
fn copies_are_known_by_what_they_say() {
    let place = Place::with_model();
    let train = [row("good film", 1), row("bad film", 0), row("what a day", 1)];
    // Another file in another form, another order, other columns, other blanks; and the same text with another answer.
    let validation =
        "label,idx,sentence\n1,70,long night\n0,71,  bad   film \n1,72,good film\n0,73,good film\n0,74,dull\n";
    place.data("copies", lines(&train), "");
    place.write("copies/eval.csv", validation);
    let data = ["--data", "evaluation=copies/eval.csv", "--data", "copies"];
    place.sst2(&[&data, &FIRST_TWO[..]].concat()).good();
    assert_eq!(scored(&place, "out", 0), [0, 3, 4]);
    let results = place.json("out/results.json");
    assert_eq!(results["overlapping_rows"], json!([1, 2]));
    let other = "1 of 5 evaluation rows ask what a demonstration asks and have another answer; they are scored";
    assert_eq!(notes(&results)[1], other);

    let prompt = |index: &str| {
        let fixed = ["prompt", "--task", &guest("sst2"), "--model", "model", "--sampling", "first", "--shots", "2"];
        place.host(&[&fixed[..], &data, &["--index", index, "--json"]].concat()).good().json()
    };
    assert!(notes(&prompt("1"))[0].starts_with("this row is a demonstration too: a run leaves it out"));
    assert_eq!(notes(&prompt("3")), ["a demonstration asks what this row asks, and has another answer"]);
    assert_eq!(prompt("4")["notes"], Value::Null);
}

/// They are no rows, and are shown all the same; the copy has its choices in another order.
#[test]
fn demonstrations_written_by_hand_are_not_scored() {
    let place = Place::with_model();
    let choices = ["a", "catching prey", "hearing", "making sugar"];
    let qasc = |question: &str, answer: &str| json!({"question": question, "choices": {"text": choices, "label": ["A", "B", "C", "D"]}, "answerKey": answer});
    let rows = [qasc("Is it late?", "A"), qasc("What do plants need sunlight for?", "D"), qasc("Is it early?", "B")];
    place.write("rows.jsonl", lines(&rows));
    let data = ["--data", "evaluation=rows.jsonl", "--data", "sample"];
    let fixed = ["--task", &guest("qasc"), "--sampling", "written", "--steps", "1"];
    let arguments = [&["run", "--model", "model", "--device", "cpu", "--out", "out"][..], &data, &fixed].concat();
    place.host(&arguments).good();
    assert_eq!(scored(&place, "out", 0), [0, 2]);
    assert_eq!(place.json("out/results.json")["overlapping_rows"], json!([1]));
}

#[test]
fn the_limit_counts_rows_that_are_scored() {
    let place = Place::with_model();
    place.data("same", lines(&mixed("text", 6)), lines(&mixed("text", 6)));
    let run = |out: &str, limit: &str, more: &[&str]| {
        place.sst2(&[&["--data", "same", "--limit", limit, "--out", out], &FIRST_TWO[..], more].concat()).good();
    };
    run("out", "3", &[]);
    assert_eq!(scored(&place, "out", 0), [2, 3, 4]);
    let results = place.json("out/results.json");
    assert_eq!(notes(&results)[1], "limited to the first 3 of 6 evaluation rows, not counting those left out");
    // Under one limit, rows that stand in for others are no reason to refuse a comparison; other rows are.
    run("all", "3", &["--allow-overlap"]);
    assert_eq!(scored(&place, "all", 0), [0, 1, 2]);
    assert_eq!(place.host(&["compare", "out", "all", "--json"]).good().json()["n"], 1);
    run("four", "4", &["--allow-overlap"]);
    let parts = ["example 4 of seed 0 is in `out` alone", "`--sample` and `--limit`"];
    place.host(&["compare", "out", "four"]).failed(2, &parts);
    run("two", "2", &[]);
    run("first", "2", &["--allow-overlap"]);
    place.host(&["compare", "two", "first"]).failed(2, &["expected examples that both runs score", "hint: "]);
}

#[test]
fn nothing_left_to_score_is_told() {
    let place = Place::with_model();
    place.data("same", lines(&mixed("text", 2)), lines(&mixed("text", 2)));
    let run = [&["--data", "same"], &FIRST_TWO[..]].concat();
    let message = "nothing is left to score with seed 0: expected rows to keep, got 2 evaluation rows to leave out (2 \
        demonstrations too)";
    place.sst2(&run).failed(2, &[message, "hint: ", "--allow-overlap"]);
    place.sst2(&[&run[..], &["--allow-overlap"]].concat()).good();
}

#[test]
fn every_seed_leaves_out_its_own() {
    let place = Place::with_model();
    // The eighth of the rows to draw from are evaluation rows too, so that seeds differ in how many they draw.
    let train = [mixed("text", 4), mixed("other", 4)].concat();
    place.data("half", lines(&train), lines(&mixed("text", 8)));
    let run = |out: &str, more: &[&str]| {
        place.sst2(&[&["--data", "half", "--steps", "2", "--shots", "1", "--out", out], more].concat()).good()
    };
    run("all", &["--seeds", "0..6"]);
    let results = place.json("all/results.json");
    let draws: Vec<Value> =
        std::iter::once(results.clone()).chain(results["further_draws"].as_array().unwrap().clone()).collect();
    let mut counts = Vec::new();
    for (seed, draw) in (0..).zip(&draws) {
        let shown: Vec<u64> =
            draw["demonstration_rows"].as_array().unwrap().iter().map(|row| row.as_u64().unwrap()).collect();
        let expected: Vec<u64> = (0..8).filter(|row| *row > 3 || !shown.contains(row)).collect();
        assert_eq!(scored(&place, "all", seed), expected, "seed {seed} shows {shown:?}");
        counts.push(expected.len());
        // As a run of this seed alone has it.
        let single = format!("single{seed}");
        run(&single, &["--seed", &seed.to_string()]);
        assert_eq!(place.samples(&single), of_seed(&place, "all", seed));
    }
    assert!(counts.iter().any(|count| *count != counts[0]), "{counts:?}");
    let left_out: Vec<&str> = notes(&results).into_iter().filter(|note| note.contains("were left out")).collect();
    assert!(!left_out.is_empty() && left_out.iter().all(|note| note.starts_with("seed")), "{left_out:?}");
    // All steps of all seeds are whole, whatever their number of rows.
    let report = place.host(&["report", "all", "--json"]).good().json();
    let analysis = &report["runs"][0]["analysis"];
    assert_eq!((&analysis["unfinished"], analysis["steps"].as_array().unwrap().len()), (&json!([]), 18));

    // A run that was cut off comes to the same.
    let whole = place.read("all/samples.jsonl");
    let cut: String = whole.lines().take(50).map(|line| format!("{line}\n")).collect();
    place.write("cut/samples.jsonl", cut);
    let mut unfinished = results.clone();
    unfinished["complete"] = false.into();
    unfinished["selected"] = json!([]);
    unfinished["steps"] = json!([]);
    place.write("cut/results.json", unfinished.to_string());
    run("cut", &["--seeds", "0..6"]);
    assert_eq!(place.read("cut/samples.jsonl"), whole);
}

fn of_seed(place: &Place, out: &str, seed: u64) -> Vec<Value> {
    place.samples(out).into_iter().filter(|sample| sample["seed"] == seed).collect()
}

#[test]
fn a_run_from_before_goes_on_where_nothing_overlaps_and_is_refused_where_rows_do() {
    let place = Place::with_model();
    place.data("same", lines(&mixed("text", 6)), lines(&mixed("text", 6)));
    place.data("apart", lines(&mixed("other", 6)), lines(&mixed("text", 6)));
    let run =
        |data: &str, more: &[&str]| place.sst2(&[&["--data", data, "--out", data], &FIRST_TWO[..], more].concat());
    run("apart", &[]).good();
    let apart = place.json("apart/results.json");
    for key in ["overlapping_rows", "unusable_rows", "scored_rows"] {
        assert_eq!(apart[key], Value::Null, "{key}");
    }
    for key in ["sample", "allow_overlap"] {
        assert!(!apart["config"].as_object().unwrap().contains_key(key), "{key}");
    }
    // As an earlier version wrote it of the same rows: all six scored.
    run("same", &["--allow-overlap"]).good();
    let mut before = place.json("same/results.json");
    before.as_object_mut().unwrap().remove("overlapping_rows");
    before["config"].as_object_mut().unwrap().remove("allow_overlap");
    before["complete"] = false.into();
    place.write("same/results.json", before.to_string());
    run("same", &[]).failed(2, &["has an unfinished run of another configuration", "evaluation_rows: 6 -> 4"]);
    place.host(&["report", "same"]).good();
}

#[test]
fn the_step_is_chosen_by_rows_that_are_neither_shown_nor_scored() {
    let place = Place::with_model();
    // Two of the rows are shown; of the others one is a copy of a shown one and one an evaluation row.
    let train = [mixed("shown", 2), vec![row("shown 1", 1), row("text 0", 0), row("free", 1)]].concat();
    place.data("held", lines(&train), lines(&mixed("text", 6)));
    let select = ["--data", "held", "--select", "held-out", "--held-out"];
    let run = |more: &[&str]| place.sst2(&[&select[..], more, &FIRST_TWO].concat());
    run(&["3"]).good();
    let results = place.json("out/results.json");
    assert_eq!(results["held_out_rows"], json!([4]));
    let note = "2 of the rows to choose the step by are demonstrations or evaluation rows too and were left out";
    assert_eq!(notes(&results), [note]);
    let chosen = place.read("out/held-out.jsonl");
    assert_eq!(chosen.lines().count(), 2, "one row at two steps:\n{chosen}");
    run(&["3", "--allow-overlap", "--out", "all"]).good();
    let all = place.json("all/results.json");
    assert_eq!(all["held_out_rows"], json!([2, 3, 4]));
    assert!(notes(&all)[0].ends_with("were kept"), "{all}");

    // Leave-one-out: a demonstration that is there twice is shown while it is left out.
    let twice = [row("twice", 1), row("twice", 1), row("once", 0)];
    place.data("twice", lines(&twice), lines(&mixed("text", 6)));
    let fixed = ["--data", "twice", "--select", "held-out", "--sampling", "first", "--steps", "2"];
    place.sst2(&[&fixed[..], &["--shots", "3", "--out", "three"]].concat()).good();
    assert_eq!(place.json("three/results.json")["held_out_rows"], json!([2]));
    let message = "nothing is left to choose the step by: expected rows to keep, got 2 held-out rows to leave out (2 \
        demonstrations or evaluation rows too)";
    place.sst2(&[&fixed[..], &["--shots", "2", "--out", "two"]].concat()).failed(2, &[message, "hint: "]);
}

/// The draws of `data/sampling/make.py`, by CPython's `random`.
fn draws() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/sampling/tasks.json");
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all["draws"].as_array().unwrap().clone()
}

#[test]
fn a_sample_is_cpythons_and_the_same_for_every_rule() {
    let place = Place::with_model();
    let is_wanted =
        |draw: &&Value| draw["task"] == "sst2" && draw["evaluation_sample"] == 50 && draw["sampling"] == "stratified";
    let draws = draws();
    let draws: Vec<&Value> = draws.iter().filter(is_wanted).collect();
    assert!(draws.len() >= 3);
    for draw in &draws {
        let (seed, shots) = (draw["seed"].to_string(), draw["shots"].to_string());
        let out = format!("seed{seed}");
        let fixed = ["--sample", "50", "--seed", &seed, "--shots", &shots, "--steps", "1", "--out"];
        place.sst2(&[&fixed[..], &[&out]].concat()).good();
        let seed: u64 = seed.parse().unwrap();
        let rows = scored(&place, &out, seed);
        let expected: Vec<u64> =
            draw["evaluation"].as_array().unwrap().iter().map(|row| row.as_u64().unwrap()).collect();
        assert_eq!((rows.len(), &rows[..expected.len()]), (50, &expected[..]));
        let results = place.json(&format!("{out}/results.json"));
        assert_eq!(results["demonstration_rows"], draw["demonstrations"]);
        assert_eq!(results["config"]["sample"], 50);
        assert_eq!(notes(&results)[1], "50 of 120 evaluation rows were drawn at random, as `--sample` asks");
        // Another rule, another number of steps: the same rows.
        let other =
            ["--optimizer", &guest("sgd"), "--steps", "2", "--score-steps", "last", "--out", "other", "--restart"];
        place.sst2(&[&fixed[..6], &other].concat()).good();
        assert_eq!(scored(&place, "other", seed), rows);
    }
    // The limit counts in the order of the draw; the prompt is that of the run.
    let first = ["--sample", "50", "--shots", "2", "--steps", "1", "--limit", "3", "--out", "first"];
    place.sst2(&first).good();
    assert_eq!(scored(&place, "first", 0), scored(&place, "seed0", 0)[..3]);
    let results = place.json("first/results.json");
    assert!(notes(&results).contains(&"limited to the first 3 of 50 evaluation rows"), "{results}");
    let (task, index) = (guest("sst2"), scored(&place, "first", 0)[0].to_string());
    let fixed =
        ["prompt", "--task", &task, "--model", "model", "--data", "sample", "--shots", "2", "--json", "--index"];
    let prompt = place.host(&[&fixed[..], &[&index, "--sample", "50"]].concat()).good().json();
    assert_eq!((&prompt["demonstrations"], &prompt["notes"]), (&results["demonstrations"], &Value::Null));
    let missed = (0..120).find(|row| !scored(&place, "seed0", 0).contains(row)).unwrap().to_string();
    let prompt = place.host(&[&fixed[..], &[&missed, "--sample", "50"]].concat()).good().json();
    assert_eq!(notes(&prompt), ["this row is not among the 50 evaluation rows that seed 0 draws"]);
}

#[test]
fn a_sample_of_more_than_there_is_is_all_of_it() {
    let place = Place::with_model();
    place.sst2(&["--sample", "121", "--steps", "1"]).good();
    assert_eq!(scored(&place, "out", 0), (0..120).collect::<Vec<u64>>());
    let results = place.json("out/results.json");
    assert_eq!(notes(&results)[1], "`--sample 121` asks for more than the 120 evaluation rows; all of them are taken");
    // Nothing was drawn before the demonstrations.
    place.sst2(&["--steps", "1", "--out", "whole"]).good();
    assert_eq!(results["demonstration_rows"], place.json("whole/results.json")["demonstration_rows"]);
    place.sst2(&["--sample", "0"]).failed(2, &["invalid value '0' for '--sample <N>'"]);
}

#[test]
fn a_task_that_draws_rows_itself_draws_as_many_as_are_asked_for() {
    let place = Place::with_model();
    let fixed = ["--task", &guest("agnews"), "--steps", "1"];
    place.sst2(&[&fixed[..], &["--sample", "30"]].concat()).good();
    let draws = draws();
    let of_thirty = scored(&place, "out", 0);
    // CPython draws thirty of as many rows in the same order whatever the task.
    place.sst2(&["--sample", "30", "--steps", "1", "--out", "sst2"]).good();
    assert!(draws.iter().any(|draw| draw["task"] == "agnews"));
    let rows = |out: &str| place.json(&format!("{out}/results.json"))["evaluation_split_rows"].as_u64().unwrap();
    if rows("out") == rows("sst2") {
        assert_eq!(of_thirty, scored(&place, "sst2", 0));
    }
    assert_eq!(of_thirty.len(), 30);
    let note = "evaluation rows were drawn at random, as `--sample` asks";
    assert!(notes(&place.json("out/results.json")).iter().any(|found| found.ends_with(note)));
}

#[test]
fn the_first_rows_of_a_sorted_split_are_told_in_every_output() {
    let place = Place::with_model();
    let sorted: Vec<Value> = (0..60).map(|number| row(&format!("text {number}"), usize::from(number < 30))).collect();
    place.data("sorted", lines(&mixed("other", 8)), lines(&sorted));
    let run =
        |out: &str, more: &[&str]| place.sst2(&[&["--data", "sorted", "--steps", "2", "--out", out], more].concat());
    let printed = run("limit", &["--limit", "20"]).good().stdout;
    let note = "the scored rows do not have the classes of their split: `negative` 0 of 20 scored and 30 of all 60, `positive` \
        20 of 20 scored and 30 of all 60 (p<0.001 for rows drawn at random); `--sample N` draws rows at random";
    assert!(printed.contains(&format!("note: {note}\n")), "{printed}");
    assert!(notes(&place.json("limit/results.json")).contains(&note));
    let part = "do not have the classes of their split";
    for form in [&[][..], &["--markdown"], &["--csv"], &["--json"], &["--html"]] {
        let report = place.host(&[&["report", "limit"], form].concat()).good().stdout;
        assert!(report.contains(part), "{form:?}:\n{report}");
    }
    assert!(place.host(&["compare", "limit", "limit"]).good().stdout.contains(part));
    assert!(run("limit", &["--limit", "20", "--dry-run"]).good().stdout.contains(part));
    assert!(run("json", &["--limit", "20", "--json"]).good().stdout.contains(part));
    // A sample has both, and so has everything.
    for (out, more) in [("sample", &["--sample", "20"][..]), ("all", &[])] {
        assert!(!run(out, more).good().stdout.contains(part), "{out}");
    }
    // Of two rows no share can be told, and yet that a class is missing.
    let printed = run("two", &["--limit", "2"]).good().stdout;
    let lacks =
        "the scored rows lack classes of their split: `negative` 0 of 2 scored and 30 of all 60; `--sample N` draws";
    assert!(printed.contains(lacks), "{printed}");
}

/// A model with few positions, and rows of which some are longer.
fn short(place: &Place) {
    place.model("short", |config| config["max_position_embeddings"] = 160.into());
    let long = |name: &str| row(&format!("{name} {}", "long ".repeat(40)), 1);
    let rows = [vec![row("a", 0), long("x"), row("b", 1), long("y")], mixed("text", 4), vec![long("z")]].concat();
    place.data("long", lines(&mixed("demo", 4)), lines(&rows));
    place.data("fine", lines(&mixed("demo", 4)), lines(&[vec![row("a", 0), row("b", 1)], mixed("text", 4)].concat()));
}

#[test]
fn rows_that_do_not_fit_are_named_with_their_number_or_left_out() {
    let place = Place::with_model();
    short(&place);
    for positions in ["continue", "restart"] {
        let fixed = ["--model", "short", "--shots", "1", "--steps", "2", "--positions", positions];
        let run = |more: &[&str]| place.sst2(&[&fixed[..], more].concat());
        let first = "evaluation example `1`: a query of ";
        let parts = [first, " positions, and the model has 160 (2 more evaluation examples cannot be used either)"];
        run(&["--data", "long"]).failed(2, &[parts[0], parts[1], "hint: `--skip-bad-rows` leaves such rows out"]);
        assert!(!place.path("out/samples.jsonl").exists());
        let (skipped, fine) = (format!("skipped-{positions}"), format!("fine-{positions}"));
        run(&["--data", "long", "--skip-bad-rows", "--out", &skipped]).good();
        assert_eq!(scored(&place, &skipped, 0), [0, 2, 4, 5, 6, 7]);
        let results = place.json(&format!("{skipped}/results.json"));
        assert_eq!((&results["unusable_rows"], &results["evaluation_rows"]), (&json!([1, 3, 8]), &6.into()));
        let note = "3 of 9 evaluation rows cannot be used and were left out: evaluation example `1`: a query of ";
        assert!(notes(&results)[0].starts_with(note), "{results}");
        // What is left has the numbers that it has without the others.
        run(&["--data", "fine", "--out", &fine]).good();
        let numbers = |out: &str| logliks(&place.samples(out), 2);
        assert_eq!(numbers(&skipped), numbers(&fine));
        let limited = format!("limited-{positions}");
        run(&["--data", "long", "--skip-bad-rows", "--limit", "3", "--out", &limited]).good();
        assert_eq!(scored(&place, &limited, 0), [0, 2, 4]);
    }
}

#[test]
fn a_row_that_fits_behind_some_seeds_demonstrations_is_left_out_for_all() {
    let place = Place::with_model();
    place.model("short", |config| config["max_position_embeddings"] = 160.into());
    let train = [row("a", 0), row("b", 1), row(&format!("longer {}", "x".repeat(20)), 0)];
    let long = row(&"y".repeat(62), 1);
    place.data("edge", lines(&train), lines(&[vec![long], mixed("text", 4)].concat()));
    let fixed = ["--model", "short", "--data", "edge", "--steps", "1"];
    let run = |out: &str, more: &[&str]| place.sst2(&[&fixed[..], &["--out", out], more].concat());
    let fits = |seed: u64| run("try", &["--seed", &seed.to_string(), "--dry-run"]).status == Some(0);
    let (short, long): (Vec<u64>, Vec<u64>) = (0..20).partition(|seed| fits(*seed));
    let seeds = format!("{},{}", short[0], long[0]);
    run("both", &["--seeds", &seeds]).failed(2, &["evaluation example `0`: a query of "]);
    run("both", &["--seeds", &seeds, "--skip-bad-rows"]).good();
    for seed in [short[0], long[0]] {
        assert_eq!(scored(&place, "both", seed), [1, 2, 3, 4], "seed {seed}");
    }
    // Alone, the one that has room for it scores it.
    run("one", &["--seed", &short[0].to_string(), "--skip-bad-rows"]).good();
    assert_eq!(scored(&place, "one", short[0]), [0, 1, 2, 3, 4]);
}

#[test]
fn a_demonstration_that_is_drawn_is_never_left_out() {
    let place = Place::with_model();
    place.model("short", |config| config["max_position_embeddings"] = 120.into());
    let train = [row("short", 0), row(&"long ".repeat(40), 1)];
    place.data("demo", lines(&train), lines(&mixed("text", 4)));
    let fixed = ["--model", "short", "--data", "demo", "--steps", "1", "--skip-bad-rows"];
    let parts =
        ["a pass over the demonstrations' ", " (the longest demonstration is `", "`, with ", " tokens)", "`--seed`"];
    place.sst2(&fixed).failed(2, &parts);
    // A held-out row is left out like an evaluation row.
    let train = [mixed("demo", 2), vec![row("fine", 1), row(&"long ".repeat(40), 1)]].concat();
    place.data("held", lines(&train), lines(&mixed("text", 4)));
    let select = ["--sampling", "first", "--shots", "1", "--select", "held-out", "--held-out", "3"];
    let run = |more: &[&str]| {
        place.sst2(&[&["--model", "short", "--data", "held", "--steps", "1"], &select[..], more].concat())
    };
    run(&[]).failed(2, &["demonstrations example `3`: a query of ", "hint: `--skip-bad-rows`"]);
    run(&["--skip-bad-rows"]).good();
    let results = place.json("out/results.json");
    assert_eq!(results["held_out_rows"], json!([1, 2]));
    let note =
        "1 of the rows to choose the step by cannot be used and were left out: demonstrations example `3`: a query";
    assert!(notes(&results)[0].starts_with(note), "{results}");
}

/// A tokenizer that has the end of a context and the choice as one token leaves nothing to score of that choice.
#[test]
fn rows_with_nothing_to_score_are_left_out_too() {
    let place = Place::with_model();
    let mut tokenizer = place.json("model/tokenizer.json");
    let token = "odd\nSentiment: negative";
    let model = &mut tokenizer["model"];
    let id = model["vocab"].as_object_mut().unwrap().remove("the").unwrap();
    model["merges"].as_array_mut().unwrap().pop();
    model["vocab"][token] = id.clone();
    tokenizer["added_tokens"] = json!([{"id": id, "content": token, "single_word": false, "lstrip": false, "rstrip": false,
        "normalized": false, "special": false}]);
    place.write("model/tokenizer.json", tokenizer.to_string());
    place.data("odd", lines(&mixed("demo", 4)), lines(&[vec![row("odd", 0)], mixed("text", 4)].concat()));
    let run = |more: &[&str]| place.sst2(&[&["--data", "odd", "--steps", "1"], more].concat());
    let message = "evaluation example `0`: choice 0 leaves nothing to score";
    run(&[]).failed(2, &[message, "hint: `--skip-bad-rows`"]);
    run(&["--skip-bad-rows"]).good();
    assert_eq!(scored(&place, "out", 0), [1, 2, 3, 4]);
    let results = place.json("out/results.json");
    let note = format!("1 of 5 evaluation rows cannot be used and were left out: {message}");
    assert!(notes(&results)[0].starts_with(&note), "{results}");
    let fixed = ["prompt", "--task", &guest("sst2"), "--model", "model", "--data", "odd", "--json"];
    assert_eq!(
        notes(&place.host(&fixed).good().json()),
        ["choice 0 leaves nothing to score: a run does not take this row"]
    );
    // Where none is left, that is what is told.
    place.data("odd", lines(&mixed("demo", 4)), lines(&[row("odd", 0)]));
    let message = "nothing is left to score with seed 0: expected rows to keep, got 1 evaluation row to leave out (1 unusable), \
        first evaluation example `0`: choice 0 leaves nothing to score";
    run(&["--skip-bad-rows", "--restart"]).failed(2, &[message]);
}

/// What a prompt says of a row in the orderly way is about that row: the plugin goes on with the others.
#[test]
fn rows_that_the_prompt_refuses_are_counted() {
    let place = Place::with_model();
    let fixed = ["--task", &guest("hostile/task"), "--steps", "1", "-T", "attack=error-in-query"];
    let named = "in `prompt.render-query`: reported (failed): no text for example 0 (example `0`) (";
    let parts = [named, " more evaluation examples cannot be used either)", "hint: `--skip-bad-rows`"];
    let done = place.sst2(&fixed).failed(3, &parts);
    let more: usize = done.stderr.split(named).nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let none = format!("got {0} evaluation rows to leave out ({0} unusable)", more + 1);
    place
        .sst2(&[&fixed[..], &["--skip-bad-rows"]].concat())
        .failed(2, &["nothing is left to score with seed 0", &none]);
}
