//! Folders of results that others have had a hand in: links, pipes, files without end, other users' files, and journals
//! that no run has written.
#![cfg(unix)]

use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::report::{folder, lines, one_seed, seed};
use crate::support::*;

/// All files of a run.
const FILES: [&str; 7] = [
    "results.json",
    "samples.jsonl",
    "trace.jsonl",
    "held-out.jsonl",
    "baselines.jsonl",
    "content-free.jsonl",
    "unconditional.jsonl",
];

/// A run of moments.
const SHORT: [&str; 4] = ["--steps", "2", "--limit", "5"];

/// What came of a command that must not take long: one that waits for a pipe or reads without end would for ever.
fn promptly(mut command: Command) -> Done {
    let child = command.spawn().unwrap();
    let id = child.id().to_string();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(Duration::from_secs(60)) {
        Ok(output) => Done::of(output.unwrap()),
        Err(_) => {
            let killed = Command::new("kill").args(["-KILL", &id]).status();
            panic!("{command:?} has not ended within a minute; killed: {killed:?}");
        }
    }
}

fn host_promptly(place: &Place, arguments: &[&str]) -> Done {
    promptly(place.command(arguments))
}

/// A file of 8 GB that takes no space and has no line in it.
fn sparse(place: &Place, name: &str) {
    let path = place.write(name, "");
    std::fs::File::options().write(true).open(path).unwrap().set_len(8 << 30).unwrap();
}

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Leaves a complete run as a killed process would have.
fn unfinish(place: &Place, out: &str) {
    let mut results = place.json(&format!("{out}/results.json"));
    results["complete"] = false.into();
    results["selected"] = json!([]);
    place.write(&format!("{out}/results.json"), results.to_string());
}

/// Gives a file to another user, which only root can do. What follows from a file's owner is tested with `store::owner` for
/// everybody else.
fn give_away(path: &Path) -> bool {
    match chown(path, Some(12_345), None) {
        Ok(()) => true,
        Err(error) => {
            assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied);
            false
        }
    }
}

#[test]
fn a_link_in_a_runs_folder_is_refused_by_name_and_leads_nowhere() {
    let place = Place::with_model();
    std::fs::create_dir(place.path("out")).unwrap();
    for name in FILES {
        let link = place.path(&format!("out/{name}"));
        for content in [None, Some("precious\n")] {
            if let Some(content) = content {
                place.write("target", content);
            }
            symlink(place.path("target"), &link).unwrap();
            for more in [&[][..], &["--restart"], &["--dry-run"]] {
                let message = format!("`out/{name}`: expected a regular file, got a symbolic link");
                place
                    .sst2(&[&SHORT[..], more].concat())
                    .failed(2, &[&message, "hint: remove it, or name another folder"]);
            }
            assert_eq!(std::fs::read_to_string(place.path("target")).ok().as_deref(), content, "{name}");
            assert_eq!(place.names("out"), [name]);
            std::fs::remove_file(&link).unwrap();
        }
        std::fs::remove_file(place.path("target")).unwrap();
    }
    fifo(&place.path("out/samples.jsonl"));
    let refused = promptly(place.sst2_command(&SHORT));
    refused.failed(2, &["`out/samples.jsonl`: expected a regular file, got a pipe or a device"]);
    std::fs::remove_file(place.path("out/samples.jsonl")).unwrap();
    // Names that earlier runs were set aside under are taken, whatever has them.
    symlink(place.path("target"), place.path("out/samples.1.jsonl")).unwrap();
    place.sst2(&SHORT).good();
    place.sst2(&[&SHORT[..], &["--restart"]].concat()).good();
    assert!(place.path("out/samples.2.jsonl").is_file() && !place.path("target").exists());
}

#[test]
fn the_folder_itself_may_be_a_link_and_a_report_may_read_through_links() {
    let place = Place::with_model();
    std::fs::create_dir(place.path("disk")).unwrap();
    symlink(place.path("disk"), place.path("out")).unwrap();
    let printed = place.sst2(&SHORT).good().stdout;
    assert_eq!(place.names("disk"), ["content-free.jsonl", "results.json", "samples.jsonl", "trace.jsonl"]);
    std::fs::create_dir(place.path("view")).unwrap();
    for name in place.names("disk") {
        symlink(place.path(&format!("disk/{name}")), place.path(&format!("view/{name}"))).unwrap();
    }
    let reported = place.host(&["report", "view"]).good().stdout;
    let table = printed.split("note: ").next().unwrap().trim_end();
    assert!(reported.contains(table), "{printed}\n\n{reported}");
}

