//! From nothing to a plugin that passes its test, with the program alone.
//!
//! Folders are at fixed places below the target folder and what is built stays there: what is built for the guests once
//! (the standard library, on machines whose toolchain has none for them) is not built again by the next run.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::*;

const PYTHON_EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/python");

const GUIDE: &str = include_str!("../../../docs/plugin-guide.md");

/// The blocks of the guide in this language, in their order.
fn shown(language: &str) -> Vec<&'static str> {
    let start = format!("```{language}\n");
    GUIDE.split(&start).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// The commands below a heading of the guide, each as its words behind the program's name.
fn commands(heading: &str) -> Vec<Vec<&'static str>> {
    let (_, section) = GUIDE.split_once(&format!("\n### {heading}\n\n```sh\n")).unwrap();
    let lines = section.split("```").next().unwrap().lines();
    lines.map(|line| line.strip_prefix("ft-host ").unwrap().split(' ').collect()).collect()
}

/// Runs them, and gives what the last of them, a test, printed.
fn follow_the_guide(place: &Place, folder: &Path, heading: &str) {
    let commands = commands(heading);
    assert!((1..5).contains(&commands.len()), "{commands:?}");
    let done: Vec<Done> = commands.iter().map(|command| host(place, folder, command).good()).collect();
    let report = &done.last().unwrap().stdout;
    assert!(report.ends_with("weather 0.1.0: 13 passed, 0 failed, 0 skipped\n"), "{report}");
    // The guide shows this very report, but for how much of the limits was used.
    for line in report.lines().filter(|line| !line.starts_with("ok      limits ")) {
        assert!(GUIDE.contains(line), "docs/plugin-guide.md has no line `{line}`");
    }
}

/// A part of the SDK's documentation, whose examples are tests: from one text to the end of another.
fn example_of_the_sdk(from: &str, to: &str) -> String {
    let documentation = include_str!("../../../plugins/sdk/src/lib.rs").lines().map_while(|line| {
        let text = line.strip_prefix("//!")?;
        Some(format!("{}\n", text.strip_prefix(' ').unwrap_or(text)))
    });
    let text = documentation.collect::<String>();
    let start = text.find(from).unwrap();
    let end = start + text[start..].find(to).unwrap() + to.len();
    text[start..end].to_owned()
}

/// The public functions of the Rust SDK's types that the guide shows at a glance.
fn functions_of_the_sdk() -> Vec<(String, String)> {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/sdk/src");
    let files = [
        "description.rs",
        "options.rs",
        "row.rs",
        "row/choices.rs",
        "task.rs",
        "error.rs",
        "tensor.rs",
        "step.rs",
        "optimizer.rs",
        "log.rs",
    ];
    let mut functions = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(sources.join(file)).unwrap();
        let mut of = "log".to_owned();
        for line in text.lines() {
            let words: Vec<&str> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            if line.starts_with("impl") {
                // `impl Row<'_> {`, not `impl Display for Row`.
                of = if words.contains(&"for") { String::new() } else { words[1].to_owned() };
            }
            if let Some(name) = line.trim_start().strip_prefix("pub fn ").filter(|_| !of.is_empty()) {
                let end = name.find(['(', '<']).unwrap();
                functions.push((of.clone(), name[..end].to_owned()));
            }
        }
    }
    functions
}

#[test]
fn the_guide_names_every_function_of_the_sdk() {
    let functions = functions_of_the_sdk();
    assert!(functions.len() > 50, "{functions:?}");
    for (of, name) in functions {
        let of = if of == "RowError" { "Error".into() } else { of };
        let row = GUIDE.lines().find(|line| line.starts_with(&format!("| `{of}` |")));
        let row = row.unwrap_or_else(|| panic!("docs/plugin-guide.md has no row for `{of}`"));
        // What a type is made with is shown in the examples.
        let is_there = row.contains(&format!("`{name}`")) || name == "new" && GUIDE.contains(&format!("{of}::new("));
        assert!(is_there, "docs/plugin-guide.md does not name `{name}` of `{of}`");
    }
}

/// A folder below the target folder, empty.
fn empty(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("author").join(name);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).unwrap();
    }
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The program in a folder, with this machine's own toolchains and registries.
fn host(place: &Place, folder: &Path, arguments: &[&str]) -> Done {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cli-cache");
    share_toolchains(&cache.join("tools-v1"));
    let mut command: Command = place.command(arguments);
    command.current_dir(folder).env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("author-target"));
    match std::env::var_os("HOME") {
        Some(home) => command.env("HOME", home),
        None => command.env_remove("HOME"),
    };
    Done::of(command.output().unwrap())
}

/// What `cargo xtask plugins` has got already is not got again: its folders take the places of this program's.
fn share_toolchains(tools: &Path) {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    std::fs::create_dir_all(tools).unwrap();
    let python = "componentize-py-0.25.1";
    for (theirs, ours) in [("wasm-toolchain", "wasm"), (python, python)] {
        let (theirs, ours) = (target.join(theirs), tools.join(ours));
        if theirs.exists() && ours.symlink_metadata().is_err() {
            #[cfg(unix)]
            // Another test may have been faster.
            let _ = std::os::unix::fs::symlink(theirs, ours);
        }
    }
}

