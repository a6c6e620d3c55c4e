//! Input that is wrong: each fault has its message, says what to do where that is known, and ends with status 2.

use std::io::Cursor;

use candle_core::quantized::gguf_file::{self, Value};
use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{DType, Device, Tensor};

use crate::support::*;

const ROWS: &str = "{\"sentence\": \"good\", \"label\": 1}\n{\"sentence\": \"bad\", \"label\": 0}\n";

/// A GGUF file of some architecture with one tensor.
fn gguf(architecture: &str) -> Vec<u8> {
    let name = Value::String(architecture.into());
    let tensor = Tensor::zeros((32, 32), DType::F32, &Device::Cpu).unwrap();
    let tensor = QTensor::quantize(&tensor, GgmlDType::F32).unwrap();
    let mut bytes = Cursor::new(Vec::new());
    gguf_file::write(&mut bytes, &[("general.architecture", &name)], &[("token_embd.weight", &tensor)]).unwrap();
    bytes.into_inner()
}

#[test]
fn models_that_are_none() {
    let place = Place::with_model();
    let try_model = |name: &str, parts: &[&str]| {
        let done = place.sst2(&["--model", name, "--limit", "1"]).failed(2, parts);
        assert!(done.stderr.starts_with("error: "), "{}", done.stderr);
    };
    let check = |name: &str, bytes: &[u8], parts: &[&str]| {
        place.write(name, bytes);
        try_model(name, parts);
    };
    try_model("none.gguf", &["no model file or folder `none.gguf`", "hint: `ft-host model list`"]);
    try_model("models/none", &["`config.json` of models/none@main is not in the cache", "offline", "hint: "]);
    try_model("smollm", &["unknown model `smollm`", "smollm2-135m-instruct", "hint: name a .gguf file"]);
    let offline = ["`smollm2-135m-instruct` is not in the cache", "offline", "hint: ", "ft-host model pull"];
    place.sst2(&["--model", "smollm2-135m-instruct"]).failed(2, &offline);
    check(
        "text.gguf",
        b"hello",
        &["`text.gguf`: expected a GGUF file, which begins with \"GGUF\", got one that begins with \"hell\""],
    );
    let whole = gguf("llama");
    check("cut.gguf", &whole[..40], &["`cut.gguf` cannot be read as GGUF: "]);
    let short = &whole[..whole.len() - 2048];
    check(
        "short.gguf",
        short,
        &["`short.gguf`", "tensor `token_embd.weight`: expected 4096 bytes at", "cut short or damaged"],
    );
    let other = ["`other.gguf` holds a model of architecture `mamba`; this host runs llama, "];
    check("other.gguf", &gguf("mamba"), &other);
    let part =
        ["is part 2 of 3 of a split model; missing: `m-00001-of-00003.gguf`, `m-00003-of-00003.gguf`", "hint: put all"];
    check("m-00002-of-00003.gguf", &whole, &part);
    check("bare.gguf", &whole, &["`bare.gguf` cannot be read as GGUF: missing metadata `llama."]);
}

#[test]
fn model_folders_with_faults() {
    let place = Place::with_model();
    let folder = |name: &str, file: &str, bytes: Option<&[u8]>, parts: &[&str]| {
        place.model(name, |_| ());
        match bytes {
            Some(bytes) => drop(place.write(&format!("{name}/{file}"), bytes)),
            None => std::fs::remove_file(place.path(&format!("{name}/{file}"))).unwrap(),
        }
        place.sst2(&["--model", name, "--limit", "1"]).failed(2, parts);
    };
    let weights = std::fs::read(place.path("model/model.safetensors")).unwrap();
    let cut = &weights[..weights.len() - 1000];
    folder("cut", "model.safetensors", Some(cut), &["`cut/model.safetensors` cannot be read as safetensors"]);
    folder("none", "model.safetensors", None, &["the model folder `none` has no weights: none of model.safetensors, "]);
    folder("words", "tokenizer.json", None, &["the model folder `words` has no `tokenizer.json`"]);
    folder("bad", "config.json", Some(b"{\"model_type\": "), &["`bad/config.json`"]);

    place.model("other", |config| config["model_type"] = "other".into());
    let unknown = ["`other/config.json` holds a model of architecture `other`; this host runs opt, "];
    place.sst2(&["--model", "other"]).failed(2, &unknown);
    // The weights have two layers: the third layer's tensors are missing, which their header shows.
    place.model("deeper", |config| config["num_hidden_layers"] = 3.into());
    let missing = ["tensor `model.layers.2.", "is not in `deeper/model.safetensors`"];
    place.sst2(&["--model", "deeper", "--limit", "1"]).failed(2, &missing);
    place.model("wider", |config| config["intermediate_size"] = 96.into());
    let misshapen = ["has the wrong shape: expected [96, 32], got [80, 32]"];
    place.sst2(&["--model", "wider", "--limit", "1"]).failed(2, &misshapen);
    assert_eq!(place.names("out"), [""; 0], "none of them came so far as to leave results");
}

