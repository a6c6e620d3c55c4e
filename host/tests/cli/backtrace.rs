//! Libraries put their backtraces into messages where `RUST_BACKTRACE` is set; none of it reaches a user.

use crate::support::*;

#[test]
fn messages_are_the_same_with_backtraces_asked_for() {
    let place = Place::with_model();
    let data = |name: &str| std::fs::read(format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let gguf = data("tiny-gguf/tiny.gguf");
    place.write("cut.gguf", &gguf[..100]);
    place.write("short.gguf", &gguf[..gguf.len() - 40]);
    place.write("odd.gguf", data("fuzz/gguf/tensor-at-odd-place"));
    place.write("aligned.gguf", data("fuzz/gguf/alignment-zero"));
    let folder = |name: &str, file: &str, bytes: &[u8]| {
        place.model(name, |_| ());
        if file.ends_with(".bin") {
            std::fs::remove_file(place.path(&format!("{name}/model.safetensors"))).unwrap();
        }
        place.write(&format!("{name}/{file}"), bytes);
    };
    folder("words", "tokenizer.json", &data("fuzz/tokenizer/decoder-cut-short"));
    folder("magic", "tokenizer.json", b"{\"version\": \"1.0\"}");
    folder("config", "config.json", b"{");
    let weights = std::fs::read(place.path("model/model.safetensors")).unwrap();
    folder("weights", "model.safetensors", &weights[..900]);
    folder("zip", "pytorch_model.bin", b"PK\x03\x04 no archive");
    folder("pickle", "pytorch_model.bin", b"\x80\x02cno.such\nthing\nq\x01.");
    place.write("bad.wasm", b"\0asm\x0d\0\x01\0 garbage");
    let (task, rule) = (guest("hostile/task"), guest("hostile/optimizer"));
    let commands: [&[&str]; 16] = [
        &["--model", "cut.gguf"],
        &["--model", "short.gguf"],
        &["--model", "odd.gguf"],
        &["--model", "aligned.gguf"],
        &["--model", "words"],
        &["--model", "magic"],
        &["--model", "config"],
        &["--model", "weights"],
        &["--model", "zip"],
        &["--model", "pickle"],
        &["--task", "bad.wasm"],
        &["--task", &task, "-T", "attack=panic-in-read"],
        &["--task", &task, "-T", "attack=recursion-in-read"],
        &["--optimizer", &rule, "-O", "attack=panic"],
        &["--optimizer", &rule, "-O", "attack=mismatched-shapes"],
        &["--device", "cuda"],
    ];
    let sst2 = guest("sst2");
    for command in commands {
        let mut arguments = vec!["run", "--data", "sample", "--limit", "1", "--steps", "2", "--select", "last"];
        for default in [["--model", "model"], ["--task", sst2.as_str()]] {
            if !command.contains(&default[0]) {
                arguments.extend(default);
            }
        }
        arguments.extend(command);
        let plain = place.host(&arguments);
        assert_ne!(plain.status, Some(0), "{command:?}");
        for value in ["1", "full"] {
            let output = place.command(&arguments).env("RUST_BACKTRACE", value).output().unwrap();
            let asked = Done::of(output);
            assert_eq!((asked.status, &asked.stderr), (plain.status, &plain.stderr), "{command:?}");
        }
    }
    // What a tokenizer's file has wrong is told with the file.
    for name in ["words", "magic"] {
        let file = format!("`{name}/tokenizer.json` cannot be read as a tokenizer: ");
        place.sst2(&["--model", name, "--limit", "1"]).failed(2, &[&file]);
        place.host(&["model", "inspect", name]).failed(2, &[&file]);
    }
}
