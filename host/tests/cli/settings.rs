//! Run files, several seeds, and the choice of the step.

use serde_json::{Value, json};

use crate::support::*;

fn run_file(place: &Place, more: &str) {
    let text = format!(
        "task = {:?}\nmodel = \"model\"\ndata = \"sample\"\ndevice = \"cpu\"\nselect = \"last\"\nsteps = 2\nlimit = 3\n{more}",
        guest("sst2")
    );
    place.write("runs-of-mine/run.toml", text);
}

#[test]
fn a_run_file_is_the_same_as_its_flags() {
    let place = Place::with_model();
    place.model("runs-of-mine/model", |_| ());
    run_file(&place, "out = \"file\"\n[optimizer-options]\nstep_size = 0.5\n");
    place.host(&["run", "--config", "runs-of-mine/run.toml"]).good();
    place.sst2(&["--steps", "2", "--limit", "3", "-O", "step_size=0.5", "--out", "flags"]).good();
    // Like all paths of a run file, `out` is relative to it.
    assert_eq!(place.read("runs-of-mine/file/samples.jsonl"), place.read("flags/samples.jsonl"));
    assert!(!place.path("file").exists());
    // A flag wins.
    place.host(&["run", "--config", "runs-of-mine/run.toml", "--limit", "1", "--out", "less"]).good();
    assert_eq!(place.samples("less").len(), 3);
}

/// Whatever a run file names is looked for beside it alone, and `~` and variables are what they are to a shell.
#[test]
fn paths_of_a_run_file_do_not_depend_on_where_the_user_stands() {
    let place = Place::empty();
    place.model("home/models/tiny", |_| ());
    let rows = ["train", "validation"].map(|split| {
        std::fs::read(format!("{}/../tasks/sst2/sample/{split}.jsonl", env!("CARGO_MANIFEST_DIR"))).unwrap()
    });
    place.data("home/data", &rows[0], &rows[1]);
    let task = guest("sst2");
    let text = format!(
        "task = {task:?}\nmodel = \"~/models/tiny\"\ndata = \"${{DATA}}/data\"\nout = \"$WHERE/here\"\n\
         device = \"cpu\"\nsteps = 1\nlimit = 2\n"
    );
    place.write("configs/run.toml", text);
    let run = |arguments: &[&str], folder: &str| {
        std::fs::create_dir_all(place.path(folder)).unwrap();
        let mut command = place.command(&[&["run"], arguments].concat());
        command.current_dir(place.path(folder)).env("DATA", place.path("home")).env("WHERE", "results");
        Done::of(command.output().unwrap())
    };
    run(&["--config", "../configs/run.toml"], "a").good();
    assert!(place.path("configs/results/here/results.json").exists());
    assert!(place.names("a").is_empty(), "nothing is written where the user stands");
    // What is printed says the same from any folder.
    let printed = run(&["--config", "../configs/run.toml", "--print-config"], "a").good().stdout;
    let from_above = run(&["--config", "configs/run.toml", "--print-config"], "").good().stdout;
    assert_eq!(from_above, printed.replace("/a/../", "/"));
    place.write("b/printed.toml", &printed);
    assert_eq!(run(&["--config", "printed.toml", "--print-config"], "b").good().stdout, printed);

    // A file beside the user is not the one that is meant.
    place.write("configs/other.toml", format!("task = {task:?}\nmodel = \"./model\"\ndata = \"rows\"\n"));
    place.data("a/rows", &rows[0], &rows[1]);
    run(&["--config", "../configs/other.toml"], "a").failed(2, &["../configs/rows/sst2/train.jsonl"]);
    // No shell expands `~` behind `=`.
    run(&["--config", "../configs/run.toml", "--out=~/out", "--model=~/models/tiny"], "a").good();
    assert!(place.path("home/out/results.json").exists());
}

#[test]
fn the_printed_configuration_is_a_run_file() {
    let place = Place::with_model();
    place.model("runs-of-mine/model", |_| ());
    run_file(&place, "seeds = \"0..2\"\n");
    let printed = place.host(&["run", "--config", "runs-of-mine/run.toml", "--shots", "2", "--print-config"]).good();
    assert!(
        printed.stdout.contains("\nshots = 2\n") && printed.stdout.contains("\nseeds = \"0,1\"\n"),
        "{}",
        printed.stdout
    );
    assert!(place.names("runs").is_empty(), "nothing is run");
    place.write("elsewhere/run.toml", &printed.stdout);
    place.host(&["run", "--config", "elsewhere/run.toml", "--out", "a"]).good();
    place.host(&["run", "--config", "runs-of-mine/run.toml", "--shots", "2", "--out", "b"]).good();
    assert_eq!(place.read("a/samples.jsonl"), place.read("b/samples.jsonl"));
}

