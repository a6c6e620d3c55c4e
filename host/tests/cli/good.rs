//! Runs that come to their end, and what they leave.

use serde_json::Value;

use crate::support::*;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

fn sorted<'a>(keys: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut keys: Vec<&str> = keys.into_iter().collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_run_prints_its_steps_and_their_calibration_and_says_that_it_was_a_sample() {
    let place = Place::with_model();
    let done = place.sst2(&["--steps", "3"]).good();
    let lines: Vec<&str> = done.stdout.lines().collect();
    let first: Vec<String> = lines.iter().map(|line| line.split("  ").next().unwrap().trim().to_owned()).collect();
    assert_eq!(first[..2], ["Steps", "step"]);
    let labels: Vec<&str> = first[3..7].iter().map(String::as_str).collect();
    assert_eq!(labels, ["zero-shot", "1 (in-context)", "2", "3*"]);
    assert!(first[7].starts_with("oracle (step "), "{}", done.stdout);
    assert_eq!(lines[8], "*: the step that is the result");
    assert_eq!(lines[9], "oracle: best step chosen with the test labels; not a valid result");
    for head in
        ["accuracy", "n", "95 % Wilson", "per token", "per character", "vs in-context", "log-likelihood", "time"]
    {
        assert!(lines[1].contains(head), "{head}");
    }
    assert_eq!(
        lines[11..13],
        ["Accuracy, as it is and calibrated", "step            accuracy  calibrated  prior-matched"]
    );
    let labels: Vec<&str> = first[14..17].iter().map(String::as_str).collect();
    assert_eq!(labels, ["zero-shot", "1 (in-context)", "3*"]);
    let further = lines.iter().position(|line| *line == "Further scores").expect("a table of them");
    assert_eq!(lines[further + 1], "step            per byte  Brier  calibration error");
    assert_eq!(lines.last(), Some(&"note: using the bundled sample, not the full data set"));
    // The head of the demonstrations and the folder are not results, so they are elsewhere.
    assert!(done.stderr.starts_with("Review: "), "{}", done.stderr);
    assert!(done.stderr.ends_with("results are in `out`\n"), "{}", done.stderr);
    assert_eq!(place.names("out"), ["content-free.jsonl", "results.json", "samples.jsonl", "trace.jsonl"]);
}

#[test]
fn baselines_stand_beside_the_steps_with_the_same_numbers() {
    let place = Place::with_model();
    let run = ["--steps", "2", "--limit", "5", "--seeds", "3,0", "--baseline", "repeat=4,2"];
    let done = place.sst2(&run).good();
    let rows: Vec<&str> = done.stdout.lines().filter(|line| line.starts_with("repeat ")).collect();
    assert_eq!(rows.len(), 6, "over the seeds, calibrated, and further scores:\n{}", done.stdout);
    assert!(rows[0].starts_with("repeat 2 ") && rows[1].starts_with("repeat 4 "), "{}", done.stdout);
    let results = place.json("out/results.json");
    assert_eq!(results["config"]["baseline"], "repeat=2,4");
    assert_eq!(results["content_free"], serde_json::json!({"made_by": "task", "queries": 3}));
    let baselines = results["baselines"].as_array().unwrap();
    let names: Vec<(u64, &str)> =
        baselines.iter().map(|of| (of["seed"].as_u64().unwrap(), of["baseline"].as_str().unwrap())).collect();
    assert_eq!(names, [(3, "repeat=2"), (3, "repeat=4"), (0, "repeat=2"), (0, "repeat=4")]);
    let step = &results["steps"][2];
    for baseline in baselines {
        let all: Vec<&str> = keys(baseline).into_iter().filter(|key| *key != "baseline").collect();
        assert_eq!(all, keys(step));
        assert!(baseline["versus_icl"]["difference"].is_number() && baseline["calibrated"]["contextual"].is_number());
    }
    assert_eq!(place.read("out/baselines.jsonl").lines().count(), 2 * 2 * 5);
    // Zero-shot, two steps and two baselines of each seed.
    assert_eq!(place.read("out/content-free.jsonl").lines().count(), 2 * 5 * 3);
    // No number of a report is taken from `results.json`.
    let mut spoilt = results.clone();
    for list in ["baselines", "steps"] {
        for of in spoilt[list].as_array_mut().unwrap() {
            of["accuracy"] = 0.123.into();
            of["right_loglik"] = serde_json::json!(-7.77);
        }
    }
    place.write("out/results.json", spoilt.to_string());
    let report = &place.host(&["report", "out", "--json"]).good().json()["runs"][0]["analysis"]["baselines"];
    let without_times = |baselines: &Value| {
        let mut baselines = baselines.as_array().unwrap().clone();
        for baseline in &mut baselines {
            let baseline = baseline.as_object_mut().unwrap();
            baseline.retain(|key, _| !key.ends_with("_seconds"));
        }
        baselines
    };
    assert_eq!(without_times(report), without_times(&results["baselines"]));
    for (form, part) in
        [("--csv", ",repeat=4,,false,false,5,"), ("--markdown", "| repeat 4 |"), ("--html", "<td>repeat 4</td>")]
    {
        assert!(place.host(&["report", "out", form]).good().stdout.contains(part), "{form}");
    }
    place.host(&["compare", "out", "out"]).good();
}

