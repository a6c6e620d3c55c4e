//! A temporary folder with the program, plugins, models and rows under fixed names, so that nothing that is printed
//! depends on where it is.
//!
//! Runs write to `runs/<name>`; what is recorded of them is in `recorded/<name>` until it is handed over.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use super::cases::Case;
use super::times;
use crate::workspace::Workspace;

/// A tokenizer of 52 pieces for the models of the tests, whose vocabularies begin at 64, and with which a prompt has
/// less than their 64 positions.
const PIECES: &str = include_str!("../../recorded_runs/pieces.json");

/// Variables by which a system finds libraries and folders. The program gets no other of the user's, since results or
/// messages could follow from them.
const ENVIRONMENT: [&str; 5] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SystemRoot", "TMPDIR"];

/// What there is to run, by name and in order.
pub struct Stock {
    /// Folders below `models/` with small models and the tokenizer of pieces.
    pub models: Vec<String>,
    /// Folders below `models/` with a checkpoint that is no whole model.
    pub pickles: Vec<String>,
    /// Folders below `tasks/` with a run file.
    pub tasks: Vec<String>,
    /// The components below `plugins/`, without their extension.
    pub plugins: Vec<String>,
}

pub struct Place {
    /// Removes the folder at the end.
    _folder: TempDir,
    /// The folder, without links in its path, as the program sees it.
    root: PathBuf,
    pub stock: Stock,
}

impl Place {
    /// Copies all that the runs need.
    ///
    /// # Errors
    /// If something is missing or cannot be copied.
    pub fn new(workspace: &Workspace, host: &Path, plugins: &Path) -> Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
        let root = folder.path().canonicalize().context("cannot find the temporary folder")?;
        let at = |name: &str| root.join(name);
        copy(host, &at(&program()))?;
        copy_folder(&workspace.path("xtask/recorded_runs/rows"), &at("rows"), |_| true)?;
        copy(&workspace.path("host/tests/data/tables/qasc.parquet"), &at("rows/qasc.parquet"))?;
        let is_component = |name: &str| name.ends_with(".wasm");
        copy_folder(&plugins.join("hostile"), &at("plugins/hostile"), is_component)?;
        let plugins = copy_folder(plugins, &at("plugins"), is_component)?;
        let plugins = plugins.iter().map(|name| name.trim_end_matches(".wasm").to_owned()).collect();
        let tasks = names(&workspace.path("tasks"), Path::is_dir)?;
        for task in &tasks {
            let run_file = format!("tasks/{task}/run.toml");
            copy(&workspace.path(&run_file), &at(&run_file))?;
        }
        let data = workspace.path("host/tests/data");
        let models = make_models(&data, &at("models"))?;
        let pickles = make_pickles(&data, &at("models"))?;
        Ok(Self { _folder: folder, root, stock: Stock { models, pickles, tasks, plugins } })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Does one run, records what it leaves and prints, and gives its exit status.
    ///
    /// # Errors
    /// If the program cannot be started, or if what it wrote is no text or cannot be read.
    pub fn record(&self, case: &Case) -> Result<Option<i32>> {
        if let Some(file) = case.halved {
            let bytes = read(&self.at(file))?;
            write(&self.at(file), &bytes[..bytes.len() / 2])?;
        }
        let recorded = format!("recorded/{}", case.name);
        let root = self.root.to_string_lossy();
        let keep = |name: &str, text: &str| {
            // Absolute paths are in a few messages.
            write(&self.at(&format!("{recorded}/{name}")), text.replace(&*root, "PLACE").as_bytes())
        };
        let words: Vec<&str> = case.arguments.iter().map(String::as_str).collect();
        let output = self.call("", &words)?;
        let mut printed = times::without_times_of_results(&times::without_time_columns(&text(output.stdout)?));
        if words.starts_with(&["plugin", "inspect"]) {
            printed = times::without_build(&printed);
        }
        let status = output.status.code();
        keep("command", &format!("ft-host {}\n", words.join(" ")))?;
        keep("status", &status.map_or("none: ended by a signal\n".to_owned(), |status| format!("{status}\n")))?;
        keep("stdout", &printed)?;
        keep("stderr", &text(output.stderr)?)?;

        let Some(left) = case.out().map(|out| self.at(out)).filter(|left| left.is_dir()) else {
            return Ok(status);
        };
        for name in names(&left, Path::is_file)? {
            let text = text(read(&left.join(&name))?)?;
            let without_times = match name.as_str() {
                "results.json" => times::without_times_of_results(&text),
                "trace.jsonl" => times::without_times_of_trace(&text),
                _ => text,
            };
            keep(&name, &without_times)?;
        }
        // Of what is recorded, so that the reports have no times either.
        for (flag, name) in [("--csv", "report.csv"), ("--markdown", "report.md")] {
            let report = self.call("recorded", &["report", flag, &case.name])?;
            keep(name, &(text(report.stdout)? + &text(report.stderr)?))?;
        }
        Ok(status)
    }