/// What stands in somebody else's file is shown, and cannot act on the terminal; `Done::of` checks all output for that.
#[test]
fn a_models_own_words_are_made_harmless() {
    let place = Place::with_model();
    place.model("other", |config| config["model_type"] = "x\u{1b}[2J\u{202e}y".into());
    place.sst2(&["--model", "other"]).failed(2, &["of architecture `x\\u{1b}[2J\\u{202e}y`"]);
    place.write("other.gguf", gguf("x\u{1b}]0;owned\u{7}"));
    place.sst2(&["--model", "other.gguf"]).failed(2, &["of architecture `x\\u{1b}]0;owned\\u{7}`"]);
}

#[test]
fn plugins_that_are_none_or_others() {
    let place = Place::with_model();
    place.write("momentum.wasm", std::fs::read(guest("momentum")).unwrap());
    let task = |file: &str, parts: &[&str]| drop(place.sst2(&["--task", file]).failed(2, parts));
    let foreign = |name: &str, parts: &[&str]| {
        place.sst2(&["--task", &guest(name), "--optimizer", "momentum.wasm"]).failed(2, parts);
    };
    let write = |name: &str, bytes: &[u8]| drop(place.write(name, bytes));
    write("text.wasm", b"hello");
    write("core.wasm", b"\0asm\x01\0\0\0");
    write("empty.wasm", b"");
    write("cut.wasm", &std::fs::read(guest("sst2")).unwrap()[..5000]);
    task(
        "none.wasm",
        &["there is no file `none.wasm`, and no plugin of that name in `plugins` or", "hint: `ft-host plugin list`"],
    );
    task("model", &["expected a plugin's file, got the folder `model`", "hint: `ft-host plugin build model`"]);
    task("text.wasm", &["plugin text.wasm: expected a component, got text that starts with `hello`"]);
    task(
        "core.wasm",
        &["plugin core.wasm: expected a component, got a core WebAssembly module", "hint: `ft-host plugin build DIR`"],
    );
    task("empty.wasm", &["plugin empty.wasm: expected a component, got an empty file"]);
    task("cut.wasm", &["plugin cut.wasm: truncated component", "hint: build or download `cut.wasm` again"]);
    task("momentum.wasm", &["expected a task plugin, got an optimizer plugin", "hint: give it as `--optimizer"]);
    foreign("hostile/wrong-world", &["expected a component for forward-tuning:plugin", "hint: "]);
    foreign(
        "hostile/wrong-version",
        &["expected forward-tuning:plugin@0.1.x or 0.2.x, got forward-tuning:plugin@0.3.0", "hint: "],
    );
    let sst2 = guest("sst2");
    let other = ["expected an optimizer plugin, got a task plugin", "hint: give it as `--task"];
    place.sst2(&["--optimizer", &sst2]).failed(2, &other);
}

#[test]
fn a_missing_task_is_told_before_a_missing_optimizer() {
    let place = Place::with_model();
    place.sst2(&["--task", "none.wasm"]).failed(2, &["there is no file `none.wasm`"]);
    place.write("alone/sst2.wasm", std::fs::read(guest("sst2")).unwrap());
    let parts = [
        "no optimizer was named, and there is no `alone/momentum.wasm` or `momentum.wasm` or `plugins/momentum.wasm`",
        "hint: ",
    ];
    place.sst2(&["--task", "alone/sst2.wasm"]).failed(2, &parts);
}