/// The report of `plugin test`, all of whose checks hold.
fn tested(place: &Place, folder: &Path, plugin: &str) -> Vec<(String, String)> {
    let report = host(place, folder, &["plugin", "test", plugin, "--json"]).good().json();
    let told = |check: &Value| {
        let passed = check["verdict"]["passed"].as_str();
        let passed = passed.unwrap_or_else(|| panic!("{plugin}: not passed: {check}"));
        (check["name"].as_str().unwrap().to_owned(), passed.to_owned())
    };
    report["checks"].as_array().unwrap().iter().map(told).collect()
}

#[test]
fn a_new_plugin_in_rust_builds_and_passes_its_test() {
    let (place, folder) = (Place::with_model(), empty("rust"));
    follow_the_guide(&place, &folder, "In Rust");
    // Names that are those of the SDK's own types, or keywords.
    for (kind, name) in [("task", "example"), ("optimizer", "update")] {
        assert_eq!(host(&place, &folder, &["plugin", "new", kind, name]).good().stdout, format!("{name}\n"));
        let built = host(&place, &folder, &["plugin", "build", name]).good();
        assert_eq!(built.stdout, format!("{name}/{name}.wasm\n"));
        let checks = tested(&place, &folder, &format!("{name}/{name}.wasm"));
        assert!(checks.iter().any(|(name, _)| name == "fixture 2"), "{checks:?}");
    }
    host(&place, &folder, &["plugin", "new", "task", "example"])
        .failed(2, &["`example`: expected the name of a new folder, got one", "hint: "]);
    // Both in a run, from their own folders.
    let model = place.path("model");
    let run = ["run", "--task", "example/example.wasm", "--optimizer", "update/update.wasm", "--data", "example/data"];
    let more = [
        "--model",
        model.to_str().unwrap(),
        "--steps",
        "3",
        "--select",
        "last",
        "-O",
        "rate=0.5",
        "--out",
        "out",
        "--json",
    ];
    let results = host(&place, &folder, &[&run[..], &more].concat()).good().json();
    assert_eq!((results["complete"].as_bool(), results["steps"].as_array().unwrap().len()), (Some(true), 4));
    // What does not compile is the author's to mend, and loses no component.
    let source = folder.join("update/src/lib.rs");
    let text = std::fs::read_to_string(&source).unwrap();
    std::fs::write(&source, text.replace("self.rate)", "self.rat)")).unwrap();
    host(&place, &folder, &["plugin", "build", "update"]).failed(2, &["no field `rat`", "`cargo build` ended with"]);
    assert!(folder.join("update/update.wasm").is_file());
}

/// The task that the guide shows: no line of the host is changed for it.
#[test]
fn commonsense_qa_takes_less_than_sixty_lines_of_rust() {
    let (place, folder) = (Place::empty(), empty("csqa-rust"));
    host(&place, &folder, &["plugin", "new", "task", "csqa"]).good();
    let source = include_str!("../data/author/csqa.rs");
    assert!(source.lines().count() <= 60);
    std::fs::write(folder.join("csqa/src/lib.rs"), source).unwrap();
    std::fs::remove_file(folder.join("csqa/fixtures.toml")).unwrap();
    for split in ["train", "validation"] {
        let rows = Path::new(PYTHON_EXAMPLES).join("csqa/data/csqa").join(format!("{split}.jsonl"));
        std::fs::copy(rows, folder.join("csqa/data/csqa").join(format!("{split}.jsonl"))).unwrap();
    }
    host(&place, &folder, &["plugin", "build", "csqa"]).good();
    let report = host(&place, &folder, &["plugin", "test", "csqa/csqa.wasm"]).good().stdout;
    assert!(report.contains("csqa 0.1.0: 11 passed, 0 failed, 1 skipped"), "{report}");
    assert!(report.contains("1 options, 2 of their values tried"), "{report}");
    assert!(report.contains("4 prompts as with answers; can do without `answerKey`"), "{report}");
    std::fs::write(folder.join("csqa/fixtures.toml"), shown("toml")[0]).unwrap();
    let report = host(&place, &folder, &["plugin", "test", "csqa/csqa.wasm"]).good().stdout;
    assert!(report.contains("csqa 0.1.0: 13 passed, 0 failed, 0 skipped"), "{report}");
}