#[test]
fn unfinished_files_of_others_stay() {
    let place = Place::with_model();
    place.write("target", "precious");
    let user = std::fs::metadata(place.path("target")).unwrap().uid();
    let own = [".ft-host-partial-Ab3dEf".to_owned(), format!(".ft-host-partial-{user}-Ab3dEf")];
    for name in &own {
        place.write(&format!("out/{name}"), "half");
    }
    let mut stays = vec![format!(".ft-host-partial-{user}1-Ab3dEf"), ".ft-host-partial-link".to_owned()];
    place.write(&format!("out/{}", stays[0]), "half");
    symlink(place.path("target"), place.path("out/.ft-host-partial-link")).unwrap();
    if give_away(&place.write("out/.ft-host-partial-x", "half")) {
        stays.push(".ft-host-partial-x".to_owned());
    }
    place.sst2(&SHORT).good();
    stays.extend(["content-free.jsonl", "results.json", "samples.jsonl", "trace.jsonl"].map(str::to_owned));
    stays.sort();
    assert_eq!(place.names("out"), stays);
    assert_eq!(place.read("target"), "precious");
}

#[test]
fn a_file_without_lines_is_refused_before_it_fills_the_memory() {
    let place = Place::with_model();
    place.sst2(&SHORT).good();
    for (file, kept) in ["samples.jsonl", "trace.jsonl"].map(|file| (file, place.read(&format!("out/{file}")))) {
        let name = format!("out/{file}");
        sparse(&place, &name);
        let quoted = format!("`{name}`");
        let parts = [quoted.as_str(), "line 1", "longer than 16 MiB"];
        for command in [&["report", "out"][..], &["compare", "out", "out"]] {
            host_promptly(&place, command).failed(2, &parts);
            // In half a gigabyte of address space.
            if cfg!(target_os = "linux") {
                let host = place.command(command);
                let mut bounded = Command::new("sh");
                bounded.args(["-c", "ulimit -v 524288 && exec \"$@\"", "sh"]);
                bounded.arg(host.get_program()).args(host.get_args()).current_dir(place.path(""));
                bounded.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
                promptly(bounded).failed(2, &parts);
            }
        }
        unfinish(&place, "out");
        promptly(place.sst2_command(&SHORT)).failed(2, &[&parts[..], &["hint: ", "--restart"]].concat());
        assert_eq!(std::fs::metadata(place.path(&name)).unwrap().len(), 8 << 30, "nothing is lost");
        place.write(&name, kept);
        place.sst2(&SHORT).good();
    }
    // What is set aside is not read.
    sparse(&place, "out/samples.jsonl");
    promptly(place.sst2_command(&[&SHORT[..], &["--restart"]].concat())).good();
    assert_eq!(std::fs::metadata(place.path("out/samples.1.jsonl")).unwrap().len(), 8 << 30);
    sparse(&place, "out/results.json");
    host_promptly(&place, &["report", "out"])
        .failed(2, &["`out/results.json`: expected at most 335544320 bytes, got 8589934592"]);
    promptly(place.sst2_command(&SHORT))
        .failed(2, &["`out/results.json`: expected at most 335544320 bytes, got 8589934592"]);
}

#[test]
fn a_report_reads_no_pipe_and_no_device() {
    let place = Place::empty();
    for name in &FILES[..3] {
        for pipe in [true, false] {
            one_seed(&place, "run");
            let path = place.path(&format!("run/{name}"));
            std::fs::remove_file(&path).unwrap();
            if pipe {
                fifo(&path);
            } else {
                symlink("/dev/zero", &path).unwrap();
            }
            let message = format!("`run/{name}`: expected a regular file, got a pipe or a device");
            host_promptly(&place, &["report", "run"]).failed(2, &[&message]);
            std::fs::remove_file(&path).unwrap();
        }
    }
}

/// A run that is complete by its results takes over what its journal has, and no step costs a look at all others.
#[test]
fn a_run_goes_on_over_thousands_of_surplus_steps() {
    let place = Place::with_model();
    place.sst2(&SHORT).good();
    let all = place.samples("out");
    let at = |record: &Value, step: usize| {
        let mut record = record.clone();
        record["step"] = step.into();
        record
    };
    let whole = |step: usize| all[all.len() - 5..].iter().map(move |record| at(record, step));
    let samples = place.read("out/samples.jsonl") + &lines(&(3..4_003).flat_map(whole).collect::<Vec<Value>>());
    place.write("out/samples.jsonl", &samples);
    promptly(place.sst2_command(&SHORT)).good();
    assert_eq!(place.read("out/samples.jsonl"), samples);
    assert_eq!(place.json("out/results.json")["steps"].as_array().unwrap().len(), 4_003);

    // Steps of one seed go up, and have all of its rows.
    let line = samples.lines().count() + 1;
    for (step, expected) in [(4_001, "a step behind 4002"), (4_003, "step 4003, with the rows of seed 0")] {
        place.write("out/samples.jsonl", samples.clone() + &lines(&[at(&all[0], step)]));
        let message = format!("`out/samples.jsonl`, line {line}: expected the record of {expected}");
        promptly(place.sst2_command(&SHORT)).failed(2, &[&message, "--restart"]);
    }

    // A report says what it leaves out.
    let begun: Vec<Value> = (4_003..24_003).map(|step| at(&all[0], step)).collect();
    place.write("out/samples.jsonl", samples + &lines(&begun));
    let report = host_promptly(&place, &["report", "out"]).good().stdout;
    assert!(report.contains("note: seed 0, step 4022: 1 of 5 examples are scored; left out"), "{report}");
    assert!(report.contains("note: further steps that are not scored whole, and are left out: 19980"), "{report}");
}