#[test]
fn options_that_a_plugin_does_not_take() {
    let place = Place::with_model();
    let check = |more: &[&str], parts: &[&str]| drop(place.sst2(more).failed(2, parts));
    check(&["-O", "foo=1"], &["plugin momentum: unknown option `foo`", "-O step_size=0.01", "-O momentum=0.9"]);
    check(&["-T", "foo=1"], &["plugin sst2: unknown option `foo`", "takes no options"]);
    check(&["-O", "momentum=2"], &["option `momentum`: expected a number from 0 to 1, got `2`", "hint: "]);
    check(&["-O", "step_size=fast"], &["option `step_size`: expected a number, got `fast`"]);
    // Only the model says how many layers there are, and its weights need not be read for that.
    check(
        &["-O", "layers=1..99"],
        &[
            "in `meta-optimizer.session.step`: reported (invalid option): `layers=1..99` goes beyond the model, which has",
        ],
    );
    check(&["-O", "skip_first=100000"], &["`skip_first=100000`", "hint: change the option that the message names"]);
    check(&["-O", "step_size"], &["expected NAME=VALUE, got `step_size`"]);
    let hostile = guest("hostile/optimizer");
    check(&["--optimizer", &hostile, "-O", "attack=war"], &["option `attack`: expected one of `none`", "got `war`"]);
}

#[test]
fn rows_that_the_task_does_not_take() {
    let place = Place::with_model();
    let check = |train: &[u8], parts: &[&str]| {
        place.data("data", train, ROWS);
        place.sst2(&["--data", "data"]).failed(2, parts);
    };
    let column = ["error: `data/sst2/train.jsonl`, line 1, column `sentence`: ", "missing", "hint: ", "`--data`"];
    check(b"{\"text\": \"good\", \"label\": 1}\n", &column);
    let label = ["error: `data/sst2/train.jsonl`, line 2, column `label`: expected a class from 0 to 1, got 7"];
    check(b"{\"sentence\": \"good\", \"label\": 1}\n{\"sentence\": \"bad\", \"label\": 7}\n", &label);
    check(b"", &["error: `data/sst2/train.jsonl`: expected rows for the demonstrations split, got none"]);
    check(b"{\"sentence\": \"g\xff\", \"label\": 1}\n", &["`data/sst2/train.jsonl`, line 1: not UTF-8 at byte 16"]);
    let broken = [ROWS.as_bytes(), b"{\"sentence\": \"g\xff\", \"label\": 1}\n"].concat();
    check(&broken, &["`data/sst2/train.jsonl`, line 3: not UTF-8 at byte 16 of the line"]);
    let half = ["`data/sst2/train.jsonl`, line 3: the last line is half written"];
    check(&[ROWS.as_bytes(), b"{\"sentence\": \"g"].concat(), &half);
    check(b"[1]\n", &["`data/sst2/train.jsonl`, line 1: expected a JSON object"]);
    let few =
        ["error: `data/sst2/train.jsonl`: expected 2 rows or more to draw demonstrations from, got 1", "`--shots`"];
    check(b"{\"sentence\": \"good\", \"label\": 1}\n", &few);
    place.data("data", ROWS, "\n\n");
    let empty = ["error: `data/sst2/validation.jsonl`: expected rows for the evaluation split, got none"];
    place.sst2(&["--data", "data"]).failed(2, &empty);
}

#[test]
fn data_that_are_not_there() {
    let place = Place::with_model();
    let missing = ["no rows for the demonstrations split", "`nowhere/sst2/train.jsonl`", "hint: `--data DIR`"];
    place.sst2(&["--data", "nowhere"]).failed(2, &missing);
    let task = guest("sst2");
    let done = place.host(&["run", "--task", &task, "--model", "model", "--out", "out"]);
    done.failed(
        2,
        &["nyu-mll/glue/sst2 (train split) is not in the cache", "hint: ", "ft-host data pull", "--data DIR"],
    );
}