#[test]
fn a_bad_run_file_is_named_with_the_line() {
    let place = Place::with_model();
    run_file(&place, "stepps = 3\n");
    let named = ["`runs-of-mine/run.toml`", "line 8", "unknown field `stepps`"];
    place.host(&["run", "--config", "runs-of-mine/run.toml"]).failed(2, &named);
    place.host(&["run", "--config", "none.toml"]).failed(2, &["cannot open `none.toml`"]);
    place.host(&["run"]).failed(2, &["expected a task, got none"]);
    let other = ["--held-out", "5", "--select", "last"];
    place.sst2(&other).failed(2, &["`--held-out`: expected `--select held-out`, got `--select last`"]);
}

#[test]
fn several_seeds_are_several_runs_in_one() {
    let place = Place::with_model();
    place.sst2(&["--steps", "2", "--limit", "4", "--seeds", "5,0..2", "--out", "all"]).good();
    let all = place.samples("all");
    let order: Vec<u64> = all.iter().map(|sample| sample["seed"].as_u64().unwrap()).collect();
    assert!(order.is_sorted_by_key(|seed| [5, 0, 1].iter().position(|one| one == seed)), "{order:?}");
    let results = place.json("all/results.json");
    assert_eq!(results["seed"], 5);
    for (index, seed) in [5, 0, 1].into_iter().enumerate() {
        let out = format!("seed{seed}");
        place.sst2(&["--steps", "2", "--limit", "4", "--seed", &seed.to_string(), "--out", &out]).good();
        let of_seed: Vec<&Value> = all.iter().filter(|sample| sample["seed"] == seed).collect();
        assert_eq!(of_seed, place.samples(&out).iter().collect::<Vec<_>>(), "seed {seed}");
        let alone = place.json(&format!("{out}/results.json"));
        let draw = if index == 0 { &results } else { &results["further_draws"][index - 1] };
        assert_eq!(draw["demonstrations"], alone["demonstrations"]);
        assert_eq!(results["selected"][index], json!({"seed": seed, "step": 2}));
        assert_eq!(results["selected"][index], alone["selected"][0]);
    }
}

/// The step whose held-out examples' right choices are likeliest, from the records.
fn likeliest(records: &str) -> u64 {
    let mut sums = std::collections::BTreeMap::<u64, f64>::new();
    for line in records.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let answer = record["answer"].as_u64().unwrap() as usize;
        *sums.entry(record["step"].as_u64().unwrap()).or_default() += record["loglik"][answer].as_f64().unwrap();
    }
    sums.into_iter().reduce(|best, next| if next.1 > best.1 { next } else { best }).unwrap().0
}

#[test]
fn held_out_examples_choose_the_step() {
    let place = Place::with_model();
    for (out, held_out, rows) in [("rows", "9", 9), ("loo", "leave-one-out", 4)] {
        let arguments =
            ["--steps", "5", "--limit", "3", "--shots", "2", "--select", "held-out", "--held-out", held_out];
        place.sst2(&[&arguments[..], &["--out", out, "--score-steps", "last", "-O", "step_size=0.5"]].concat()).good();
        let results = place.json(&format!("{out}/results.json"));
        let held_out = place.read(&format!("{out}/held-out.jsonl"));
        assert_eq!(held_out.lines().count(), 5 * rows, "{out}");
        let chosen = likeliest(&held_out);
        assert_eq!(results["selected"], json!([{"seed": 0, "step": chosen}]), "{out}");
        // The chosen step is scored, whatever steps were asked for.
        let scored: Vec<u64> =
            results["steps"].as_array().unwrap().iter().map(|step| step["step"].as_u64().unwrap()).collect();
        assert!(scored.contains(&chosen) && scored.contains(&5), "{out}: {scored:?}");
        let numbers = |name: &str| results[name].as_array().unwrap().clone();
        let shown = numbers("demonstration_rows");
        match rows {
            4 => assert_eq!(numbers("held_out_rows"), shown),
            _ => assert!(numbers("held_out_rows").iter().all(|row| !shown.contains(row)), "{results}"),
        }
        assert_eq!(numbers("held_out_rows").len(), rows);
    }
}

