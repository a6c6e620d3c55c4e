//! Systems on which nothing can be kept: no home folder, a cache that cannot be made or written to.

use crate::support::*;
use crate::support_hub::{MAIN_COMMIT, TestHub};

/// The executable's command for a user whose home is below a file, where nobody can make a folder, not even root.
fn homeless(place: &Place, arguments: &[&str]) -> std::process::Command {
    place.write("file", "");
    let mut command = place.command(arguments);
    for name in ["XDG_CACHE_HOME", "XDG_DATA_HOME", "HF_HOME", "FT_HOST_CACHE"] {
        command.env_remove(name);
    }
    command.env("HOME", place.path("file/home"));
    command
}

const NOTE: &str = "`FT_HOST_CACHE` names another folder for the cache";

#[test]
fn every_command_does_without_a_home() {
    let place = Place::with_model();
    place.sst2(&["--steps", "1", "--limit", "2", "--out", "known"]).good();
    let task = guest("sst2");
    let rows = format!("{}/../tasks/sst2/sample/train.jsonl", env!("CARGO_MANIFEST_DIR"));
    let run = [
        "run", "--task", &task, "--model", "model", "--data", "sample", "--device", "cpu", "--steps", "1", "--limit",
        "2", "--out", "out",
    ];
    let prompt = ["prompt", "--task", &task, "--model", "model", "--data", "sample"];
    let head = ["data", "head", "--task", &task, "--data", "sample"];
    // Whether a plugin is compiled, which is what takes time without a cache.
    let commands: [(&[&str], bool); 14] = [
        (&[&run[..], &["--dry-run"]].concat(), true),
        (&run, true),
        (&prompt, true),
        (&head, true),
        (&["data", "head", &rows], false),
        (&["report", "out"], false),
        (&["compare", "out", "known"], false),
        (&["model", "list"], false),
        (&["model", "pull", "model"], false),
        (&["model", "inspect", "model"], false),
        (&["plugin", "inspect", &task], true),
        (&["plugin", "validate", &task], true),
        (&["plugin", "list"], true),
        (&["plugin", "new", "task", "weather"], false),
    ];
    for (command, compiles) in commands {
        let done = Done::of(homeless(&place, command).output().unwrap());
        assert_eq!(done.status, Some(0), "{command:?}: {}", done.stderr);
        assert_eq!(done.stderr.matches(NOTE).count(), usize::from(compiles), "{command:?}: {}", done.stderr);
        assert!(!compiles || done.stderr.contains("note: cannot create the folder `"), "{}", done.stderr);
    }
    assert_eq!(place.read("out/samples.jsonl"), place.read("known/samples.jsonl"));
    let quiet = Done::of(homeless(&place, &[&run[..], &["--json", "--restart"]].concat()).output().unwrap()).good();
    assert_eq!(quiet.stderr, "");
}

#[test]
fn a_folder_that_is_needed_is_asked_for_by_the_name_of_its_variable() {
    let place = Place::empty();
    let hub = TestHub::start();
    let online = |arguments: &[&str]| {
        let mut command = homeless(&place, arguments);
        command.env_remove("HF_HUB_OFFLINE").env("HF_ENDPOINT", hub.endpoint());
        Done::of(command.output().unwrap())
    };
    // A model of the catalogue is kept in this host's own cache, one of the hub in the hub's.
    online(&["model", "pull"]).failed(2, &["cannot create the folder `", "hint: set `FT_HOST_CACHE` to a folder"]);
    for name in ["config.json", "tokenizer.json", "model.safetensors"] {
        hub.add("owner/tiny", MAIN_COMMIT, name, b"{}");
    }
    online(&["model", "pull", "owner/tiny"]).failed(4, &["cannot write `", "hint: set `HF_HUB_CACHE`"]);
    let pulled = online(&["model", "pull", "owner/tiny", "--cache-dir", "hub"]).good();
    assert!(pulled.stderr.contains("are not waited for"), "{}", pulled.stderr);
    assert!(pulled.stdout.contains(&format!("hub/models--owner--tiny/snapshots/{MAIN_COMMIT}")), "{}", pulled.stdout);
}

#[test]
fn a_data_set_is_fetched_without_a_cache_of_this_hosts_own() {
    let place = Place::empty();
    let hub = TestHub::start();
    hub.add("datasets/owner/rows", MAIN_COMMIT, "train.jsonl", b"{\"a\": 1}\n");
    let head = |offline: bool| {
        let mut command = homeless(&place, &["data", "head", "owner/rows", "--cache-dir", "hub"]);
        command.env("HF_ENDPOINT", hub.endpoint()).env("HF_HUB_OFFLINE", if offline { "1" } else { "0" });
        Done::of(command.output().unwrap())
    };
    let fetched = head(false).good();
    assert_eq!(fetched.stdout, "{\"a\": 1}\n");
    assert!(fetched.stderr.contains("without a network"), "{}", fetched.stderr);
    head(true).failed(2, &["is not in the cache"]);
}

/// What is in a cache is used where it can only be read. Root may write anywhere, and gets no note.
#[test]
#[cfg(unix)]
fn a_cache_that_can_only_be_read_is_read() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with_model();
    let run = |out: &str| {
        let task = guest("sst2");
        let arguments = ["run", "--task", &task, "--model", "model", "--data", "sample", "--device", "cpu"];
        let mut command = place.command(&[&arguments[..], &["--steps", "1", "--limit", "2", "--out", out]].concat());
        Done::of(command.env("FT_HOST_CACHE", place.path("cache")).output().unwrap()).good()
    };
    assert!(!run("first").stderr.contains(NOTE));
    fn protect(folder: &std::path::Path, mode: u32) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                protect(&path, mode);
            }
        }
        // The folder of compiled plugins has to stay its owner's alone.
        let private = if folder.ends_with("components-v2") { 0o700 } else { mode };
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(private)).unwrap();
    }
    protect(&place.path("cache"), 0o555);
    let is_root = std::fs::write(place.path("cache/probe"), "").is_ok();
    let second = run("second");
    protect(&place.path("cache"), 0o755);
    assert_eq!(second.stderr.contains(NOTE), !is_root, "{}", second.stderr);
    assert_eq!(place.read("second/samples.jsonl"), place.read("first/samples.jsonl"));
}
