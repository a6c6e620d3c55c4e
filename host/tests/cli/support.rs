//! What the tests of the executable share: an empty folder, a tiny model, and what came of a command.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use ft_engine::text::{is_harmful, is_joiner};
use serde_json::Value;
use tempfile::TempDir;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// Compiled plugins, kept from test to test; whatever is in it, no result depends on it.
const CACHE: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/cli-cache");

/// The flags of each format that `ft-host report` prints, the terminal's tables first.
pub const REPORT_FORMATS: [&[&str]; 5] = [&[], &["--markdown"], &["--csv"], &["--json"], &["--html"]];

/// A built guest, by its path below `plugins/` without the extension.
pub fn guest(name: &str) -> String {
    let path = Path::new(ROOT).join("plugins").join(format!("{name}.wasm"));
    assert!(path.is_file(), "{} is missing; build it with `cargo xtask plugins`", path.display());
    path.canonicalize().unwrap().to_str().unwrap().to_owned()
}

/// A folder with nothing in it, from which the executable is run.
pub struct Place(TempDir);

/// What came of a command.
pub struct Done {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A place with `model/`: two layers with random weights, 92 characters and four longer tokens, 2048 positions.
    pub fn with_model() -> Self {
        let place = Self::empty();
        place.model("model", |_| ());
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        path
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The lines of `samples.jsonl` in an output folder.
    pub fn samples(&self, out: &str) -> Vec<Value> {
        let text = self.read(&format!("{out}/samples.jsonl"));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The names in a folder, sorted; none where there is no folder.
    pub fn names(&self, folder: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(folder)).into_iter().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Makes the folder of a model whose configuration `change` has been at.
    pub fn model(&self, name: &str, change: impl FnOnce(&mut Value)) {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
        let read = |name: &str| std::fs::read(data.join(name)).unwrap();
        let mut config: Value = serde_json::from_slice(&read("tiny/llama/config.json")).unwrap();
        // Characters are many, and nothing in a rotary model bounds its positions.
        config["max_position_embeddings"] = 2048.into();
        change(&mut config);
        self.write(&format!("{name}/config.json"), config.to_string());
        self.write(&format!("{name}/model.safetensors"), read("tiny/llama/model.safetensors"));
        self.write(&format!("{name}/tokenizer.json"), read("tiny-tokenizer/tokenizer.json"));
    }

    /// Makes NaN of all numbers in a model's weights, which their header does not show.
    pub fn without_numbers(&self, name: &str) {
        let file = format!("{name}/model.safetensors");
        let mut bytes = std::fs::read(self.path(&file)).unwrap();
        let header = 8 + u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        bytes[header..].fill(0xff);
        self.write(&file, bytes);
    }

    /// SST-2 rows as `DIR/sst2/{train,validation}.jsonl`.
    pub fn data(&self, folder: &str, train: impl AsRef<[u8]>, validation: impl AsRef<[u8]>) {
        self.write(&format!("{folder}/sst2/train.jsonl"), train);
        self.write(&format!("{folder}/sst2/validation.jsonl"), validation);
    }

    /// The executable with arguments, in this folder, with nothing of the user's environment that matters to it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ft-host"));
        for name in [
            "CLICOLOR",
            "CLICOLOR_FORCE",
            "COLUMNS",
            "HF_DATASETS_OFFLINE",
            "HF_ENDPOINT",
            "HF_HUB_CACHE",
            "HF_TOKEN",
            "HUGGINGFACE_HUB_CACHE",
            "HUGGING_FACE_HUB_TOKEN",
            "NO_COLOR",
            "RUST_BACKTRACE",
            "RUST_LIB_BACKTRACE",
            "TRANSFORMERS_OFFLINE",
        ] {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .current_dir(self.0.path())
            .env("HOME", self.path("home"))
            .env("XDG_CACHE_HOME", self.path("home/cache"))
            .env("HF_HOME", self.path("home/hf"))
            .env("HF_HUB_OFFLINE", "1")
            .env("FT_HOST_CACHE", CACHE)
            .env("RAYON_NUM_THREADS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What the executable writes to a terminal of that many columns and rows, and its status; `change` has been at its
    /// environment. All terminals are xterm's unless it says otherwise.
    pub fn in_terminal(
        &self,
        (columns, rows): (u16, u16),
        arguments: &[&str],
        change: impl FnOnce(&mut Command),
    ) -> (Option<i32>, String) {
        const SCRIPT: &str = "
import fcntl, os, pty, struct, sys, termios
pid, terminal = pty.fork()
if pid == 0:
    size = struct.pack('HHHH', int(sys.argv[2]), int(sys.argv[1]), 0, 0)
    fcntl.ioctl(0, termios.TIOCSWINSZ, size)
    os.execv(sys.argv[3], sys.argv[3:])
while True:
    try:
        data = os.read(terminal, 1 << 16)
    except OSError:
        break
    if not data:
        break
    sys.stdout.buffer.write(data)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))";
        let host = self.command(arguments);
        let mut command = Command::new("python3");
        command.args(["-c", SCRIPT, &columns.to_string(), &rows.to_string()]);
        command.arg(host.get_program()).args(host.get_args()).current_dir(self.path(""));
        for (name, value) in host.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("TERM", "xterm").stdin(Stdio::null());
        change(&mut command);
        let output = command.output().expect("python3 makes the terminal");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    pub fn host(&self, arguments: &[&str]) -> Done {
        Done::of(self.command(arguments).output().unwrap())
    }

    /// `ft-host run` of SST-2 on the bundled sample with the tiny model into `out`, unless `more` says otherwise.
    pub fn sst2(&self, more: &[&str]) -> Done {
        Done::of(self.sst2_command(more).output().unwrap())
    }

    /// The same, not started.
    pub fn sst2_command(&self, more: &[&str]) -> Command {
        let task = guest("sst2");
        let defaults = [
            ("--task", task.as_str()),
            ("--model", "model"),
            ("--data", "sample"),
            ("--out", "out"),
            ("--device", "cpu"),
            // Tests are about something else than the selection, unless they say so.
            ("--select", "last"),
        ];
        let left_out = defaults.iter().filter(|(flag, _)| !more.contains(flag));
        let mut arguments = vec!["run"];
        arguments.extend(left_out.flat_map(|(flag, value)| [*flag, *value]));
        arguments.extend_from_slice(more);
        self.command(&arguments)
    }
}

impl Done {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("all output is UTF-8");
        let done = Self { status: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) };
        // Whatever happens, nothing that is printed acts on a terminal.
        for (name, text) in [("stdout", &done.stdout), ("stderr", &done.stderr)] {
            let is_bad = |c: &char| *c != '\n' && is_harmful(*c) && !is_joiner(*c);
            assert_eq!(text.chars().find(is_bad), None, "{name} has what acts on a terminal:\n{text}");
        }
        done
    }

    /// The output of a command that did what was asked.
    #[track_caller]
    pub fn good(self) -> Self {
        assert_eq!(self.status, Some(0), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Checks the failure of a command: its status, nothing on stdout, and the parts of its message in their order.
    #[track_caller]
    pub fn failed(self, status: i32, parts: &[&str]) -> Self {
        let Self { stdout, stderr, .. } = &self;
        assert_eq!(self.status, Some(status), "stdout:\n{stdout}\nstderr:\n{stderr}");
        assert_eq!(stdout, "", "stderr:\n{stderr}");
        let mut rest = stderr.as_str();
        for part in parts {
            match rest.split_once(part) {
                Some((_, after)) => rest = after,
                None => panic!("no {part:?} (in this place) in:\n{stderr}"),
            }
        }
        self
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}:\n{}", self.stdout))
    }
}

/// KiB of address space for a program that strangers' files are tried on.
const ADDRESS_SPACE: &str = "6000000";

/// What comes of a command that has 6,000,000 KiB of address space and so many seconds: one that takes more memory fails, and
/// one that takes longer is ended with status 124. Systems other than Linux need not keep such a bound.
pub fn bounded(mut command: Command, seconds: u32) -> Done {
    if !cfg!(target_os = "linux") {
        return Done::of(command.output().unwrap());
    }
    let mut within = Command::new("/bin/sh");
    within.args(["-c", &format!("ulimit -v {ADDRESS_SPACE} && exec timeout -k 5 \"$0\" \"$@\""), &seconds.to_string()]);
    within.arg(command.get_program()).args(command.get_args());
    within.current_dir(command.get_current_dir().expect("a command of these tests is run in a folder of its own"));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => within.env(name, value),
            None => within.env_remove(name),
        };
    }
    Done::of(within.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap())
}

/// Sends a signal by its name to a running executable.
pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(status.unwrap().success(), "no SIG{name} could be sent");
}

/// The log-likelihoods of sample records at one step, in the order of the examples.
pub fn logliks(samples: &[Value], step: u64) -> Vec<f64> {
    let of_step = samples.iter().filter(|sample| sample["step"] == step);
    of_step.flat_map(|sample| sample["loglik"].as_array().unwrap()).map(|x| x.as_f64().unwrap()).collect()
}

/// The largest difference between two lists of the same length.
pub fn apart(left: &[f64], right: &[f64]) -> f64 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}