#[test]
fn a_context_that_is_too_long_is_told_before_the_weights() {
    let place = Place::with_model();
    let limit = |positions: u64, more: &[&str], parts: &[&str]| {
        place.model("short", |config| config["max_position_embeddings"] = positions.into());
        // Had the weights been read, the message were another.
        place.without_numbers("short");
        place.sst2(&[&["--model", "short"], more].concat()).failed(2, parts);
    };
    let plan = place.sst2(&["--dry-run", "--json"]).good().json();
    let length = plan["demonstration_ids"].as_array().unwrap().len() as u64;
    let longest = plan["longest_query"].as_u64().unwrap();
    let twice = format!("expected at most {} positions, got {} for ", 2 * length - 1, 2 * length);
    let second = format!("a second pass over the demonstrations' {length} tokens");
    limit(2 * length - 1, &[], &[&twice, &second, "hint: ", "--shots", "--positions restart"]);
    let query = format!("got {} for a query of {longest} tokens after the demonstrations' {length}", length + longest);
    for more in [&["--positions", "restart"][..], &["--steps", "1"]] {
        limit(length + longest - 1, more, &["evaluation example `", &query, "hint: `--skip-bad-rows`", "--shots"]);
    }
    let first = format!("got {length} for a pass over the demonstrations' {length} tokens");
    limit(length - 1, &["--steps", "1"], &[&first]);
    // With exactly as many positions as are needed, the weights are what fails.
    limit(length + longest, &["--steps", "1"], &["tensor `model.embed_tokens.weight` in", "has NaN or infinity"]);
}

#[test]
fn output_folders_that_cannot_be() {
    let place = Place::with_model();
    place.write("file", "mine");
    place.sst2(&["--out", "file"]).failed(2, &["error: `file`: expected a folder, got another kind of file"]);
    place.sst2(&["--out", "file/below"]).failed(2, &["cannot create the folder `file/below`"]);
    assert_eq!(place.read("file"), "mine");
    // A folder in the place of a result.
    std::fs::create_dir_all(place.path("taken/samples.jsonl/x")).unwrap();
    let parts =
        ["`taken/samples.jsonl`: expected a regular file, got a folder", "hint: remove it, or name another folder"];
    place.sst2(&["--out", "taken", "--limit", "1", "--steps", "1"]).failed(2, &parts);
    assert_eq!(place.names("taken/samples.jsonl"), ["x"]);
}

#[test]
fn settings_that_make_no_sense() {
    let place = Place::with_model();
    let check = |more: &[&str], parts: &[&str]| drop(place.sst2(more).failed(2, parts));
    let step = ["expected steps to score from 1 to 3, got 9", "hint: raise `--steps`"];
    check(&["--score-steps", "9", "--steps", "3"], &step);
    check(&["--score-steps", "first"], &["expected all, last or a list of steps like 1,5,10, got `first`"]);
    for flag in ["--shots", "--steps", "--sample", "--limit", "--batch-tokens", "--threads"] {
        check(&[flag, "0"], &[&format!("invalid value '0' for '{flag} <N>'"), "expected a whole number from 1 to "]);
    }
    check(&["--device", "gpu"], &["expected one of auto, cpu, cuda, cuda:N, got `gpu`"]);
    check(&["--dtype", "f64"], &["expected one of auto, f32, bf16, f16, got `f64`"]);
    check(&["--plugin-time", "0"], &["expected a positive number of seconds"]);
    check(&["--plugin-memory", "much"], &["expected a number of bytes, or one with k, M or G, got `much`"]);
    check(
        &["--shots", "99"],
        &["`bundled sample sst2/train.jsonl`: expected 198 rows", "hint: ask for fewer `--shots`"],
    );
}

#[test]
#[cfg(not(feature = "cuda"))]
fn cuda_is_told_to_be_missing() {
    let cuda = ["device `cuda:0` cannot be used: this build has no CUDA support"];
    Place::with_model().sst2(&["--device", "cuda"]).failed(2, &cuda);
}
