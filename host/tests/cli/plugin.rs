//! `ft-host plugin`: what a plugin is, whether a run takes it, whether it does what its author says, where it is found.

use std::path::Path;

use serde_json::Value;

use crate::support::*;

/// A folder with some of the project's plugins under their names.
fn with_plugins(place: &Place, folder: &str, names: &[&str]) {
    for name in names {
        place.write(&format!("{folder}/{name}.wasm"), std::fs::read(guest(name)).unwrap());
    }
}

#[test]
fn inspect_says_what_a_plugin_is() {
    let place = Place::empty();
    let shown = place.host(&["plugin", "inspect", &guest("momentum")]).good().stdout;
    let parts = [
        "momentum 0.1.0  gradient descent with momentum",
        "optimizer, world optimizer-plugin of forward-tuning:plugin@0.2.0",
        "imports  forward-tuning:plugin/log@0.2.0 forward-tuning:plugin/tensor@0.2.0",
        "exports  forward-tuning:plugin/info@0.2.0 forward-tuning:plugin/meta-optimizer@0.2.0",
        "-O step_size=0.01  how far to go along the momentum in each step (a number)",
        "-O momentum=0.9  how much of the last step's momentum stays (a number from 0 to 1)",
        "-O update=both  which matrices of a layer move; the others stay as they are (one of `both`, `keys`, `values`)",
    ];
    for part in parts {
        assert!(shown.contains(part), "no {part:?} in:\n{shown}");
    }
    let card = place.host(&["plugin", "inspect", &guest("momentum"), "--json"]).good().json();
    assert_eq!(card["kind"], "optimizer");
    assert_eq!(card["bytes"], std::fs::metadata(guest("momentum")).unwrap().len());
    assert_eq!(card["sha256"].as_str().unwrap().len(), 64);
    let momentum = &card["options"][1];
    let bounds = [&momentum["minimum"], &momentum["maximum"], &momentum["default"]].map(|value| value.as_f64());
    assert_eq!(bounds, [Some(0.0), Some(1.0), Some(0.9)]);
    let task = place.host(&["plugin", "inspect", &guest("sst2")]).good().stdout;
    assert!(task.contains("world task-plugin") && task.contains("takes no options"), "{task}");
}

#[test]
fn validate_refuses_what_a_run_would_refuse() {
    let place = Place::empty();
    let validate = |file: &str, more: &[&str]| place.host(&[&["plugin", "validate", file], more].concat());
    let good = validate(&guest("momentum"), &["-O", "step_size=0.5"]).good();
    assert_eq!(
        good.stdout,
        "ok: optimizer momentum 0.1.0, with step_size=0.5 momentum=0.9 update=both skip_first=0 layers=all\n"
    );
    assert_eq!(validate(&guest("sst2"), &["--json"]).good().json()["name"], "sst2");
    validate(&guest("momentum"), &["-O", "step=1"]).failed(2, &["unknown option `step`", "-O step_size=0.01"]);
    validate(&guest("momentum"), &["-O", "momentum=2"]).failed(2, &["expected a number from 0 to 1, got `2`"]);
    validate(&guest("hostile/wrong-version"), &[]).failed(
        2,
        &[
            "expected forward-tuning:plugin@0.1.x or 0.2.x, got forward-tuning:plugin@0.3.0",
            "hint: build the plugin against",
        ],
    );
    validate(&guest("hostile/wrong-world"), &[]).failed(2, &["expected a component for forward-tuning:plugin"]);
    validate(&guest("hostile/loop-describe"), &[]).failed(3, &["in `info.describe`: exceeded the fuel limit"]);
    validate(&guest("hostile/task"), &["-T", "attack=error-in-configure"]).failed(2, &["no such luck"]);
    validate(&guest("hostile/task"), &["-T", "attack=one-choice"])
        .failed(3, &["distinct ones on one line each, got [\"negative\"]"]);
    let text = place.write("notes.wasm", "a text");
    validate(text.to_str().unwrap(), &[]).failed(2, &["expected a component, got text that starts with `a text`"]);
    validate("none/x.wasm", &[]).failed(2, &["cannot open `none/x.wasm`"]);
}

