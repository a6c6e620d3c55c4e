//! Rows that are demonstrations too are not scored.

use serde_json::{Value, json};

use super::{FIRST_TWO, lines, mixed, notes, row, scored};
use crate::support::*;

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
    for format in REPORT_FORMATS {
        let report = place.host(&[&["report", "out"], format].concat()).good().stdout;
        assert!(report.contains("2 of 6 evaluation rows are demonstrations too"), "{format:?}:\n{report}");
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
    let parts = ["got example 4 of seed 0 in `out` alone", "`--sample` and `--limit`"];
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
    let note = "2 of the rows to select the step by are demonstrations or evaluation rows too and were left out";
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
    let message = "nothing is left to select the step by: expected rows to keep, got 2 held-out rows to leave out (2 \
        demonstrations or evaluation rows too)";
    place.sst2(&[&fixed[..], &["--shots", "2", "--out", "two"]].concat()).failed(2, &[message, "hint: "]);
}