#[test]
fn the_guide_shows_plugins_as_they_are_tested() {
    let momentum = include_str!("../../../plugins/momentum/src/lib.rs").split_once("\n#[cfg(test)]").unwrap().0;
    let descent = example_of_the_sdk("use ft_plugin::{Description, Dropout", "export_optimizer!(Selected<Descent>);\n");
    assert_eq!(shown("rust"), [include_str!("../data/author/csqa.rs"), momentum, descent.as_str()]);
    let python = |name: &str| std::fs::read_to_string(Path::new(PYTHON_EXAMPLES).join(name)).unwrap();
    assert_eq!(shown("python"), [python("csqa/app.py"), python("gate/app.py"), python("tests/descent.py")]);
    assert!(shown("rust")[2].lines().count() < 40 && shown("python")[2].lines().count() < 40);
    let rows = python("csqa/data/csqa/train.jsonl");
    assert_eq!(shown("json"), [rows.split_inclusive('\n').next().unwrap()]);
    let place = Place::empty();
    let fixtures = place.write("steps.toml", shown("toml")[1]);
    let report = place.host(&["plugin", "test", &guest("momentum"), "--fixtures", fixtures.to_str().unwrap()]).good();
    assert!(report.stdout.contains("momentum 0.1.0: 10 passed, 0 failed, 0 skipped"), "{}", report.stdout);
}

#[test]
fn commonsense_qa_takes_less_than_forty_lines_of_python() {
    let app = std::fs::read_to_string(Path::new(PYTHON_EXAMPLES).join("csqa/app.py")).unwrap();
    assert!(app.lines().count() <= 40, "{}", app.lines().count());
    let component = Path::new(PYTHON_EXAMPLES).join("csqa.wasm");
    if !python_guests(&component) {
        return;
    }
    let place = Place::empty();
    let data = Path::new(PYTHON_EXAMPLES).join("csqa/data");
    let arguments = ["plugin", "test", component.to_str().unwrap(), "--data", data.to_str().unwrap()];
    let report = place.host(&arguments).good().stdout;
    assert!(report.contains("csqa 0.1.0: 11 passed, 0 failed, 1 skipped"), "{report}");
}

#[test]
fn a_new_plugin_in_python_builds_and_passes_its_test() {
    if !python_guests(&Path::new(PYTHON_EXAMPLES).join("csqa.wasm")) {
        return;
    }
    let (place, folder) = (Place::empty(), empty("python"));
    follow_the_guide(&place, &folder, "In Python");
    // The compiled form is not kept from run to run, since no two builds of a component are the same bytes.
    for (kind, name) in [("task", "info"), ("optimizer", "meta-optimizer")] {
        host(&place, &folder, &["plugin", "new", kind, name, "--lang", "python"]).good();
        let unit_tests = Command::new("python3").args(["-m", "unittest", "-q"]).current_dir(folder.join(name)).output();
        let unit_tests = unit_tests.unwrap();
        assert!(unit_tests.status.success(), "{}", String::from_utf8_lossy(&unit_tests.stderr));
    }
    let built = host(&place, &folder, &["plugin", "build", "info"]).good();
    assert_eq!(built.stdout, "info/info.wasm\n");
    let checks = tested(&place, &folder, "info/info.wasm");
    assert!(checks.iter().any(|(name, _)| name == "fixture 2"), "{checks:?}");
    std::fs::write(folder.join("meta-optimizer/app.py"), "print('nothing')\n").unwrap();
    host(&place, &folder, &["plugin", "build", "meta-optimizer"]).failed(
        2,
        &["`meta-optimizer/app.py`: expected a task or an optimizer, got neither", "hint: end it with the line"],
    );
}

/// Whether the guests in Python could be built here; loud where they could not, and a failure where checks are made.
fn python_guests(component: &Path) -> bool {
    let there = component.is_file();
    if !there {
        let reason = "SKIPPED: the guests in Python are not built; `cargo xtask plugins` says why";
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{reason}");
        // Past the harness, which keeps what a test that passes prints.
        #[expect(clippy::disallowed_methods, reason = "the test harness keeps what passing tests print by macros")]
        let _ = std::io::Write::write_all(&mut std::io::stderr(), format!("{reason}\n").as_bytes());
    }
    there
}

#[test]
fn folders_and_names_that_are_none_are_refused() {
    let (place, folder) = (Place::empty(), empty("none"));
    for name in ["Task", "9x", "a_b", "../x", "a-", "ft-plugin"] {
        host(&place, &folder, &["plugin", "new", "task", name])
            .failed(2, &["expected a plugin's name of 1 to 40", &format!("got `{name}`")]);
    }
    host(&place, &folder, &["plugin", "build", "nowhere"])
        .failed(2, &["`nowhere`: expected a folder with a plugin's sources", "hint: "]);
    host(&place, &folder, &["plugin", "build"])
        .failed(2, &["`.`: expected a Cargo.toml or an app.py, got neither", "hint: "]);
    std::fs::create_dir_all(folder.join("lib/src")).unwrap();
    std::fs::write(folder.join("lib/src/lib.rs"), "").unwrap();
    let manifest = "[package]\nname = \"lib\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n";
    std::fs::write(folder.join("lib/Cargo.toml"), manifest).unwrap();
    host(&place, &folder, &["plugin", "build", "lib"]).failed(2, &["`lib`: expected a crate that becomes", "hint: "]);
    std::fs::create_dir_all(folder.join("py")).unwrap();
    std::fs::write(folder.join("py/app.py"), "").unwrap();
    host(&place, &folder, &["plugin", "build", "py"])
        .failed(2, &["`py/vendor/plugins/python`: expected the folder of the SDK"]);
}