#[test]
fn a_baseline_that_does_not_fit_is_refused_before_weights_are_read() {
    let place = Place::with_model();
    let refused = place.sst2(&["--baseline", "repeat=2,900"]);
    let parts = [
        "expected at most 2048 positions, got ",
        "for `--baseline repeat=900` with seed 0: ",
        "hint: ",
        "`--baseline`",
    ];
    refused.failed(2, &parts);
    place.sst2(&["--baseline", "repeat=1"]).failed(2, &["expected a list like repeat=2,4"]);
    assert!(place.names("out").is_empty());
}

#[test]
fn results_have_their_keys_and_follow_from_the_samples() {
    let place = Place::with_model();
    let done = place.sst2(&["--steps", "2", "--json", "-O", "step_size=0.5"]).good();
    assert_eq!(done.stderr, "");
    let results = place.json("out/results.json");
    assert_eq!(done.json(), results);
    assert_eq!(done.stdout, place.read("out/results.json"));
    for key in ["format_version", "host_version", "config", "task", "optimizer", "model", "data", "demonstrations"] {
        assert!(!results[key].is_null(), "{key}");
    }
    assert_eq!(results["complete"], true);
    assert_eq!(
        results["options"]["optimizer"],
        serde_json::json!({"momentum": 0.9, "step_size": 0.5, "update": "both", "skip_first": 0, "layers": "all"})
    );
    let files = results["model"]["files"].as_array().unwrap();
    let digests = [&results["task"], &results["optimizer"], &results["data"][0], &results["data"][1]];
    for digest in digests.into_iter().chain(files).map(|part| part["sha256"].as_str().unwrap()) {
        assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest:?}");
    }

    let samples = place.samples("out");
    let expected =
        sorted(["seed", "step", "index", "id", "answer", "prediction", "loglik", "tokens", "characters", "bytes"]);
    assert!(samples.iter().all(|sample| sorted(keys(sample)) == expected));
    assert_eq!(samples.len(), 3 * 120);
    let steps = results["steps"].as_array().unwrap();
    assert_eq!(steps.iter().map(|step| step["step"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1, 2]);
    for step in steps {
        check_step(step, &samples);
    }
}

/// Every number of a step but its times, from the samples and from nothing else.
fn check_step(step: &Value, samples: &[Value]) {
    let numbers = |value: &Value| value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect::<Vec<f64>>();
    let best = |values: &[f64]| {
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        values.iter().position(|value| *value == max).unwrap()
    };
    let of_step: Vec<&Value> = samples.iter().filter(|sample| sample["step"] == step["step"]).collect();
    let (mut correct, mut correct_tokens) = (0, 0);
    for sample in &of_step {
        let (loglik, tokens) = (numbers(&sample["loglik"]), numbers(&sample["tokens"]));
        let means: Vec<f64> = loglik.iter().zip(tokens).map(|(sum, count)| sum / count).collect();
        assert_eq!(sample["prediction"], best(&loglik));
        correct += usize::from(sample["answer"] == best(&loglik));
        correct_tokens += usize::from(sample["answer"] == best(&means));
    }
    let n = of_step.len() as f64;
    let p = correct as f64 / n;
    assert_eq!((&step["n"], &step["correct"]), (&of_step.len().into(), &correct.into()));
    let check = |key: &str, value: f64| {
        let found = step[key].as_f64().unwrap_or_else(|| panic!("{key} is no number"));
        assert!((found - value).abs() < 1e-12, "{key}: {found}, {value}");
    };
    check("accuracy", p);
    check("accuracy_tokens", correct_tokens as f64 / n);
    check("standard_error", (p * (1.0 - p) / n).sqrt());
    let z = 1.959_963_984_540_054_f64;
    for end in numbers(&step["interval"]) {
        // Wilson's interval ends where the distance to the share found is z standard errors of the end itself.
        assert!(((p - end).powi(2) * n - z * z * end * (1.0 - end)).abs() < 1e-9, "{end}");
    }
    assert!(step["step_seconds"].as_f64().unwrap() >= 0.0 && step["score_seconds"].as_f64().unwrap() > 0.0);
}

