//! Input that is wrong: its own message, what to do next, status 2, and nothing lost.

use serde_json::json;

use super::support::{Room, plugin};

fn room() -> Room {
    let room = Room::new();
    room.model(json!({}));
    room.data(4);
    room
}

#[test]
fn models() {
    let room = room();
    let task = plugin("sst2");
    let with = |model: &str| room.run(&["run", "--task", &task, "--data", "data", "--model", model]);
    with("none.gguf").fails(2, &["none.gguf"]);
    with("nothing").fails(2, &["nothing", "smollm2-135m-instruct"]);
    with("smollm2-135m-instruct").fails(2, &["offline", "HF_HUB_OFFLINE"]);

    room.write("text.gguf", "this is no model at all, it only says so in its name");
    with("text.gguf").fails(2, &["text.gguf"]);
    let header = |architecture: &str| {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        let number = |file: &mut Vec<u8>, n: u64| file.extend(n.to_le_bytes());
        let text = |file: &mut Vec<u8>, text: &str| {
            number(file, text.len() as u64);
            file.extend(text.as_bytes());
        };
        number(&mut file, 0);
        number(&mut file, 1);
        text(&mut file, "general.architecture");
        file.extend(8u32.to_le_bytes());
        text(&mut file, architecture);
        file
    };
    room.write("other.gguf", header("mamba"));
    with("other.gguf").fails(2, &["other.gguf", "mamba", "llama"]);
    room.write("cut.gguf", &header("llama")[..30]);
    with("cut.gguf").fails(2, &["cut.gguf", "GGUF"]);
    room.write("bare.gguf", header("llama"));
    with("bare.gguf").fails(2, &["bare.gguf", "llama.embedding_length"]);

    let weights = std::fs::read(room.path("model/model.safetensors")).unwrap();
    room.write("model/model.safetensors", &weights[..weights.len() - 100]);
    with("model").fails(2, &["model.safetensors", "safetensors"]);
    room.model(json!({"model_type": "mamba"}));
    with("model").fails(2, &["config.json", "`mamba`", "llama"]);
    room.model(json!({"hidden_size": null}));
    with("model").fails(2, &["hidden_size"]);
    room.model(json!({"tie_word_embeddings": false}));
    with("model").fails(2, &["lm_head.weight", "model.safetensors"]);
    room.model(json!({}));
    std::fs::remove_file(room.path("model/tokenizer.json")).unwrap();
    with("model").fails(2, &["tokenizer.json"]);
}

#[test]
fn plugins() {
    let room = room();
    let with = |task: &str, optimizer: &str| {
        room.run(&["run", "--task", task, "--optimizer", optimizer, "--data", "data", "--model", "model"])
    };
    let (sst2, momentum) = (plugin("sst2"), plugin("momentum"));
    with("none.wasm", &momentum).fails(2, &["none.wasm"]);
    room.write("text.wasm", "print('hello')\n");
    with("text.wasm", &momentum).fails(2, &["text.wasm", "text"]);
    room.write("core.wasm", b"\0asm\x01\0\0\0");
    with("core.wasm", &momentum).fails(2, &["core.wasm", "core WebAssembly module"]);
    room.write("elf.wasm", b"\x7fELF\x02\x01\x01\0");
    with("elf.wasm", &momentum).fails(2, &["elf.wasm", "ELF"]);
    with(&momentum, &momentum).fails(2, &["optimizer plugin", "task plugin was expected", "--optimizer"]);
    with(&sst2, &sst2).fails(2, &["task plugin", "optimizer plugin was expected", "--task"]);
    with(&plugin("hostile/wrong-world"), &momentum).fails(2, &["wrong-world.wasm"]);
    with(&plugin("hostile/wrong-version"), &momentum).fails(2, &["wrong-version.wasm", "0.2.0", "0.1"]);
    let whole = std::fs::read(&sst2).unwrap();
    room.write("cut.wasm", &whole[..whole.len() / 2]);
    with("cut.wasm", &momentum).fails(2, &["cut.wasm"]);
}

#[test]
fn options() {
    let room = room();
    let with = |option: &str| room.sst2(&["--data", "data", "-O", option]);
    with("foo=1").fails(2, &["`foo`", "-O step_size=0.01", "-O momentum=0.9"]);
    with("momentum=1.5").fails(2, &["momentum", "1.5", "0", "1"]);
    with("momentum=x").fails(2, &["momentum", "x"]);
    with("step_size=nan").fails(2, &["step_size"]);
    assert_eq!(with("step_size").status, 2);
    room.sst2(&["--data", "data", "-T", "foo=1"]).fails(2, &["`foo`"]);
    room.sst2(&["--data", "data", "-O", "momentum=0.1", "-O", "momentum=0.2"]).fails(2, &["momentum", "twice"]);
}

