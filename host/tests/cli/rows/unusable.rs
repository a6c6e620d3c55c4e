//! Rows that cannot be scored are named, or left out and counted.

use serde_json::json;

use super::{lines, mixed, notes, row, scored};
use crate::support::*;

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
        let first = "evaluation example `1`: expected at most 160 positions, got ";
        let parts = [first, " (2 more evaluation examples cannot be used either)"];
        run(&["--data", "long"]).failed(2, &[parts[0], parts[1], "hint: `--skip-bad-rows` leaves such rows out"]);
        assert!(!place.path("out/samples.jsonl").exists());
        let (skipped, fine) = (format!("skipped-{positions}"), format!("fine-{positions}"));
        run(&["--data", "long", "--skip-bad-rows", "--out", &skipped]).good();
        assert_eq!(scored(&place, &skipped, 0), [0, 2, 4, 5, 6, 7]);
        let results = place.json(&format!("{skipped}/results.json"));
        assert_eq!((&results["unusable_rows"], &results["evaluation_rows"]), (&json!([1, 3, 8]), &6.into()));
        let note = "3 of 9 evaluation rows cannot be used and were left out: evaluation example `1`: expected at most 160 positions, got ";
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

/// What a tokenizer would take long for: it is never asked.
#[test]
fn texts_that_no_number_of_positions_could_take_are_told_before_they_are_tokens() {
    let place = Place::with_model();
    place.model("short", |config| config["max_position_embeddings"] = 160.into());
    let huge = |name: &str| row(&format!("{name} {}", "x".repeat(50_000)), 1);
    place.data("query", lines(&mixed("demo", 4)), lines(&[vec![row("a", 0), huge("x")], mixed("text", 2)].concat()));
    place.data("shown", lines(&[huge("x"), row("b", 0)]), lines(&mixed("text", 4)));
    let run = |more: &[&str]| place.sst2(&[&["--model", "short", "--steps", "1"], more].concat());
    let bound = "expected at most 40960 bytes of text for a model of 160 positions, got 50";
    let first = format!("evaluation example `1`: {bound}");
    run(&["--data", "query"]).failed(2, &[&first, "hint: `--skip-bad-rows`"]);
    run(&["--data", "query", "--skip-bad-rows"]).good();
    assert_eq!(scored(&place, "out", 0), [0, 2, 3]);
    let all = format!("the demonstrations are too long: {bound}");
    run(&["--data", "shown", "--out", "shown"])
        .failed(2, &[&all, "(the longest demonstration is `0`, with 50", "--shots"]);
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
    run("both", &["--seeds", &seeds])
        .failed(2, &["evaluation example `0`: expected at most 160 positions, got ", " for a query of "]);
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
    run(&[]).failed(
        2,
        &[
            "demonstrations example `3`: expected at most 120 positions, got ",
            " for a query of ",
            "hint: `--skip-bad-rows`",
        ],
    );
    run(&["--skip-bad-rows"]).good();
    let results = place.json("out/results.json");
    assert_eq!(results["held_out_rows"], json!([1, 2]));
    let note = "1 of the rows to select the step by cannot be used and were left out: demonstrations example `3`: \
                expected at most 120 positions, got ";
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