    /// Moves the recording out of the temporary folder.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn hand_over(&self, out: &Path) -> Result<()> {
        let recorded = self.at("recorded");
        for name in names(&recorded, Path::is_dir)? {
            copy_folder(&recorded.join(&name), &out.join(&name), |_| true)?;
        }
        Ok(())
    }

    /// The program with arguments, in a folder of the place, with nothing of the user's environment that matters to it.
    fn call(&self, folder: &str, arguments: &[&str]) -> Result<Output> {
        let mut command = Command::new(self.at(&program()));
        let kept = ENVIRONMENT.into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        command
            .env_clear()
            .envs(kept)
            .env("HOME", self.at("home"))
            .env("HF_HOME", self.at("home/hub"))
            .env("HF_HUB_OFFLINE", "1")
            .env("FT_HOST_CACHE", self.at("home/cache"))
            .current_dir(self.at(folder))
            .args(arguments)
            .stdin(Stdio::null());
        command.output().with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))
    }
}

/// The program's file, which gives its name in messages.
fn program() -> String {
    format!("ft-host{}", std::env::consts::EXE_SUFFIX)
}

/// The models of the tests with the tokenizer of pieces, and some of other forms; gives the former's names.
fn make_models(data: &Path, models: &Path) -> Result<Vec<String>> {
    let mut made = Vec::new();
    for group in ["tiny", "variants", "fp8"] {
        for name in names(&data.join(group), Path::is_dir)? {
            let model = format!("{group}-{name}");
            let is_models = |file: &str| file != "golden.safetensors" && file != "gradient.safetensors";
            copy_folder(&data.join(group).join(name), &models.join(&model), is_models)?;
            write(&models.join(&model).join("tokenizer.json"), PIECES.as_bytes())?;
            made.push(model);
        }
    }
    // The same numbers as its safetensors, which have precedence where both are.
    let pickle = models.join("variants-llama-pickle");
    copy_folder(&data.join("variants/llama"), &pickle, |file| file == "config.json" || file == "pytorch_model.bin")?;
    write(&pickle.join("tokenizer.json"), PIECES.as_bytes())?;
    made.push("variants-llama-pickle".into());

    // A token for each character, and room for them: for prompts of whole sentences.
    let config = read(&data.join("tiny/llama/config.json"))?;
    let mut config: Value = serde_json::from_slice(&config).context("tiny/llama/config.json")?;
    config["max_position_embeddings"] = 8192.into();
    let characters = models.join("characters");
    write(&characters.join("config.json"), config.to_string().as_bytes())?;
    copy(&data.join("tiny/llama/model.safetensors"), &characters.join("model.safetensors"))?;
    copy(&data.join("tiny-tokenizer/tokenizer.json"), &characters.join("tokenizer.json"))?;
    copy(&data.join("tiny-gguf/tiny.gguf"), &models.join("tiny.gguf"))?;

    // For prompts alone.
    copy(&data.join("tokenizers/sentence_piece.gguf"), &models.join("sentence_piece.gguf"))?;
    write(&models.join("merges/config.json"), config.to_string().as_bytes())?;
    for file in ["vocab.json", "merges.txt", "tokenizer_config.json"] {
        copy(&data.join("tokenizers/bpe").join(file), &models.join("merges").join(file))?;
    }
    Ok(made)
}

/// Every checkpoint of the pickle tests as the weights of a model, which it is not; gives the models' names.
fn make_pickles(data: &Path, models: &Path) -> Result<Vec<String>> {
    let mut made = Vec::new();
    for file in names(&data.join("pickles"), |path| path.extension().is_some_and(|extension| extension == "bin"))? {
        let model = format!("pickle-{}", file.trim_end_matches(".bin"));
        copy(&data.join("pickles").join(file), &models.join(&model).join("pytorch_model.bin"))?;
        copy(&data.join("tiny/llama/config.json"), &models.join(&model).join("config.json"))?;
        write(&models.join(&model).join("tokenizer.json"), PIECES.as_bytes())?;
        made.push(model);
    }
    Ok(made)
}

/// The sorted names in a folder whose paths are what is asked.
fn names(folder: &Path, wanted: impl Fn(&Path) -> bool) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        if wanted(&entry.path()) {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Copies a folder's files and folders whose names are wanted; gives the names of the files at its top.
fn copy_folder(from: &Path, to: &Path, wanted: impl Fn(&str) -> bool + Copy) -> Result<Vec<String>> {
    let mut copied = names(from, Path::is_file)?;
    copied.retain(|name| wanted(name));
    for name in &copied {
        copy(&from.join(name), &to.join(name))?;
    }
    for name in names(from, Path::is_dir)?.iter().filter(|name| wanted(name)) {
        copy_folder(&from.join(name), &to.join(name), wanted)?;
    }
    Ok(copied)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    make_parent(to)?;
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    make_parent(path)?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

fn make_parent(path: &Path) -> Result<()> {
    let parent = path.parent().with_context(|| format!("expected a path within a folder, got {}", path.display()))?;
    fs::create_dir_all(parent).with_context(|| format!("cannot make {}", parent.display()))
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn text(bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).context("expected UTF-8 of the program")
}
