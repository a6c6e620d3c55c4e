//! An empty folder with a tiny model in it, and the program run there.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// A folder of its own for one test; nothing of the user's is read or written.
pub struct Room {
    folder: tempfile::TempDir,
}

/// What a run of the program came to.
pub struct Done {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

/// A built guest.
pub fn plugin(name: &str) -> String {
    let path = Path::new(HERE).join("../plugins").join(format!("{name}.wasm"));
    assert!(path.is_file(), "{} is missing: build it with `cargo xtask plugins`", path.display());
    path.display().to_string()
}

impl Room {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A model of two layers whose tokens are the ASCII characters, in the folder `model`, with some settings changed.
    pub fn model(&self, changes: Value) {
        let tiny = Path::new(HERE).join("tests/data/tiny/llama");
        let mut config: Value = serde_json::from_slice(&std::fs::read(tiny.join("config.json")).unwrap()).unwrap();
        config["max_position_embeddings"] = json!(4096);
        for (key, value) in changes.as_object().unwrap() {
            config[key] = value.clone();
        }
        self.write("model/config.json", config.to_string());
        self.write("model/model.safetensors", std::fs::read(tiny.join("model.safetensors")).unwrap());
        self.write("model/tokenizer.json", tokenizer().to_string());
    }

    /// A data set in SST-2's form below `data`, with so many evaluation rows.
    pub fn data(&self, evaluation: usize) {
        let rows = |n: usize| -> String {
            (0..n)
                .map(|i| format!("{{\"sentence\": \"film number {i} is fine . \", \"label\": {}}}\n", i % 2))
                .collect()
        };
        self.write("data/sst2/train.jsonl", rows(8));
        self.write("data/sst2/validation.jsonl", rows(evaluation));
    }

    /// The program with these arguments, ready to be started here.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ft-host"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.path("home"))
            .env("FT_HOST_CACHE", self.path("cache"))
            .env("HF_HUB_OFFLINE", "1")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Done {
        Done::of(self.command(arguments).output().unwrap())
    }

    /// `ft-host run` of SST-2 on the tiny model.
    pub fn sst2(&self, arguments: &[&str]) -> Done {
        let task = plugin("sst2");
        let fixed = ["run", "--task", &task, "--model", "model", "--threads", "1"];
        self.run(&[&fixed[..], arguments].concat())
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_slice(&std::fs::read(self.path(name)).unwrap()).unwrap()
    }

    pub fn samples(&self, folder: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.path(folder).join("samples.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Done {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let done = Self {
            status: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        };
        let harmless = |text: &str| !text.chars().any(|c| c.is_control() && c != '\n');
        assert!(harmless(&done.stdout) && harmless(&done.stderr), "control characters came through:\n{done:?}");
        done
    }

    /// The status is this one and stderr has all of these texts.
    #[track_caller]
    pub fn fails(&self, status: i32, texts: &[&str]) {
        assert_eq!(self.status, status, "{self:?}");
        for text in texts {
            assert!(self.stderr.contains(text), "stderr lacks {text:?}:\n{}", self.stderr);
        }
        assert!(self.stderr.contains("error: "), "{self:?}");
    }

    #[track_caller]
    pub fn succeeds(&self) {
        assert_eq!(self.status, 0, "{self:?}");
    }
}

impl std::fmt::Debug for Done {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {}\nstdout:\n{}\nstderr:\n{}", self.status, self.stdout, self.stderr)
    }
}

/// One token for each printable ASCII character, the blank and the line feed: 96 of them.
fn tokenizer() -> Value {
    let characters = ('!'..='~').chain(['\u{120}', '\u{10a}']);
    let vocabulary: serde_json::Map<String, Value> =
        characters.enumerate().map(|(id, c)| (c.to_string(), json!(id))).collect();
    assert_eq!(vocabulary.len(), 96);
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
        "post_processor": null,
        "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
        "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                  "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "vocab": vocabulary, "merges": []}
    })
}