#[test]
fn quiet_prints_the_table_alone() {
    let place = Place::with_model();
    let done = place.sst2(&["--steps", "1", "--limit", "2", "--quiet"]).good();
    assert_eq!(done.stderr, "");
    assert!(done.stdout.contains("1 (in-context)") && !done.stdout.contains("oracle"), "{}", done.stdout);
    assert!(done.stdout.ends_with("note: limited to the first 2 of 120 evaluation rows\n"), "{}", done.stdout);
}

#[test]
fn a_dry_run_prints_the_plan_and_reads_no_weights() {
    let place = Place::with_model();
    // Reading weights would fail.
    place.without_numbers("model");
    let more = ["--steps", "3", "--limit", "5", "--dry-run", "--json", "-O", "momentum=0.5"];
    let plan = place.sst2(&more).good().json();
    assert_eq!(
        plan["options"]["optimizer"],
        serde_json::json!({"momentum": 0.5, "step_size": 0.01, "update": "both", "skip_first": 0, "layers": "all"})
    );
    assert_eq!((&plan["evaluation_rows"], &plan["evaluation_split_rows"]), (&5.into(), &120.into()));
    assert_eq!(plan["score_steps"], serde_json::json!([0, 1, 2, 3]));
    let text = plan["demonstrations"].as_str().unwrap();
    assert_eq!(text.matches("Review: ").count(), 2);
    assert_eq!(text.matches("\n\n").count(), 2);
    let vocabulary: Value = serde_json::from_slice(include_bytes!("../data/tiny-tokenizer/tokenizer.json")).unwrap();
    let token = |id: &Value| {
        let tokens = vocabulary["model"]["vocab"].as_object().unwrap();
        tokens.iter().find(|(_, other)| *other == id).unwrap().0.clone()
    };
    let ids = plan["demonstration_ids"].as_array().unwrap();
    assert_eq!(ids.iter().map(token).collect::<String>(), text);
    assert!(place.names("out").is_empty());

    let done = place.sst2(&["--steps", "3", "--limit", "5", "--dry-run"]).good();
    assert!(done.stdout.starts_with("Review: "), "{}", done.stdout);
    assert!(done.stdout.contains("demonstration tokens, 5 of 120 evaluation rows"), "{}", done.stdout);
    place
        .sst2(&["--steps", "3"])
        .failed(2, &["tensor `model.embed_tokens.weight` in `model/model.safetensors` has NaN or infinity"]);
    assert!(place.names("out").is_empty(), "a model that cannot be read leaves no results");
}

#[test]
fn the_steps_asked_for_are_scored() {
    let place = Place::with_model();
    for (asked, expected) in [("last", vec![0, 1, 4]), ("2", vec![0, 1, 2]), ("all", vec![0, 1, 2, 3, 4])] {
        place.sst2(&["--steps", "4", "--limit", "2", "--score-steps", asked, "--out", asked]).good();
        let results = place.json(&format!("{asked}/results.json"));
        let steps: Vec<u64> =
            results["steps"].as_array().unwrap().iter().map(|step| step["step"].as_u64().unwrap()).collect();
        assert_eq!(steps, expected, "{asked}");
        assert_eq!(place.samples(asked).len(), 2 * steps.len(), "{asked}");
    }
    // Which steps are scored changes none of them.
    assert_eq!(logliks(&place.samples("last"), 4), logliks(&place.samples("all"), 4));
}