#[test]
fn every_plugin_of_the_project_passes_its_test() {
    let place = Place::empty();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    let mut tested = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            // A definition is what `template` is tested with.
            let sst2 = folder.join("template/examples/sst2.toml");
            let tested_by = if path.ends_with("template.wasm") { &sst2 } else { &path };
            let mut command = place.command(&["plugin", "test", tested_by.to_str().unwrap(), "--json"]);
            command.env("FT_PLUGIN_PATH", &folder);
            let report = Done::of(command.output().unwrap()).good().json();
            let checks = report["checks"].as_array().unwrap();
            let passed = checks.iter().filter(|check| check["verdict"]["passed"].is_string()).count();
            let expected = if report["plugin"]["kind"] == "task" { 11 } else { 9 };
            assert_eq!((passed, checks.len()), (expected, expected + 1), "{}: {checks:?}", path.display());
            if report["plugin"]["kind"] == "task" {
                let told = checks.iter().find(|check| check["name"] == "rows to predict").unwrap();
                let told = told["verdict"]["passed"].as_str().unwrap();
                let answers = ["`label`", "`coarse_label`", "`answer`", "`answerKey`"];
                let is_needless = answers.iter().any(|answer| told.contains(answer));
                assert!(is_needless, "{}: a row to predict needs its answer: {told}", path.display());
            }
            tested += 1;
        }
    }
    assert_eq!(
        tested, 25,
        "ten tasks, what interprets definitions, and fourteen optimizers; were they built by `cargo xtask plugins`?"
    );
}

#[test]
fn a_test_tells_what_an_optimizer_asks() {
    let place = Place::empty();
    let refused = "unsupported (the demonstrations of this run are not known one by one)";
    let cases = [
        ("momentum", "proposals", 1, "proposals", "proposals"),
        ("orders", "proposals", 4, "proposals", "proposals"),
        (
            "line-search",
            "leave-one-out likelihoods (answer), proposals",
            3,
            "demonstration likelihoods (answer), proposals",
            refused,
        ),
        (
            "context-tuning",
            "gradients of leave-one-out likelihoods (answer)",
            2,
            "gradients of demonstration likelihoods (answer)",
            refused,
        ),
        (
            "agreement",
            "gradients of leave-one-out likelihoods (answer), proposals",
            3,
            "gradients of demonstration likelihoods (answer), proposals",
            refused,
        ),
    ];
    for (optimizer, asked, passes, one, unknown) in cases {
        let report = place.host(&["plugin", "test", &guest(optimizer), "--json"]).good().json();
        let check = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "questions").unwrap();
        let told = format!(
            "{asked}: at most {passes} of 100 passes a step; one demonstration: {one}; demonstrations not known one by one: {unknown}"
        );
        assert_eq!(check["verdict"]["passed"], told, "{optimizer}");
    }
    let asking = |arguments: &[&str]| {
        let line_search = guest("line-search");
        place.host(&[&["plugin", "test", &line_search][..], arguments].concat())
    };
    let choice = asking(&["-O", "objective=choice"]).good().stdout;
    assert!(choice.contains("leave-one-out likelihoods (choice), proposals"), "{choice}");
    let failed = asking(&["--plugin-passes", "2"]);
    assert_eq!(failed.status, Some(1), "{}", failed.stderr);
    assert!(failed.stdout.contains("FAILED  questions") && failed.stdout.contains("pass limit"), "{}", failed.stdout);
}