#[test]
fn thousands_of_steps_are_reported_in_every_form() {
    let place = Place::empty();
    let steps = 20_000;
    let first = seed(7, [5; 4]).swap_remove(0);
    let at = |step: i32| {
        let mut record = first.clone();
        record["step"] = step.into();
        record
    };
    let samples: Vec<Value> = (0..steps).map(at).collect();
    folder(&place, "long", &[7], &samples, |results| {
        results["evaluation_rows"] = 1.into();
        results["selected"] = json!([{"seed": 7, "step": steps - 1}]);
    });
    let trace: Vec<Value> =
        (2..steps).map(|step| json!({"seed": 7, "step": step, "tokens": 2, "seconds": 0.25, "layers": []})).collect();
    place.write("long/trace.jsonl", lines(&trace));
    for format in REPORT_FORMATS {
        let printed = host_promptly(&place, &[&["report", "long"], format].concat()).good().stdout;
        assert!(printed.lines().count() > 19_999 && printed.contains("19999"), "{format:?}");
    }
    let comparison = host_promptly(&place, &["compare", "long", "long", "--json"]).good().json();
    assert_eq!((&comparison["n"], &comparison["a"]["steps"]), (&1.into(), &json!([steps - 1])));
}

#[test]
fn a_model_is_hashed_anew_where_a_run_is_gone_on_with() {
    let place = Place::with_model();
    let run = |out: &str| {
        let mut command = place.sst2_command(&[&SHORT[..], &["--out", out]].concat());
        Done::of(command.env("FT_HOST_CACHE", place.path("cache")).output().unwrap())
    };
    let wrong = "0".repeat(64);
    let forge = || {
        let names = place.names("cache/digests-v2");
        assert_eq!(names.len(), 3, "weights, configuration and tokenizer: {names:?}");
        for name in names.iter().map(|name| format!("cache/digests-v2/{name}")) {
            let mut record = place.json(&name);
            record["sha256"] = wrong.as_str().into();
            place.write(&name, record.to_string());
        }
    };
    let digests = |out: &str| -> Vec<Value> {
        let files = place.json(&format!("{out}/results.json"))["model"]["files"].as_array().unwrap().clone();
        files.into_iter().map(|file| file["sha256"].clone()).collect()
    };
    run("out").good();
    let right = digests("out");
    let samples = place.read("out/samples.jsonl");
    // A run with nothing before it goes by what is remembered.
    forge();
    run("fresh").good();
    assert_eq!(digests("fresh"), [wrong.as_str(); 3]);
    let again = run("out").good();
    assert!(again.stderr.contains("nothing was computed"), "{}", again.stderr);
    forge();
    unfinish(&place, "out");
    place.write("out/samples.jsonl", samples.split_inclusive('\n').next().unwrap());
    run("out").good();
    assert_eq!((digests("out"), place.read("out/samples.jsonl")), (right, samples));
}

#[test]
fn a_cache_of_another_users_is_not_roots() {
    let place = Place::with_model();
    let run = |out: &str| {
        let mut command = place.sst2_command(&[&SHORT[..], &["--out", out]].concat());
        Done::of(command.env("FT_HOST_CACHE", place.path("cache")).output().unwrap()).good()
    };
    assert!(!run("first").stderr.contains("belongs to another user"));
    let components = place.names("cache/components-v2");
    assert_eq!(components.len(), 2, "{components:?}");
    for (folder, out) in [("cache/components-v2", "second"), ("cache", "third")] {
        if give_away(&place.path(folder)) {
            let done = run(out);
            let note = format!("note: `{}` belongs to another user: ", place.path(folder).display());
            assert!(done.stderr.contains(&note) && done.stderr.contains("`FT_HOST_CACHE`"), "{}", done.stderr);
            assert_eq!(place.read(&format!("{out}/samples.jsonl")), place.read("first/samples.jsonl"));
            assert_eq!(place.names("cache/components-v2"), components);
        }
    }
}