#[test]
fn rows() {
    let row = |text: &str| {
        let room = room();
        room.write(
            "data/sst2/validation.jsonl",
            [b"{\"sentence\": \"fine\", \"label\": 1}\n", text.as_bytes()].concat(),
        );
        room.sst2(&["--data", "data"])
    };
    row("{\"label\": 1}\n").fails(2, &["validation.jsonl", "row 2", "column `sentence`"]);
    row("{\"sentence\": \"fine\", \"label\": 5}\n").fails(2, &["validation.jsonl", "row 2", "column `label`", "5"]);
    row("{\"sentence\": 3, \"label\": 1}\n").fails(2, &["validation.jsonl", "row 2", "column `sentence`"]);
    row("{\"sentence\": \"  \", \"label\": 1}\n").fails(2, &["validation.jsonl", "row 2"]);
    row("[1, 2]\n").fails(2, &["validation.jsonl", "2"]);
    row("{\"sentence\": \"fine\", \"la").fails(2, &["validation.jsonl", "2"]);

    let room = room();
    room.write("data/sst2/validation.jsonl", b"{\"sentence\": \"\xff\", \"label\": 1}\n");
    room.sst2(&["--data", "data"]).fails(2, &["validation.jsonl", "UTF-8"]);
    room.write("data/sst2/validation.jsonl", "\n\n");
    room.sst2(&["--data", "data"]).fails(2, &["validation.jsonl", "evaluation"]);
    room.write("data/sst2/train.jsonl", "{\"sentence\": \"fine\", \"label\": 1}\n");
    room.data(4);
    room.sst2(&["--data", "data", "--shots", "5"]).fails(2, &["train.jsonl", "--shots"]);
}

#[test]
fn places_and_numbers() {
    let room = room();
    room.sst2(&["--data", "nowhere"]).fails(2, &["nowhere", "--data DIR"]);
    room.sst2(&[]).fails(2, &["nyu-mll/glue", "--data DIR", "--data sample"]);
    room.sst2(&["--data", "data", "--steps", "3", "--score-steps", "9"]).fails(2, &["9", "3", "--score-steps"]);
    room.write("taken", "a file");
    room.sst2(&["--data", "data", "--out", "taken"]).fails(2, &["taken"]);
    room.sst2(&["--data", "data", "--out", "taken/below"]).fails(2, &["taken"]);
    for (option, value) in [("--shots", "0"), ("--steps", "0"), ("--limit", "-1"), ("--score-steps", "x")] {
        assert_eq!(room.sst2(&["--data", "data", option, value]).status, 2, "{option}");
    }
    #[cfg(not(feature = "cuda"))]
    room.sst2(&["--data", "data", "--device", "cuda:1"]).fails(2, &["cuda:1", "feature `cuda`"]);
}

#[test]
fn contexts_that_are_too_long_are_refused_before_weights_are_read() {
    let room = room();
    // Reading these weights would fail for another reason.
    let positions = |limit: usize| room.model(json!({"max_position_embeddings": limit, "intermediate_size": 81}));
    positions(4096);
    let plan = room.sst2(&["--data", "data", "--dry-run", "--json"]);
    plan.succeeds();
    let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
    let length = plan["demonstration_ids"].as_array().unwrap().len();
    let longest = plan["longest_query"].as_u64().unwrap() as usize;
    assert!(longest < length);

    positions(2 * length - 1);
    let numbers = [(2 * length).to_string(), (2 * length - 1).to_string()];
    room.sst2(&["--data", "data"]).fails(2, &["second pass", &numbers[0], &numbers[1], "--positions restart"]);
    positions(2 * length);
    room.sst2(&["--data", "data"]).fails(2, &["gate_proj"]);
    // One step, or passes that restart, need the demonstrations once.
    for arguments in [["--steps", "1"], ["--positions", "restart"]] {
        positions(length + longest - 1);
        let numbers = [(length + longest).to_string(), (length + longest - 1).to_string()];
        let done = room.sst2(&[&["--data", "data"][..], &arguments].concat());
        done.fails(2, &["a query of", &numbers[0], &numbers[1]]);
        positions(length + longest);
        room.sst2(&[&["--data", "data"][..], &arguments].concat()).fails(2, &["gate_proj"]);
    }
}