#[test]
fn fixtures_can_be_computed_for_an_optimizer_that_asks() {
    let place = Place::empty();
    // L = -1 - (16 + 4) / (2 * 4) = -3.5 at the cache and -1 at the proposal, but -1 - 9 * 2.5 four times as far.
    let steps = "[[steps]]\ncache = [[0.0, 8.0], [1.0, 1.0]]\nproposed = [[[4.0, 8.0], [1.0, 3.0]]]\n\
        expected = [[[4.0, 8.0], [1.0, 3.0]]]\n\
        [[steps]]\noptions = { step_size = 4.0, halvings = 0 }\ncache = [[0.0, 8.0], [1.0, 1.0]]\n\
        proposed = [[[4.0, 8.0], [1.0, 3.0]]]\nexpected = [[[0.0, 8.0], [1.0, 1.0]]]\n";
    place.write("steps.toml", steps);
    let report = place.host(&["plugin", "test", &guest("line-search"), "--fixtures", "steps.toml"]).good().stdout;
    assert!(report.contains("ok      fixture 2                    1 steps as expected"), "{report}");
}

#[test]
fn fixtures_hold_a_plugin_to_what_its_author_says() {
    let place = Place::empty();
    with_plugins(&place, "p", &["sst2", "momentum"]);
    let fixtures = "[[row]]\ndata = { sentence = 'so good . ', label = 1 }\nchoices = ['negative', 'positive']\n\
        demonstration = \"Review: so good .\\nSentiment: positive\"\n\
        [[row]]\ndata = { sentence = 'x', label = 7 }\nrejected = 'got 7'\n";
    place.write("p/sst2.fixtures.toml", fixtures);
    let report = place.host(&["plugin", "test", "p/sst2.wasm"]).good().stdout;
    assert!(report.contains("ok      fixture 1                    2 texts and numbers as expected"), "{report}");
    assert!(report.contains("ok      fixture 2                    rejected: column `label`: "), "{report}");
    assert!(report.ends_with("sst2 0.1.0: 13 passed, 0 failed, 0 skipped\n"), "{report}");

    place.write("wrong.toml", fixtures.replace("positive\\\"", "?").replace("Sentiment: positive", "Sentiment: bad"));
    let failed = place.host(&["plugin", "test", "p/sst2.wasm", "--fixtures", "wrong.toml"]);
    assert_eq!(failed.status, Some(1), "{}", failed.stderr);
    let told =
        "FAILED  fixture 1                    demonstration: expected \"Review: so good .\\nSentiment: bad\", got";
    assert!(failed.stdout.contains(told) && failed.stdout.contains("1 failed"), "{}", failed.stdout);

    let steps = "[[steps]]\noptions = { step_size = 0.5, momentum = 0.25 }\ncache = [[0.0, 8.0], [1.0, 1.0]]\n\
        proposed = [[[4.0, 8.0], [1.0, 3.0]], [[2.0, 8.0], [1.0, 2.0]]]\n\
        expected = [[[2.0, 8.0], [1.0, 2.0]], [[2.5, 8.0], [1.0, 2.25]]]\n";
    place.write("p/momentum.fixtures.toml", steps);
    let report = place.host(&["plugin", "test", "p/momentum.wasm", "--json"]).good().json();
    let fixture = report["checks"].as_array().unwrap().iter().find(|check| check["name"] == "fixture 1").unwrap();
    assert_eq!(fixture["verdict"]["passed"], "2 steps as expected");
    place.write("off.toml", steps.replace("2.25", "2.26"));
    let failed = place.host(&["plugin", "test", "p/momentum.wasm", "--fixtures", "off.toml"]);
    assert_eq!(failed.status, Some(1), "{}", failed.stderr);
    assert!(failed.stdout.contains("step 3, slot 1: expected [1.0, 2.26], got [1.0, 2.25]"), "{}", failed.stdout);

    let other = place.host(&["plugin", "test", "p/momentum.wasm", "--fixtures", "wrong.toml"]);
    assert_eq!(other.status, Some(1), "{}", other.stderr);
    assert!(other.stdout.contains("`wrong.toml` has no `[[steps]]`, and this plugin needs such"), "{}", other.stdout);
    place.write("bad.toml", "[[row]]\ndata = { a = 1 }\nanswr = 0\n");
    place.host(&["plugin", "test", "p/sst2.wasm", "--fixtures", "bad.toml"]).failed(2, &["`bad.toml`", "`answr`"]);
}