#[test]
fn a_seed_is_a_result() {
    let place = Place::with_model();
    for (out, seed) in [("a", "5"), ("b", "5"), ("c", "6")] {
        place.sst2(&["--steps", "2", "--limit", "6", "--seed", seed, "--out", out]).good();
    }
    let samples = |out: &str| place.read(&format!("{out}/samples.jsonl"));
    let demonstrations = |out: &str| place.json(&format!("{out}/results.json"))["demonstrations"].clone();
    assert_eq!(samples("a"), samples("b"));
    assert_ne!(demonstrations("a"), demonstrations("c"));
    assert_ne!(samples("a"), samples("c"));
}

#[test]
fn batches_and_threads_do_not_change_results() {
    let place = Place::with_model();
    let run = |flag: &str, value: &str| {
        let out = format!("{}-{value}", flag.trim_start_matches('-'));
        place.sst2(&["--steps", "2", "--limit", "20", flag, value, "--out", &out]).good();
        place.samples(&out)
    };
    let whole = run("--batch-tokens", "4096");
    for (flag, value) in [("--batch-tokens", "1"), ("--batch-tokens", "64"), ("--threads", "2")] {
        let samples = run(flag, value);
        for step in 0..=2 {
            let difference = apart(&logliks(&samples, step), &logliks(&whole, step));
            assert!(difference < 1e-4, "{flag} {value}, step {step}: {difference:e}");
        }
    }
}

#[test]
fn a_step_of_size_zero_changes_nothing() {
    let place = Place::with_model();
    place.sst2(&["--steps", "4", "--limit", "6", "-O", "step_size=0"]).good();
    let samples = place.samples("out");
    let first = logliks(&samples, 1);
    assert_ne!(first, logliks(&samples, 0), "demonstrations matter");
    for step in 2..=4 {
        assert_eq!(logliks(&samples, step), first, "step {step}");
    }
}

#[test]
fn step_1_is_plain_in_context_learning() {
    let place = Place::with_model();
    place.sst2(&["--steps", "1", "--limit", "6", "--out", "one"]).good();
    place.sst2(&["--steps", "3", "--limit", "6", "--out", "three", "-O", "step_size=0.7"]).good();
    place
        .sst2(&["--steps", "3", "--limit", "6", "--out", "restart", "-O", "step_size=0.7", "--positions", "restart"])
        .good();
    let [one, three, restart] = ["one", "three", "restart"].map(|out| place.samples(out));
    for step in 0..=1 {
        assert_eq!(logliks(&one, step), logliks(&three, step));
        assert_eq!(logliks(&one, step), logliks(&restart, step));
    }
    for step in 2..=3 {
        assert!(apart(&logliks(&three, step), &logliks(&three, 1)) > 1e-4, "step {step} moves the cache");
        assert!(apart(&logliks(&three, step), &logliks(&restart, step)) > 1e-5, "step {step} depends on positions");
    }
}

#[test]
fn a_second_run_keeps_the_first() {
    let place = Place::with_model();
    place.sst2(&["--steps", "1", "--limit", "2", "--seed", "1"]).good();
    let first = (place.read("out/results.json"), place.read("out/samples.jsonl"));
    let done = place.sst2(&["--steps", "1", "--limit", "3", "--seed", "2"]).good();
    assert!(done.stderr.contains("an earlier run are kept as `out/samples.1.jsonl`"), "{}", done.stderr);
    let names = [
        "content-free.1.jsonl",
        "content-free.jsonl",
        "results.1.json",
        "results.json",
        "samples.1.jsonl",
        "samples.jsonl",
        "trace.jsonl",
    ];
    assert_eq!(place.names("out"), names);
    assert_eq!((place.read("out/results.1.json"), place.read("out/samples.1.jsonl")), first);
    assert_eq!(place.samples("out").len(), 2 * 3);
}

#[test]
fn rows_come_from_a_folder() {
    let place = Place::with_model();
    let rows = "{\"sentence\": \"good\", \"label\": 1}\n\n{\"sentence\": \"bad\", \"label\": 0}\n";
    place.data("data", rows, rows.replace("good", "fine").replace("bad", "dull"));
    let results = place.sst2(&["--steps", "1", "--data", "data", "--json"]).good().json();
    assert_eq!(results["notes"], serde_json::json!([]));
    assert_eq!(results["data"][1]["file"], "data/sst2/validation.jsonl");
    assert_eq!((&results["data"][1]["rows"], &results["steps"][1]["n"]), (&2.into(), &2.into()));
}
