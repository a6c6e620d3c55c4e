//! Files of strangers, through the executable: models, run files, run folders and rows that ask for all memory or all time,
//! for code of theirs to be run, or for the terminal. Each ends soon, within bounds, as `docs/sandbox.md` lists it.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Write};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::hostile::table::{has_parts, parts_of};
use crate::hostile_contexts;
use crate::support::*;

const PAGE: &str = include_str!("../../../docs/sandbox.md");

/// Seconds that no attack takes.
const LONGEST: u32 = 60;

/// An attack by files: what is in them, and the command that reads them.
struct Attack {
    name: &'static str,
    command: &'static str,
    status: i32,
    /// Parts of what is printed, in their order.
    parts: Vec<&'static str>,
}

/// All rows of the page's table of attacks by files: `| name | command | status | message |`.
fn attacks() -> Vec<Attack> {
    let row = |line: &'static str| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.trim_end_matches('|').split(" | ").collect();
        let [name, command, status, message] = cells[..] else { return None };
        let command = command.trim().strip_prefix('`')?.strip_suffix('`')?;
        let status = status.trim().parse().unwrap_or_else(|_| panic!("no exit status in `{line}`"));
        Some(Attack { name: name.trim_end_matches('`'), command, status, parts: parts_of(message) })
    };
    PAGE.lines().filter_map(row).collect()
}