/// Where nobody says how the step is selected, that follows from the demonstrations, and results say what it came to.
#[test]
fn held_out_examples_choose_the_step_where_there_are_any() {
    let place = Place::with_model();
    let task = guest("sst2");
    let run = |out: &str, more: &[&str]| {
        let fixed = ["run", "--task", &task, "--model", "model", "--data", "sample", "--device", "cpu", "--limit", "3"];
        place.host(&[&fixed[..], &["--out", out], more].concat()).good();
        let results = place.json(&format!("{out}/results.json"));
        assert_eq!(place.names(out).contains(&"held-out.jsonl".to_owned()), results["config"]["select"] == "held-out");
        results
    };
    let several = run("several", &["--steps", "3", "-O", "step_size=0.5"]);
    assert_eq!((&several["config"]["select"], &several["config"]["held_out"]), (&"held-out".into(), &"auto".into()));
    let held_out = place.read("several/held-out.jsonl");
    assert_eq!(held_out.lines().count(), 3 * 2, "two demonstrations at three steps");
    assert_eq!(several["selected"], json!([{"seed": 0, "step": likeliest(&held_out)}]));
    // The same as the option says.
    let asked = run("asked", &["--steps", "3", "-O", "step_size=0.5", "--select", "held-out"]);
    assert_eq!((&asked["config"], &asked["notes"]), (&several["config"], &several["notes"]));
    let note = "the last step is the result: to select it by held-out examples takes two demonstrations or more; \
        `--held-out N` holds out N rows of their split instead";
    let has_note = |results: &Value| results["notes"].as_array().unwrap().iter().any(|told| told == note);
    let one = run("one", &["--steps", "2", "--sampling", "first"]);
    assert_eq!((&one["config"]["select"], &one["selected"][0]["step"]), (&"last".into(), &2.into()));
    assert!(has_note(&one) && !has_note(&several), "{}", one["notes"]);
    let rows = run("rows", &["--steps", "2", "--sampling", "first", "--held-out", "4"]);
    assert_eq!((&rows["config"]["select"], &rows["config"]["held_out"]), (&"held-out".into(), &"4".into()));
    assert_eq!(rows["held_out_rows"].as_array().unwrap().len(), 4);
    let first = run("first", &["--steps", "1"]);
    assert!(first["config"]["select"] == "last" && !has_note(&first), "{first}");
}

#[test]
fn a_result_at_in_context_learning_is_said_in_words() {
    let place = Place::with_model();
    // A cache that stays as it is: no step makes anything likelier.
    let run = ["--steps", "3", "--limit", "3", "--seeds", "0,1", "--select", "held-out", "-O", "step_size=0"];
    let printed = place.sst2(&run).good();
    let notes = [0, 1].map(|seed| {
        format!(
            "seed {seed}: held-out examples selected step 1, in-context learning: no later step that was scored made"
        )
    });
    let flat = |text: &str| text.split_whitespace().collect::<Vec<&str>>().join(" ");
    for format in REPORT_FORMATS {
        let report = flat(&place.host(&[&["report", "out"], format].concat()).good().stdout);
        assert!(notes.iter().all(|note| report.contains(note)), "{format:?}: {report}");
    }
    assert!(notes.iter().all(|note| flat(&printed.stdout).contains(note)), "{}", printed.stdout);
    assert_eq!(place.json("out/results.json")["selected"], json!([{"seed": 0, "step": 1}, {"seed": 1, "step": 1}]));
    let html = place.host(&["report", "out", "--html"]).good().stdout;
    assert!(html.contains("seed 1: log-likelihood at every step") && html.contains(">held-out</text>"), "{html}");
}