#[test]
fn a_plugin_that_is_not_sound_fails_its_test() {
    let place = Place::empty();
    let failed = |plugin: &str, attack: &str, parts: &[&str]| {
        let done = place.host(&["plugin", "test", &guest(plugin), "-O", attack, "--show-usage"]);
        assert_eq!(done.status, Some(1), "{attack}:\n{}\n{}", done.stdout, done.stderr);
        for part in parts {
            assert!(done.stdout.contains(part), "{attack}: no {part:?} in\n{}", done.stdout);
        }
        let has_started = !done.stdout.contains("FAILED  start");
        assert_eq!(done.stderr.contains("tensors"), has_started, "{}", done.stderr);
    };
    failed("hostile/task", "attack=duplicate-ids", &["FAILED  rows: evaluation", "duplicate id `twin`"]);
    failed("hostile/task", "attack=panic-in-query", &["a panic in `render-query`, at example 0"]);
    failed(
        "hostile/task",
        "attack=one-choice",
        &["FAILED  start", "distinct ones on one line each, got [\"negative\"]", "0 passed, 1 failed"],
    );
    failed("hostile/task", "attack=strange-full-text", &["to start with its context"]);
    failed("hostile/optimizer", "attack=nothing-over-nothing", &["ok      steps", "FAILED  where nothing moves"]);
    failed("hostile/optimizer", "attack=wrong-shape", &["FAILED  steps", "a key matrix of"]);
    failed(
        "hostile/optimizer",
        "attack=not-a-number",
        &["FAILED  steps", "expected finite numbers in the key matrix of layer 0"],
    );
}

#[test]
fn names_are_found_on_the_plugin_path() {
    let place = Place::with_model();
    with_plugins(&place, "first", &["sst2", "momentum"]);
    with_plugins(&place, "plugins", &["sst2", "qasc"]);
    with_plugins(&place, "data/ft-host/plugins", &["gate"]);
    place.write("first/broken.wasm", "PK\u{3}\u{4}");
    let host = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("FT_PLUGIN_PATH", "first").env("XDG_DATA_HOME", place.path("data"));
        Done::of(command.output().unwrap())
    };
    let listed = host(&["plugin", "list", "--json"]).good().json();
    let listed = listed.as_array().unwrap();
    let names: Vec<&str> = listed.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["broken", "momentum", "sst2", "qasc", "sst2", "gate"]);
    assert_eq!(listed[0]["refused"], "plugin first/broken.wasm: expected a component, got a zip archive");
    assert_eq!((&listed[4]["hidden_by"], &listed[2]["hidden_by"]), (&Value::from("first/sst2.wasm"), &Value::Null));
    let shown = host(&["plugin", "list"]).good().stdout;
    assert!(shown.contains("plugins/sst2.wasm (hidden by first/sst2.wasm)\n    SST-2 from GLUE"), "{shown}");

    let run = ["run", "--task", "sst2", "--model", "model", "--data", "sample", "--limit", "2", "--steps", "2"];
    host(&[&run[..], &["--optimizer", "gate", "--select", "last", "--out", "named"]].concat()).good();
    let results = place.json("named/results.json");
    assert_eq!((&results["task"]["file"], &results["optimizer"]["name"]), (&"first/sst2.wasm".into(), &"gate".into()));
    let named = ["no plugin of that name in `first` or `plugins` or ", "hint: `ft-host plugin list`"];
    host(&["run", "--task", "trec"]).failed(2, &[&["there is no file `trec`, and "], &named[..]].concat());
    host(&["prompt", "--task", "sst2", "--model", "model", "--data", "sample"]).good();
    // In a run file too; beside it first.
    place.write("files/run.toml", "task = \"qasc\"\nmodel = \"../model\"\ndata = \"sample\"\nlimit = 1\nsteps = 1\n");
    let printed = host(&["run", "--config", "files/run.toml", "--print-config"]).good().stdout;
    assert!(printed.contains("/plugins/qasc.wasm\""), "{printed}");
    let nothing = place.host(&["plugin", "list"]);
    assert!(nothing.good().stdout.contains("qasc"), "`plugins` is looked at without any variable");
}