#[test]
fn every_attack_by_files_ends_as_listed() {
    let attacks = attacks();
    assert!(attacks.len() > 30, "docs/sandbox.md lists {} attacks by files", attacks.len());
    let wrong: Vec<String> = attacks.iter().filter_map(|attack| try_one(attack).err()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Tries an attack in a place of its own; an error if it does not end as it is to end.
fn try_one(attack: &Attack) -> Result<(), String> {
    let Attack { name, command, status, parts } = attack;
    let place = Place::with_model();
    make(&place, name);
    let started = Instant::now();
    let done = match *name {
        "model-changed-in-a-run" => changed_in_a_run(&place),
        _ => bounded(asked(&place, name, command), LONGEST),
    };
    let elapsed = started.elapsed();
    check_place(&place, name)?;
    let told = format!("{}\n{}", done.stdout, done.stderr);
    match done.status == Some(*status) && has_parts(&told, parts) {
        _ if elapsed > Duration::from_secs(30) => Err(format!("`{name}` took {elapsed:?}")),
        true => Ok(()),
        // A file's text may be all of a message.
        false => {
            let told: String = told.chars().take(2000).collect();
            Err(format!("`{name}`: {:?}, expected {status} {parts:?}:\n{told}", done.status))
        }
    }
}

/// What is asked of the program: the files have the names that each command takes here.
fn asked(place: &Place, name: &str, command: &str) -> Command {
    let short = ["--steps", "2", "--limit", "2"];
    match command {
        "run" if name.ends_with("-row") => place.sst2_command(&[&short[..], &["--data", "rows"]].concat()),
        "run" => place.sst2_command(&short),
        // What a definition names as files is looked for where no other place is said.
        "run --task" if matches!(name, "definition-files-outside" | "definition-many-folders") => {
            place.command(&[&["run", "--task", "mine.toml", "--model", "model"], &short[..]].concat())
        }
        "run --task" => {
            let task = ["run", "--task", "mine.toml", "--model", "model", "--data", "sample"];
            place.command(&[&task, &short[..]].concat())
        }
        "run --config" => place.command(&["run", "--config", "run.toml", "--print-config"]),
        "report" => place.command(&["report", "earlier"]),
        "report --csv" => place.command(&["report", "--csv", "earlier"]),
        "context inspect" => place.command(&["context", "inspect", "saved"]),
        "context diff" => place.command(&["context", "diff", "saved", "saved"]),
        "model inspect" => place.command(&["model", "inspect", "model.gguf"]),
        "model pull" => {
            let mut command = place.command(&["model", "pull", "smollm2-135m-instruct"]);
            // Nobody is where the hub would be, and pip looks nowhere.
            command.envs([("HF_HUB_OFFLINE", "0"), ("HF_ENDPOINT", "http://127.0.0.1:9"), ("PIP_NO_INDEX", "1")]);
            command.env("FT_HOST_CACHE", place.path("home/ft-host"));
            command
        }
        _ => panic!("`{command}` of `{name}` is no command of these tests"),
    }
}

/// Makes the files of an attack.
fn make(place: &Place, name: &str) {
    match name {
        "code-in-the-folder" => {
            for name in ["pip.py", "sitecustomize.py"] {
                place.write(name, "open('ran', 'w').write(__name__)\n");
            }
        }
        _ if name.starts_with("tokenizer-") => tokenizer(place, name),
        _ if name.starts_with("model-") => model(place, name),
        _ if name.starts_with("run-file-") => {
            place.write("run.toml", format!("task = \"sst2\"\ndata = \"sample\"\n{}\n", run_file(name)));
        }
        _ if name.starts_with("definition-") => {
            for plugin in ["template", "momentum"] {
                place.write(&format!("plugins/{plugin}.wasm"), std::fs::read(guest(plugin)).unwrap());
            }
            if name == "definition-many-folders" {
                std::fs::create_dir_all(place.path(&"a/".repeat(24))).unwrap();
            }
            place.write("mine.toml", definition(name));
        }
        _ if name.starts_with("results-") => results(place, name),
        _ if name.starts_with("context-") => hostile_contexts::make(place, name),
        "link-for-samples" => link(place, "samples.jsonl"),
        "link-for-trace" => link(place, "trace.jsonl"),
        "deep-row" => rows(place, &format!("{{\"sentence\": {}{}}}", "[".repeat(500_000), "]".repeat(500_000))),
        "long-row" => rows(place, &format!("{{\"sentence\": \"{}\"", "x".repeat(32 << 20))),
        "packed-row" => packed(place, 0x60, 1 << 16),
        "wide-window-row" => packed(place, 0xa8, 1),
        "escapes-in-row" => rows(place, "{\"sentence\": \"one\\u001b[2J\\u202e\", \"label\": \"\\u001b[2Jtwo\"}"),
        _ => panic!("no files are made for the attack `{name}`"),
    }
}

/// Changes `model/tokenizer.json`.
fn tokenizer(place: &Place, name: &str) {
    let mut file: Value = serde_json::from_str(&place.read("model/tokenizer.json")).unwrap();
    let longer = json!({"type": "Replace", "pattern": {"String": "e"}, "content": "e".repeat(200)});
    let text = json!({"Sequence": {"id": "A", "type_id": 0}});
    match name {
        "tokenizer-chained-replacements" => {
            file["normalizer"] = json!({"type": "Sequence", "normalizers": vec![longer; 10]});
        }
        "tokenizer-long-charsmap" => {
            let map = [&4_u32.to_le_bytes()[..], b"trie", &[b'x'; 20_000]].concat();
            file["normalizer"] = json!({"type": "Precompiled", "precompiled_charsmap": STANDARD.encode(map)});
        }
        "tokenizer-many-rules" => {
            let digits = json!({"type": "Digits", "individual_digits": true});
            file["pre_tokenizer"] = json!({"type": "Sequence", "pretokenizers": vec![digits; 1000]});
        }
        "tokenizer-many-added-tokens" => {
            let added = (0..1_000_000).map(|id| format!("{{\"id\":{id},\"content\":\"x{id}\"}}"));
            let added = format!("[{}]", added.collect::<Vec<String>>().join(","));
            return with_raw(place, file, "added_tokens", &added);
        }
        "tokenizer-repeating-template" => {
            file["post_processor"] = json!({"type": "TemplateProcessing", "single": vec![text; 1000], "pair": [],
                "special_tokens": {}});
        }
        "tokenizer-dropout" => file["model"]["dropout"] = 0.5.into(),
        "tokenizer-deep-rules" => {
            let (open, close) = ("{\"type\":\"Sequence\",\"pretokenizers\":[", "]}");
            let deep = open.repeat(50_000) + &close.repeat(50_000);
            return with_raw(place, file, "pre_tokenizer", &deep);
        }
        _ => panic!("no tokenizer is made for the attack `{name}`"),
    }
    place.write("model/tokenizer.json", file.to_string());
}

/// Writes a tokenizer with a part that is deeper or larger than a test should build of values.
fn with_raw(place: &Place, mut file: Value, part: &str, text: &str) {
    const PLACEHOLDER: &str = "a part that stands here as it is";
    file[part] = PLACEHOLDER.into();
    place.write("model/tokenizer.json", file.to_string().replace(&format!("\"{PLACEHOLDER}\""), text));
}

/// Changes `model/`, or makes `model.gguf`.
fn model(place: &Place, name: &str) {
    match name {
        "model-gguf-list" => {
            // One entry: a list of a thousand million bytes, which the file has without taking them of the disk.
            let count: u64 = 1_000_000_000;
            let header = [
                &b"GGUF"[..],
                &3_u32.to_le_bytes(),
                &0_u64.to_le_bytes(),
                &1_u64.to_le_bytes(),
                &1_u64.to_le_bytes(),
                b"k",
                &9_u32.to_le_bytes(),
                &0_u32.to_le_bytes(),
                &count.to_le_bytes(),
            ]
            .concat();
            let path = place.write("model.gguf", &header);
            let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(header.len() as u64 + count + 64).unwrap();
        }
        "model-pickle-marks" => checkpoint(place, 60 << 20),
        "model-pickle-member" => checkpoint(place, 65 << 20),
        "model-many-tensors" => tensors(place, (0..900_000).map(|index| format!("t{index:06}"))),
        "model-escapes-in-names" => tensors(place, ["\u{1b}[2J\u{202e}".to_owned()].into_iter()),
        "model-deep-config" => {
            let deep = format!("{{\"a\": {}{}}}", "[".repeat(500_000), "]".repeat(500_000));
            place.write("model/config.json", deep);
        }
        "model-pipe" => {
            assert!(Command::new("mkfifo").arg(place.path("model.gguf")).status().unwrap().success());
        }
        "model-changed-in-a-run" => {}
        _ => panic!("no model is made for the attack `{name}`"),
    }
}

/// A checkpoint of PyTorch's whose pickle is so many marks, some kilobytes in all.
fn checkpoint(place: &Place, marks: usize) {
    std::fs::remove_file(place.path("model/model.safetensors")).unwrap();
    let mut zip = zip::ZipWriter::new(std::fs::File::create(place.path("model/pytorch_model.bin")).unwrap());
    let deflated = zip::write::SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    zip.start_file("x/data.pkl", deflated).unwrap();
    let piece = vec![b'('; 1 << 20];
    (0..marks >> 20).for_each(|_| zip.write_all(&piece).unwrap());
    zip.finish().unwrap();
}

/// Adds tensors without numbers to the model's.
fn tensors(place: &Place, names: impl Iterator<Item = String>) {
    let bytes = std::fs::read(place.path("model/model.safetensors")).unwrap();
    let (length, rest) = bytes.split_first_chunk().unwrap();
    let (header, numbers) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header = std::str::from_utf8(header).unwrap().trim_end().strip_suffix('}').unwrap();
    let end = numbers.len();
    let tensor =
        |name| format!(",{}:{{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[{end},{end}]}}", Value::String(name));
    let header = format!("{header}{}}}", names.map(tensor).collect::<String>());
    let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), numbers].concat();
    place.write("model/model.safetensors", file);
}

