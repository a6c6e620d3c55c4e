//! A context to serve, and the servers that answer behind it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::Outcome;
use crate::support_serve::process::Server;

/// The program as it was built for this bench.
const HOST: &str = env!("CARGO_BIN_EXE_ft-host");
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// A saved context of SST-2's bundled sample, in a folder of its own.
pub struct Served {
    place: TempDir,
    model: Model,
    threads: String,
}

/// The model that is served.
pub enum Model {
    /// As `FT_BENCH_MODEL` names it.
    Given(PathBuf),
    /// Two layers with random weights, whose tokens are characters.
    Tiny,
}

impl Model {
    /// The model in words.
    pub fn name(&self) -> String {
        match self {
            // A folder's name says which model it is; the rest of the path is nobody's business.
            Self::Given(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
            Self::Tiny => "a tiny one of two layers".into(),
        }
    }
}

impl Served {
    /// Tunes five steps behind one demonstration of each class.
    pub fn tune(model: Model, threads: usize) -> Outcome<Self> {
        let served = Self { place: tempfile::tempdir()?, model, threads: threads.to_string() };
        if let Model::Tiny = served.model {
            served.write_tiny()?;
        }
        let model = match &served.model {
            Model::Given(path) => path.clone(),
            Model::Tiny => served.path("model"),
        };
        let mut tune = served.host("tune");
        tune.args([
            "--data",
            "sample",
            "--shots",
            "1",
            "--seed",
            "0",
            "--steps",
            "5",
            "--select",
            "last",
            "--dtype",
            "f32",
            "--offline",
        ]);
        tune.arg("--task").arg(plugin("sst2")?).arg("--optimizer").arg(plugin("momentum")?);
        tune.arg("--model").arg(model).arg("--out").arg(served.path("context"));
        let output = tune.output()?;
        if !output.status.success() {
            return Err(format!("`ft-host tune` failed: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(served)
    }

    /// The model in words.
    pub fn model(&self) -> String {
        self.model.name()
    }

    /// The text of the demonstrations, as the model read it.
    pub fn demonstrations(&self) -> Outcome<String> {
        let record: Value = serde_json::from_slice(&std::fs::read(self.path("context/context.json"))?)?;
        let text = record["plan"]["demonstrations"].as_str();
        Ok(text.ok_or("expected a text `plan.demonstrations` in `context.json`")?.to_owned())
    }

    /// `ft-host serve` of the context, with flags of its own and a folder named `name`.
    pub fn start(&self, name: &str, flags: &[&str]) -> Outcome<Server> {
        let mut serve = self.host("serve");
        let context = self.path("context");
        serve.arg("--context").arg(format!("sst2={}", context.display()));
        serve.args(["--listen", "127.0.0.1:0", "--offline"]).args(flags);
        serve.arg("--folder").arg(self.path(name));
        Ok(Server::start(serve, &self.path(&format!("{name}.log")))?)
    }

    fn host(&self, command: &str) -> Command {
        let mut host = Command::new(HOST);
        host.args([command, "--quiet", "--device", "cpu", "--threads", &self.threads]);
        host.current_dir(self.place.path()).stdin(Stdio::null());
        host
    }

    /// A path in the folder of this context.
    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    fn write_tiny(&self) -> Outcome<()> {
        let data = Path::new(ROOT).join("host/tests/data");
        std::fs::create_dir(self.path("model"))?;
        let mut config: Value = serde_json::from_slice(&std::fs::read(data.join("tiny/llama/config.json"))?)?;
        // Characters are many, and nothing in a rotary model bounds its positions.
        config["max_position_embeddings"] = json!(2048);
        std::fs::write(self.path("model/config.json"), config.to_string())?;
        std::fs::copy(data.join("tiny/llama/model.safetensors"), self.path("model/model.safetensors"))?;
        std::fs::copy(data.join("tiny-tokenizer/tokenizer.json"), self.path("model/tokenizer.json"))?;
        Ok(())
    }
}

fn plugin(name: &str) -> Outcome<PathBuf> {
    let path = Path::new(ROOT).join(format!("plugins/{name}.wasm"));
    Ok(path.canonicalize().map_err(|error| format!("{}: {error}; `cargo xtask plugins` builds it", path.display()))?)
}

/// The bodies of `POST /v1/predict`, one text each.
pub fn bodies(texts: &[String]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| json!({"texts": [text]}).to_string().into_bytes()).collect()
}