/// A run that was begun when the last step was the default is gone on with by that selection, and by no other.
#[test]
fn an_unfinished_run_with_another_selection_is_told() {
    let place = Place::with_model();
    place.sst2(&["--steps", "2", "--limit", "3", "--select", "last"]).good();
    let mut results = place.json("out/results.json");
    results["complete"] = false.into();
    results["selected"] = json!([]);
    place.write("out/results.json", results.to_string());
    let task = guest("sst2");
    let fixed = ["run", "--task", &task, "--model", "model", "--data", "sample", "--device", "cpu", "--out", "out"];
    let short = [&fixed[..], &["--steps", "2", "--limit", "3"]].concat();
    let parts = ["config.select: \"last\" -> \"held-out\"", "config.held_out: null -> \"auto\"", "--restart"];
    place.host(&short).failed(2, &parts);
    place.host(&[&short[..], &["--select", "last"]].concat()).good();
    assert_eq!(place.json("out/results.json")["complete"], true);
}

#[test]
fn the_published_setting_is_one_flag() {
    let place = Place::with_model();
    let task = guest("sst2");
    let fixed = ["run", "--task", &task, "--model", "model", "--data", "sample", "--device", "cpu", "--limit", "2"];
    let run = |more: &[&str]| place.host(&[&fixed[..], &["--score-steps", "last"], more].concat());
    run(&["--published", "--out", "one"]).good();
    let spelt = ["--select", "last", "--positions", "continue", "--steps", "15", "--out", "spelt"];
    run(&spelt).good();
    let (one, spelt) = (place.json("one/results.json"), place.json("spelt/results.json"));
    assert_eq!((&one["config"], &one["options"]), (&spelt["config"], &spelt["options"]));
    assert_eq!(place.read("one/samples.jsonl"), place.read("spelt/samples.jsonl"));
    let refused = ["`--published`: expected `--select last`, got `--select held-out`"];
    run(&["--published", "--select", "held-out"]).failed(2, &refused);
    place.write("run.toml", "published = true\noptimizer = \"adam\"\n");
    let refused = ["`--published`: expected the optimizer `momentum`, got `--optimizer "];
    place.write("adam", std::fs::read(guest("adam")).unwrap());
    run(&["--config", "run.toml"]).failed(2, &refused);
    // A flag wins over a run file, and leaves the rest of the setting as it is.
    place.write("run.toml", "published = true\n");
    let printed = run(&["--config", "run.toml", "--positions", "restart", "--print-config"]).good().stdout;
    for line in ["select = \"last\"", "positions = \"restart\"", "steps = 15"] {
        assert!(printed.lines().any(|printed| printed == line), "{line}: {printed}");
    }
    assert!(!printed.contains("published"), "{printed}");
}

#[test]
fn a_settled_cache_ends_the_run() {
    let place = Place::with_model();
    let traced = |out: &str| -> Vec<f64> {
        let norm = |line: &str| {
            let record: Value = serde_json::from_str(line).unwrap();
            let layers = record["layers"].as_array().unwrap();
            let squares = layers.iter().flat_map(|layer| layer["pseudo_gradient"].as_array().unwrap());
            squares.map(|norm| norm.as_f64().unwrap().powi(2)).sum::<f64>().sqrt()
        };
        place.read(&format!("{out}/trace.jsonl")).lines().map(norm).collect()
    };
    place.sst2(&["--steps", "6", "--limit", "2", "--out", "all", "-O", "step_size=0.5", "-O", "momentum=0"]).good();
    let norms = traced("all");
    assert_eq!(norms.len(), 5);
    // A bound between the norms of steps 3 and 4, which fall with this rule.
    assert!(norms[2] < norms[1], "{norms:?}");
    let bound = ((norms[1] + norms[2]) / 2.0).to_string();
    let arguments = ["--steps", "6", "--limit", "2", "--out", "settled", "-O", "step_size=0.5", "-O", "momentum=0"];
    place.sst2(&[&arguments[..], &["--select", "converged", "--until-norm", &bound]].concat()).good();
    let settled = place.json("settled/results.json");
    assert_eq!(settled["selected"], json!([{"seed": 0, "step": 4}]));
    assert_eq!(settled["steps"].as_array().unwrap().last().unwrap()["step"], 4);
    assert!(settled["notes"][2].as_str().unwrap().contains("converged at step 4"), "{}", settled["notes"]);
    assert_eq!(traced("settled"), norms[..3]);
    // A bound that is never reached is no failure, and is said.
    let never = ["--steps", "2", "--limit", "2", "--out", "never", "--select", "converged", "--until-norm", "1e-9"];
    place.sst2(&never).good();
    let notes = place.json("never/results.json")["notes"].to_string();
    assert!(notes.contains("not converged within 2 steps"), "{notes}");
}