/// What a run file says besides its task.
fn run_file(name: &str) -> String {
    match name {
        "run-file-endless-steps" => "steps = 9223372036854775807".into(),
        "run-file-many-steps" => "steps = 4000000000".into(),
        "run-file-many-threads" => "threads = 100000".into(),
        "run-file-many-tokens" => "batch-tokens = 4000000000".into(),
        "run-file-many-seeds" => "seeds = \"0..4000000000\"".into(),
        "run-file-many-shots" => "shots = 4000000000".into(),
        "run-file-long-time" => "plugin-time = 1e300".into(),
        "run-file-much-memory" => "plugin-memory = \"99999999999G\"".into(),
        "run-file-deep" => format!("x = {}{}", "[".repeat(1000), "]".repeat(1000)),
        "run-file-large" => "#".repeat(2 << 20),
        _ => panic!("no run file is made for the attack `{name}`"),
    }
}

/// SST-2 as a definition, with one change.
fn definition(name: &str) -> String {
    const SST2: &str = include_str!("../../../plugins/template/examples/sst2.toml");
    let changed = |from: &str, to: &str| {
        assert!(SST2.contains(from), "{from}");
        SST2.replace(from, to)
    };
    let context =
        |template: &str| changed("\"Review: {{ sentence | trim }}\\nSentiment:\"", &format!("'''{template}'''"));
    let files = |demonstrations: &str, evaluation: &str| {
        let named = format!("demonstration-files = \"{demonstrations}\"\nevaluation-files = \"{evaluation}\"");
        changed("demonstrations = \"train\"\nevaluation = \"validation\"", &named)
            .replace("repository = \"nyu-mll/glue\"\nconfig = \"sst2\"\n", "")
    };
    match name {
        "definition-endless-loop" => {
            context("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}")
        }
        "definition-repetitions" => context("{{ \"x\" * 10**9 }}"),
        "definition-deep-macros" => context("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
        "definition-deep-expression" => context(&format!("{{{{ {}1{} }}}}", "(".repeat(100_000), ")".repeat(100_000))),
        "definition-other-file" => context("{% include \"/etc/passwd\" %}"),
        "definition-many-choices" => {
            changed("labels = [\"negative\", \"positive\"]", "choices = \"['a'] * 100000000\"")
        }
        "definition-files-outside" => files("../secret.csv", "/etc/passwd"),
        // Each `**` may stand for any of the folders, and each `*` for the next.
        "definition-many-folders" => files(&format!("{}x.csv", "**/*/".repeat(10)), "x.csv"),
        "definition-escapes" => format!("{SST2}\"\\u001b[2J\\u202e\" = 1\n"),
        "definition-deep" => format!("task = \"template\"\nx = {}{}", "[".repeat(1000), "]".repeat(1000)),
        "definition-large" => format!("{SST2}{}", "#".repeat(2 << 20)),
        _ => panic!("no definition is made for the attack `{name}`"),
    }
}

/// Changes the `results.json` of a run in `earlier`.
fn results(place: &Place, name: &str) {
    place.sst2(&["--steps", "2", "--limit", "2", "--out", "earlier"]).good();
    let mut results = place.json("earlier/results.json");
    match name {
        "results-many-labels" => results["labels"] = (0..40_000).map(|label| format!("l{label}")).collect(),
        "results-many-notes" => results["notes"] = (0..100_000).map(|note| format!("note {note}")).collect(),
        "results-escapes" => {
            let escapes = "one\ntwo\r\u{1b}[2J\u{7}\u{202e}three";
            results["notes"] = json!([escapes]);
            results["task"]["name"] = escapes.into();
            results["labels"] = json!([escapes, "positive"]);
            results["model"]["asked"] = escapes.into();
        }
        _ => panic!("no results are made for the attack `{name}`"),
    }
    place.write("earlier/results.json", results.to_string());
}

/// Puts a link to a file of the user's into the output folder, under the name of a file of results.
fn link(place: &Place, name: &str) {
    let target = place.write("own", OWN);
    std::fs::create_dir_all(place.path("out")).unwrap();
    std::os::unix::fs::symlink(target, place.path("out").join(name)).unwrap();
}

/// What is in that file, and is to stay there.
const OWN: &str = "a line without an end";

/// SST-2 rows of which the first to be scored is this one.
fn rows(place: &Place, row: &str) {
    let good = |label: u32| format!("{{\"sentence\": \"a film .\", \"label\": {label}}}\n");
    place.data("rows", good(0) + &good(1), format!("{row}\n{}", good(0)));
}

/// SST-2 rows in a zstd frame of blocks that are 128 KiB of zeros each, with the byte of its header that says how far back
/// it looks: 4 MiB are 0x60, 2 GiB 0xa8.
fn packed(place: &Place, window: u8, blocks: usize) {
    let frame = [&[0x28, 0xb5, 0x2f, 0xfd, 0, window][..], &[0x02, 0, 0x10, 0].repeat(blocks)].concat();
    place.data("rows", "{\"sentence\": \"a film .\", \"label\": 0}\n", frame);
}

/// A run whose model is written to after it was looked at and before its numbers are read: while the task, which says so,
/// takes its time over the first query.
fn changed_in_a_run(place: &Place) -> Done {
    let (task, optimizer) = (guest("hostile/task"), guest("momentum"));
    let plugins = ["--task", &task, "--optimizer", &optimizer, "-T", "attack=slow-query", "--limit", "1"];
    let mut child = place.sst2_command(&plugins).spawn().unwrap();
    let mut told = String::new();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    while !told.contains("a slow query") {
        let read = stderr.read_line(&mut told).unwrap();
        assert!(read > 0, "no query is rendered:\n{told}");
    }
    // The same bytes: that nothing of them is another is not known to who has read them before.
    let bytes = std::fs::read(place.path("model/model.safetensors")).unwrap();
    place.write("model/model.safetensors", bytes);
    std::io::Read::read_to_string(&mut stderr, &mut told).unwrap();
    let output = child.wait_with_output().unwrap();
    Done::of(std::process::Output { stderr: told.into_bytes(), ..output })
}

/// What is to hold of the files besides.
fn check_place(place: &Place, name: &str) -> Result<(), String> {
    match name {
        "code-in-the-folder" if place.path("ran").exists() => Err("a module of the current folder was run".into()),
        "link-for-samples" | "link-for-trace" if place.read("own") != OWN => {
            Err(format!("`{name}`: a file outside of the output folder was written to"))
        }
        // One configuration, one result.
        "tokenizer-dropout" => {
            place.sst2(&["--steps", "2", "--limit", "2", "--out", "again"]).good();
            let same = place.read("out/samples.jsonl") == place.read("again/samples.jsonl");
            if same { Ok(()) } else { Err("dropout gave another result the second time".into()) }
        }
        _ => Ok(()),
    }
}
