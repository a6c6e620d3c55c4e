//! What a maintainer holds plugins to: digests, limits of one plugin, what was used, and numbers that are not finite.

use crate::support::*;

fn digest(place: &Place, plugin: &str) -> String {
    let card = place.host(&["plugin", "inspect", &guest(plugin), "--json"]).good().json();
    card["sha256"].as_str().unwrap().to_owned()
}

#[test]
fn only_plugins_with_a_required_digest_run() {
    let place = Place::with_model();
    let (task, optimizer) = (digest(&place, "sst2"), digest(&place, "momentum"));
    let short = ["--limit", "2", "--steps", "2"];
    let both = ["--require-digest", &task, "--require-digest", &optimizer.to_uppercase()];
    place.sst2(&[&short[..], &both].concat()).good();
    let named = format!("sst2.wasm`: expected SHA-256 {optimizer}, got {task}");
    place.sst2(&[&short[..], &both[2..3], &[&optimizer]].concat()).failed(2, &[&named, "hint: look at it with"]);
    place.sst2(&["--require-digest", "abc"]).failed(2, &["expected a SHA-256 of 64 hexadecimal digits, got `abc`"]);
    // In a run file as a list.
    let text = format!("require-digest = [\"{task}\", \"{}\"]\n", "0".repeat(64));
    let file = place.write("run.toml", text);
    let more = ["--config", file.to_str().unwrap(), "--out", "filed"];
    place
        .sst2(&[&short[..], &more].concat())
        .failed(2, &["momentum.wasm`: expected SHA-256 ", &format!(", got {optimizer}")]);
}

#[test]
fn a_run_file_has_limits_for_one_plugin_within_the_flags() {
    let place = Place::with_model();
    let short = ["--limit", "2", "--steps", "2", "--config", "run.toml"];
    place.write("run.toml", "[optimizer-limits]\ntensor-bytes = \"1k\"\n");
    let spent = ["plugin momentum", "exceeded the tensor memory limit (1 KiB)"];
    place.sst2(&short).failed(3, &spent);
    // The task's own limit does not touch the optimizer, nor the other way round.
    place
        .write("run.toml", "[task-limits]\ntensor-bytes = 1\nfuel = 5000000000\n[optimizer-limits]\nmemory = \"4M\"\n");
    place.sst2(&[&short[..], &["--out", "apart"]].concat()).good();
    let config = &place.json("apart/results.json")["config"];
    assert_eq!((&config["limits"]["fuel"], &config["limits"]["tensor_bytes"]), (&5_000_000_000_u64.into(), &1.into()));
    assert_eq!(config["optimizer_limits"]["memory"], 4 << 20);
    // A flag is above the file.
    place.write("run.toml", "[optimizer-limits]\ntensor-bytes = \"8G\"\n");
    let capped = [&short[..], &["--plugin-tensor-bytes", "1k", "--out", "capped"]].concat();
    place.sst2(&capped).failed(3, &spent);
    let printed = place.sst2(&[&capped[..], &["--print-config"]].concat()).good().stdout;
    assert!(printed.contains("[optimizer-limits]\ntensor-bytes = \"1k\"\n"), "{printed}");
    place.write("run.toml", "[optimizer-limits]\ntime = -1.0\n");
    place
        .sst2(&short)
        .failed(2, &["`run.toml`", "line 2", "[optimizer-limits] `time = -1`: expected a positive number of seconds"]);
    place.write("run.toml", "[task-limits]\ntensors = 1\n");
    place.sst2(&short).failed(2, &["`run.toml`", "unknown field `tensors`"]);
}

#[test]
fn usage_is_shown_for_each_limit_of_each_plugin() {
    let place = Place::with_model();
    let done = place.sst2(&["--limit", "2", "--steps", "3", "--show-usage", "--plugin-fuel", "1000000000"]).good();
    let row = |plugin: &str, limit: &str| -> Vec<String> {
        let line = done.stderr.lines().find(|line| line.starts_with(plugin) && line.contains(&format!(" {limit} ")));
        let line = line.unwrap_or_else(|| panic!("no {limit} of {plugin} in:\n{}", done.stderr));
        line.split_whitespace().map(str::to_owned).collect()
    };
    for plugin in ["sst2 0.1.0", "momentum 0.1.0"] {
        for limit in ["fuel", "time", "memory", "tables", "call bytes", "tensors", "passes"] {
            assert!(row(plugin, limit).last().is_some(), "{plugin} {limit}");
        }
        let fuel = row(plugin, "fuel");
        let (most, all): (u64, u64) = (fuel[3].parse().unwrap(), fuel.last().unwrap().parse().unwrap());
        assert!(most > 1000 && all > most && fuel[4] == "1000000000", "{fuel:?}");
    }
    // Two steps keep a moment for each slot, and the cache on its way back.
    assert_ne!(row("momentum 0.1.0", "tensors")[3], "0");
    assert_eq!(row("sst2 0.1.0", "tensors")[2..4], ["tensors", "0"]);
    let quiet = place.sst2(&["--limit", "2", "--steps", "3", "--out", "quiet"]).good();
    assert!(!quiet.stderr.contains("tensors"), "{}", quiet.stderr);
}

#[test]
fn numbers_that_are_not_finite_are_for_those_who_ask() {
    let place = Place::with_model();
    let optimizer = guest("hostile/optimizer");
    let attack = ["--optimizer", &optimizer, "-O", "attack=not-a-number", "--limit", "2", "--steps", "3"];
    place
        .sst2(&[&attack[..], &["--out", "refused"]].concat())
        .failed(3, &["expected finite numbers in the key matrix of layer 0"]);
    let done = place.sst2(&[&attack[..], &["--allow-nonfinite"]].concat()).good();
    let note = "step 2 is left out: the scores of example `0` are not finite";
    assert!(done.stderr.contains(note), "{}", done.stderr);
    let results = place.json("out/results.json");
    assert_eq!(results["complete"], true);
    assert_eq!(results["config"]["allow_nonfinite"], true);
    let steps: Vec<u64> =
        results["steps"].as_array().unwrap().iter().map(|step| step["step"].as_u64().unwrap()).collect();
    assert_eq!(steps, [0, 1]);
    assert_eq!(results["selected"][0]["step"], 1, "what was not scored is no result");
    assert!(results["notes"].as_array().unwrap().iter().any(|told| told == note), "{}", results["notes"]);
    // The same again finds a complete run.
    let again = place.sst2(&[&attack[..], &["--allow-nonfinite"]].concat()).good();
    assert!(again.stderr.contains("nothing was computed"), "{}", again.stderr);
    place.host(&["report", "out"]).good();
}

#[test]
fn components_of_version_0_1_run_as_they_are() {
    let place = Place::with_model();
    let kept = |name: &str| format!("{}/tests/data/since-0.1/{name}.wasm", env!("CARGO_MANIFEST_DIR"));
    let (task, optimizer) = (kept("task"), kept("optimizer"));
    let flags = ["--task", &task, "--optimizer", &optimizer, "--limit", "2", "--steps", "3"];
    place.sst2(&flags).good();
    let results = place.json("out/results.json");
    assert_eq!((&results["task"]["name"], &results["optimizer"]["name"]), (&"sst2".into(), &"sgd".into()));
    assert_eq!(results["config"]["limits"]["passes"], 100);
    // They are the plugins that are built of these sources, so that the numbers are the same too.
    place.sst2(&["--optimizer", &guest("sgd"), "--limit", "2", "--steps", "3", "--out", "built"]).good();
    assert_eq!(place.read("out/samples.jsonl"), place.read("built/samples.jsonl"));
}