#[test]
fn a_prompt_is_shown_with_its_tokens() {
    let place = Place::with_model();
    let task = guest("sst2");
    let prompt = |more: &[&str]| {
        place.host(&[&["prompt", "--task", &task, "--model", "model", "--data", "sample"], more].concat())
    };
    let shown = prompt(&["--index", "3", "--json"]).good().json();
    let plan = place.sst2(&["--dry-run", "--json"]).good().json();
    assert_eq!(shown["demonstrations"], plan["demonstrations"]);
    assert_eq!(shown["demonstration_ids"], plan["demonstration_ids"]);
    let sample = include_str!("../../../tasks/sst2/sample/validation.jsonl");
    let row: Value = serde_json::from_str(sample.lines().nth(3).unwrap()).unwrap();
    let context = format!("Review: {}\nSentiment:", row["sentence"].as_str().unwrap().trim());
    for (index, label) in ["negative", "positive"].into_iter().enumerate() {
        let choice = &shown["choices"][index];
        assert_eq!(choice["context"], context);
        let texts: Vec<&str> =
            choice["tokens"].as_array().unwrap().iter().map(|piece| piece["text"].as_str().unwrap()).collect();
        let (before, scored) = texts.split_at(choice["span_start"].as_u64().unwrap() as usize);
        assert_eq!((before.concat(), scored.concat()), (context.clone(), format!(" {label}")));
    }
    let text = prompt(&["--index", "3"]).good().stdout;
    assert!(text.contains("demonstration tokens\nReview: ") && text.contains("|| "), "{text}");
    prompt(&["--index", "120"]).failed(2, &["expected a row of the evaluation split from 0 to 119, got row 120"]);
    // No weights are needed.
    std::fs::remove_file(place.path("model/model.safetensors")).unwrap();
    prompt(&["--index", "3"]).good();
}

/// The run file of every task that is a component, through the whole program, on its bundled sample.
#[test]
fn every_task_runs_from_its_run_file() {
    let place = Place::with_model();
    let tasks = concat!(env!("CARGO_MANIFEST_DIR"), "/../tasks");
    let mut names: Vec<String> =
        std::fs::read_dir(tasks).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !std::fs::exists(format!("{tasks}/{name}/{name}.toml")).unwrap());
    names.sort();
    assert_eq!(names.len(), 10, "{names:?}");
    for name in names {
        let file = format!("{tasks}/{name}/run.toml");
        let sample = ["--data", "sample", "--model", "model", "--device", "cpu", "--limit", "3", "--steps", "2"];
        let run = |more: &[&str]| place.host(&[&["run", "--config", &file], &sample[..], more].concat()).good();
        run(&["--out", &name, "--positions", "restart"]);
        let results = place.json(&format!("{name}/results.json"));
        assert_eq!(results["task"]["name"], name);
        assert!(results["notes"].to_string().contains("bundled sample"), "{name}: {}", results["notes"]);
        assert_eq!(place.samples(&name).len(), 3 * 3, "{name}");
        // The paper's setting, but for the flags.
        assert_eq!(results["config"]["select"], "last", "{name}");
        let rule = json!({"step_size": 0.01, "momentum": 0.9, "update": "both", "skip_first": 0, "layers": "all"});
        assert_eq!(results["options"]["optimizer"], rule, "{name}");
        let labelled = ["agnews", "mr", "sst2", "sst5", "trec"].contains(&name.as_str());
        assert_eq!(results["labels"].as_array().unwrap().is_empty(), !labelled, "{name}");
        if ["qasc", "obqa"].contains(&name.as_str()) {
            let out = format!("{name}-written");
            run(&["--out", &out, "--sampling", "written"]);
            let shots = place.json(&format!("{out}/results.json"))["config"]["shots"].as_u64().unwrap();
            assert_eq!(shots, if name == "qasc" { 5 } else { 4 });
        }
        if name == "winogrande" {
            // Scored from the first token on: what stands before a query predicts it.
            run(&["--out", "oneline", "-T", "prompt=oneline"]);
            let of = |out: &str| place.samples(out)[3]["tokens"][0].as_u64().unwrap();
            assert!(of("oneline") > of("winogrande"));
        }
    }
}
