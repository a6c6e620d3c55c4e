//! What a run can be told: the same names as flags and in a run file, and the same meaning.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::default_optimizer;
use super::limits::{LimitSettings, PLUGIN_LIMITS};
use super::values::{self, Bytes, Text};
use crate::run::{self, HeldOut, RunConfig, RunError, ScoreSteps, Seeds, Select, TaskConfig};
use ft_engine::model::device::{DTypeChoice, DeviceChoice};
use ft_engine::model::weights::WeightFormat;
use ft_engine::task::sampling::Sampling;
use ft_engine::tune::Positions;
use ft_sandbox::Limits;
use ft_store::datasets::location::DataLocation;
use ft_store::models::catalogue::DEFAULT_MODEL;
use ft_store::models::source::looks_like_a_path;
use ft_store::plugin_path::{PluginPath, is_bare};
use ft_store::table::Quoting;

/// Query tokens that run together: enough rows for the matrix products to be at their best, few enough to stop soon.
const BATCH_TOKENS: usize = 1024;

/// Deep-Thinking steps in the paper.
const STEPS: usize = 15;

/// All settings of a run; what is not set stays open until [`Settings::with_defaults`].
#[derive(Args, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    /// The task plugin, a WebAssembly component: a file, or its name on the plugin path (`ft-host plugin list`).
    #[arg(long, value_name = "FILE|NAME")]
    task: Option<PathBuf>,

    /// The optimizer plugin, a file or a name like the task [default: momentum.wasm beside the task plugin or on the
    /// plugin path].
    #[arg(long, value_name = "FILE|NAME")]
    optimizer: Option<PathBuf>,

    /// Refuse any plugin whose file has another SHA-256 than this; may be given several times.
    #[arg(long, value_name = "SHA256", value_parser = values::sha256)]
    #[serde(with = "one_or_more", skip_serializing_if = "Vec::is_empty")]
    require_digest: Vec<String>,

    /// A GGUF file, a folder with config.json, a name of the catalogue (`ft-host model list`), or owner/name[@revision]
    /// on the hub [default: smollm2-135m-instruct].
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,

    /// Where rows come from: `sample` for the bundled sample, a folder with DIR/<data set>/<split>.jsonl (.json, .parquet,
    /// .csv, .tsv), or evaluation=FILE and demonstrations=FILE for single splits; may be given several times
    /// [default: the data set's repository on the hub].
    #[arg(long, value_name = "sample|DIR|SPLIT=FILE")]
    #[serde(with = "one_or_more", skip_serializing_if = "Vec::is_empty")]
    data: Vec<String>,

    /// Whether cells of CSV and TSV files may stand in double quotes: `csv` as RFC 4180 has it, `none` for quotes that are
    /// characters like others, `auto` for `csv` in CSV and `none` in TSV [default: auto].
    #[arg(long, value_name = "auto|csv|none")]
    quoting: Option<Text<Quoting>>,

    /// Leave out rows that cannot be read, that the task does not take, or that cannot be scored (too long for the model,
    /// nothing to score), and count them.
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    skip_bad_rows: bool,

    /// Deep-Thinking steps; step 1 is plain in-context learning [default: 15].
    #[arg(long, value_name = "N", value_parser = values::steps)]
    steps: Option<usize>,

    /// How demonstrations are chosen: `stratified` by class where the task has classes, `random`, `written` by the task's
    /// author, or the `first` rows [default: stratified].
    #[arg(long, value_name = "HOW")]
    sampling: Option<Text<Sampling>>,

    /// Demonstrations; with `--sampling stratified` and a task with classes, demonstrations of each class [default: 1, or all
    /// that are written].
    #[arg(long, value_name = "N", value_parser = values::shots)]
    shots: Option<usize>,

    /// Seeds the choice of demonstrations and evaluation rows [default: 0].
    #[arg(long, value_name = "SEED", conflicts_with = "seeds")]
    seed: Option<u64>,

    /// Several seeds, one after the other: 0..5 (without 5), 0..=4, or 0,1,2.
    #[arg(long, value_name = "SEEDS")]
    seeds: Option<Text<Seeds>>,

    /// Score only N evaluation rows, drawn at random by the seed, the same ones for every optimizer and step [default: all,
    /// or as many as the task draws].
    #[arg(long, value_name = "N", value_parser = values::at_least_one)]
    sample: Option<usize>,

    /// Score only the first N evaluation rows that are not left out; many splits are sorted, and `--sample` draws from all of
    /// one.
    #[arg(long, value_name = "N", value_parser = values::at_least_one)]
    limit: Option<usize>,

    /// Score evaluation rows too that are demonstrations, which are left out otherwise.
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    allow_overlap: bool,

    /// Which steps to score, besides zero-shot and step 1: `all`, `last`, or a list like 5,10,15 [default: all].
    #[arg(long, value_name = "STEPS")]
    score_steps: Option<Text<ScoreSteps>>,

    /// Which step is the result: the `last`, the one at which `held-out` examples are likeliest, or the one at which the
    /// cache has `converged` [default: last].
    #[arg(long, value_enum)]
    select: Option<SelectBy>,

    /// What `--select held-out` looks at: `leave-one-out` for the demonstrations themselves, or a number of further rows of
    /// their split [default: leave-one-out, or 32 rows where there is one demonstration].
    #[arg(long, value_name = "leave-one-out|N")]
    held_out: Option<Text<HeldOut>>,

    /// With `--select converged`: stop when the pseudo-gradient's norm over the whole cache is below this (see trace.jsonl);
    /// without it the optimizer decides.
    #[arg(long, value_name = "NORM", value_parser = values::positive)]
    until_norm: Option<f64>,

    /// Position ids of the passes from step 2 on: `continue` after the first pass, as published, or `restart` at 0
    /// [default: continue].
    #[arg(long, value_enum)]
    positions: Option<PositionIds>,

    /// Go on with a cache that has a NaN or an infinity in it, for research; a step that no prediction follows from is
    /// left out, and the results say so.
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    allow_nonfinite: bool,

    /// Where the model runs: `auto`, `cpu`, `cuda` or `cuda:N` [default: auto].
    #[arg(long)]
    device: Option<Text<DeviceChoice>>,

    /// Number format: `auto` (f32 on the CPU, bf16 on CUDA), `f32`, `bf16` or `f16` [default: auto].
    #[arg(long)]
    dtype: Option<Text<DTypeChoice>>,

    /// How weight matrices are held: `dense` in the number format, or `quantized` in 8 bit [default: dense].
    #[arg(long, value_enum)]
    weights: Option<WeightsAs>,

    /// Threads for computing [default: one for each core].
    #[arg(long, value_name = "N", value_parser = values::threads)]
    threads: Option<usize>,

    /// Query tokens that run together; results do not depend on it [default: 1024].
    #[arg(long, value_name = "N", value_parser = values::batch_tokens)]
    batch_tokens: Option<usize>,

    /// Folder for results; in a run file relative to that file, as all its paths are [default: runs/<task> in the current
    /// folder].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Use no network.
    #[arg(long)]
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    offline: bool,

    /// The folder of the hub's downloads, as `cache_dir` of the Hugging Face tools [default: HF_HUB_CACHE, or hub in
    /// HF_HOME].
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,

    /// Instructions for each call, in WebAssembly fuel [default: 10000000000]
    #[arg(long, value_name = "FUEL", help_heading = PLUGIN_LIMITS)]
    plugin_fuel: Option<u64>,

    /// Seconds for each call [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds, help_heading = PLUGIN_LIMITS)]
    plugin_time: Option<f64>,

    /// Seconds for compiling one plugin, once for each version of it; three times as long for more than 4 MiB [default: 20]
    #[arg(long, value_name = "SECONDS", value_parser = values::seconds, help_heading = PLUGIN_LIMITS)]
    plugin_compile_time: Option<f64>,

    /// Bytes of address space for compiling one plugin, with k, M or G [default: 1G]
    #[arg(long, value_name = "BYTES", help_heading = PLUGIN_LIMITS)]
    plugin_compile_memory: Option<Text<Bytes>>,

    /// Bytes of linear memory, with k, M or G [default: 256M]
    #[arg(long, value_name = "BYTES", help_heading = PLUGIN_LIMITS)]
    plugin_memory: Option<Text<Bytes>>,

    /// Table elements, and handles to host resources [default: 100000]
    #[arg(long, value_name = "N", help_heading = PLUGIN_LIMITS)]
    plugin_tables: Option<usize>,

    /// Bytes that one call moves across the boundary, with k, M or G [default: 64M]
    #[arg(long, value_name = "BYTES", help_heading = PLUGIN_LIMITS)]
    plugin_call_bytes: Option<Text<Bytes>>,

    /// Bytes of live tensors that the plugin made, with k, M or G [default: 2G]
    #[arg(long, value_name = "BYTES", help_heading = PLUGIN_LIMITS)]
    plugin_tensor_bytes: Option<Text<Bytes>>,

    /// Budgets of the task alone; they stay within the flags.
    #[arg(skip)]
    #[serde(skip_serializing_if = "LimitSettings::is_empty")]
    task_limits: LimitSettings,

    /// Budgets of the optimizer alone; they stay within the flags.
    #[arg(skip)]
    #[serde(skip_serializing_if = "LimitSettings::is_empty")]
    optimizer_limits: LimitSettings,

    /// Set an option of the optimizer.
    #[arg(short = 'O', long = "optimizer-option", value_name = "NAME=VALUE", value_parser = values::name_and_value)]
    #[serde(with = "plugin_options", skip_serializing_if = "Vec::is_empty")]
    optimizer_options: Vec<(String, String)>,

    /// Set an option of the task.
    #[arg(short = 'T', long = "task-option", value_name = "NAME=VALUE", value_parser = values::name_and_value)]
    #[serde(with = "plugin_options", skip_serializing_if = "Vec::is_empty")]
    task_options: Vec<(String, String)>,
}

/// What a user insists on for one call of the program; no run file says it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Insistence {
    /// To set an earlier run aside.
    pub restart: bool,
    /// To run even where memory will not be enough, or where the model has settings or tensors that nobody here knows.
    pub force: bool,
}

/// How the step that is the result is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SelectBy {
    Last,
    HeldOut,
    Converged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PositionIds {
    Continue,
    Restart,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WeightsAs {
    Dense,
    Quantized,
}

/// Changes the path in what `--data` takes: `DIR` or `SPLIT=FILE`; `sample` is none.
fn change_data(text: &mut String, change: impl Fn(&Path) -> PathBuf) {
    let (before, path) = match text.split_once('=') {
        Some((split, path)) => (format!("{split}="), path),
        None if text == "sample" => return,
        None => (String::new(), text.as_str()),
    };
    *text = format!("{before}{}", change(Path::new(path)).display());
}

/// Changes what `--model` takes where it is a path: where there is something under the changed one, or where the text has
/// the form of no name.
fn change_model(text: &mut String, change: impl Fn(&Path) -> PathBuf) {
    let changed = change(Path::new(text.as_str()));
    if changed.exists() || looks_like_a_path(text) {
        *text = changed.display().to_string();
    }
}

/// A text, or a list of texts.
mod one_or_more {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMore {
        One(String),
        More(Vec<String>),
    }

    pub fn serialize<S: Serializer>(texts: &[String], serializer: S) -> Result<S::Ok, S::Error> {
        match texts {
            [one] => one.serialize(serializer),
            more => more.serialize(serializer),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
        Ok(match OneOrMore::deserialize(deserializer)? {
            OneOrMore::One(text) => vec![text],
            OneOrMore::More(texts) => texts,
        })
    }
}

/// Options of a plugin are a table in a run file, with values of any kind.
mod plugin_options {
    use super::*;
    use serde::{Deserializer, Serializer};

    pub fn serialize<S: Serializer>(options: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(options.iter().map(|(name, value)| (name, value)))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<(String, String)>, D::Error> {
        let table = BTreeMap::<String, toml::Value>::deserialize(deserializer)?;
        let text = |value: toml::Value| match value {
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(table.into_iter().map(|(name, value)| (name, text(value))).collect())
    }
}

impl Settings {
    /// Reads a run file whose paths are relative to `folder`. `expand` replaces `~` and variables in them.
    ///
    /// # Errors
    /// What is wrong with it, with the line.
    pub fn parse(text: &str, folder: &Path, expand: fn(&Path) -> PathBuf) -> Result<Self, toml::de::Error> {
        let mut settings: Self = toml::from_str(text)?;
        settings.check().map_err(serde::de::Error::custom)?;
        settings.expand(folder, expand);
        let join = |path: &mut PathBuf| *path = folder.join(&*path);
        // A bare name is looked for beside the file, and later on the plugin path.
        let join_plugin = |path: &mut PathBuf| {
            if !is_bare(path) || folder.join(&*path).is_file() {
                join(path);
            }
        };
        settings.task.iter_mut().for_each(join_plugin);
        settings.optimizer.iter_mut().for_each(join_plugin);
        settings.out.iter_mut().for_each(join);
        settings.cache_dir.iter_mut().for_each(join);
        settings.data.iter_mut().for_each(|data| change_data(data, |path| folder.join(path)));
        settings.model.iter_mut().for_each(|model| change_model(model, |path| folder.join(path)));
        Ok(settings)
    }

    /// Replaces `~` and variables in all paths: no shell has seen those of a run file, and none expands `~` behind the `=`
    /// of a flag. A name with `$` in it that is there, below `folder`, is taken as it is written.
    pub fn expand(&mut self, folder: &Path, expand: fn(&Path) -> PathBuf) {
        let is_there =
            |path: &Path| !path.as_os_str().as_encoded_bytes().starts_with(b"~") && folder.join(path).exists();
        let expand = |path: &Path| if is_there(path) { path.to_owned() } else { expand(path) };
        let Self { task, optimizer, out, cache_dir, .. } = self;
        for path in [task, optimizer, out, cache_dir].into_iter().flatten() {
            *path = expand(path);
        }
        self.data.iter_mut().for_each(|data| change_data(data, expand));
        self.model.iter_mut().for_each(|model| change_model(model, expand));
    }

    /// Holds what a file says to what the flags take.
    fn check(&mut self) -> Result<(), String> {
        fn held<T: ToString, U>(
            name: &str,
            value: Option<T>,
            flag: fn(&str) -> Result<U, String>,
        ) -> Result<(), String> {
            let Some(text) = value.map(|value| value.to_string()) else { return Ok(()) };
            flag(&text).map(|_| ()).map_err(|expected| format!("`{name} = {text}`: {expected}"))
        }
        held("steps", self.steps, values::steps)?;
        held("shots", self.shots, values::shots)?;
        held("sample", self.sample, values::at_least_one)?;
        held("limit", self.limit, values::at_least_one)?;
        held("threads", self.threads, values::threads)?;
        held("batch-tokens", self.batch_tokens, values::batch_tokens)?;
        held("until-norm", self.until_norm, values::positive)?;
        held("plugin-time", self.plugin_time, values::seconds)?;
        held("plugin-compile-time", self.plugin_compile_time, values::seconds)?;
        for (table, limits) in [("task-limits", self.task_limits), ("optimizer-limits", self.optimizer_limits)] {
            if let Some(fault) = limits.fault() {
                return Err(format!("[{table}] {fault}"));
            }
        }
        for digest in &mut self.require_digest {
            held("require-digest", Some(&*digest), values::sha256)?;
            *digest = values::sha256(digest)?;
        }
        Ok(())
    }

    /// These settings, and `other`'s where they say nothing.
    pub fn or(self, other: Self) -> Self {
        let flags = self.limits();
        // One way of saying which seeds replaces the other; so does one way of choosing the step.
        let (seed, seeds) = match (self.seed, self.seeds) {
            (None, None) => (other.seed, other.seeds),
            given => given,
        };
        let (select, held_out, until_norm) = match self.select {
            Some(_) => (self.select, self.held_out, self.until_norm),
            None => (other.select, self.held_out.or(other.held_out), self.until_norm.or(other.until_norm)),
        };
        Self {
            task: self.task.or(other.task),
            optimizer: self.optimizer.or(other.optimizer),
            require_digest: if self.require_digest.is_empty() { other.require_digest } else { self.require_digest },
            allow_nonfinite: self.allow_nonfinite || other.allow_nonfinite,
            task_limits: self.task_limits.or(other.task_limits.at_most(&flags)),
            optimizer_limits: self.optimizer_limits.or(other.optimizer_limits.at_most(&flags)),
            model: self.model.or(other.model),
            data: if self.data.is_empty() { other.data } else { self.data },
            quoting: self.quoting.or(other.quoting),
            skip_bad_rows: self.skip_bad_rows || other.skip_bad_rows,
            steps: self.steps.or(other.steps),
            sampling: self.sampling.or(other.sampling),
            shots: self.shots.or(other.shots),
            seed,
            seeds,
            sample: self.sample.or(other.sample),
            limit: self.limit.or(other.limit),
            allow_overlap: self.allow_overlap || other.allow_overlap,
            score_steps: self.score_steps.or(other.score_steps),
            select,
            held_out,
            until_norm,
            positions: self.positions.or(other.positions),
            device: self.device.or(other.device),
            dtype: self.dtype.or(other.dtype),
            weights: self.weights.or(other.weights),
            threads: self.threads.or(other.threads),
            batch_tokens: self.batch_tokens.or(other.batch_tokens),
            out: self.out.or(other.out),
            offline: self.offline || other.offline,
            cache_dir: self.cache_dir.or(other.cache_dir),
            plugin_fuel: self.plugin_fuel.or(other.plugin_fuel),
            plugin_time: self.plugin_time.or(other.plugin_time),
            plugin_compile_time: self.plugin_compile_time.or(other.plugin_compile_time),
            plugin_compile_memory: self.plugin_compile_memory.or(other.plugin_compile_memory),
            plugin_memory: self.plugin_memory.or(other.plugin_memory),
            plugin_tables: self.plugin_tables.or(other.plugin_tables),
            plugin_call_bytes: self.plugin_call_bytes.or(other.plugin_call_bytes),
            plugin_tensor_bytes: self.plugin_tensor_bytes.or(other.plugin_tensor_bytes),
            optimizer_options: merged(self.optimizer_options, other.optimizer_options),
            task_options: merged(self.task_options, other.task_options),
        }
    }

    /// These settings, and the defaults where they say nothing and there is a default that is the same everywhere.
    pub fn with_defaults(self) -> Self {
        let limits = Limits::default();
        self.or(Self {
            model: Some(DEFAULT_MODEL.into()),
            quoting: Some(Text(Quoting::Auto)),
            steps: Some(STEPS),
            sampling: Some(Text(Sampling::Stratified)),
            seed: Some(0),
            score_steps: Some(Text(ScoreSteps::All)),
            select: Some(SelectBy::Last),
            positions: Some(PositionIds::Continue),
            device: Some(Text(DeviceChoice::Auto)),
            dtype: Some(Text(DTypeChoice::Auto)),
            weights: Some(WeightsAs::Dense),
            batch_tokens: Some(BATCH_TOKENS),
            plugin_fuel: Some(limits.fuel),
            plugin_time: Some(limits.time.as_secs_f64()),
            plugin_compile_time: Some(limits.compile_time.as_secs_f64()),
            plugin_compile_memory: Some(Text(Bytes(limits.compile_memory))),
            plugin_memory: Some(Text(Bytes(limits.memory))),
            plugin_tables: Some(limits.table_elements),
            plugin_call_bytes: Some(Text(Bytes(limits.call_bytes))),
            plugin_tensor_bytes: Some(Text(Bytes(limits.tensor_bytes))),
            ..Self::default()
        })
    }

    /// A run file that says the same from any folder.
    ///
    /// # Errors
    /// The serialiser's, and a current folder that is gone.
    pub fn to_toml(&self) -> anyhow::Result<String> {
        let mut settings = self.clone();
        let paths = [&mut settings.task, &mut settings.optimizer, &mut settings.out, &mut settings.cache_dir];
        for path in paths.into_iter().flatten() {
            *path = std::path::absolute(&*path)?;
        }
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        settings.data.iter_mut().for_each(|data| change_data(data, absolute));
        settings.model.iter_mut().for_each(|model| change_model(model, absolute));
        Ok(toml::to_string(&settings)?)
    }

    /// The budgets of all plugins.
    fn limits(&self) -> LimitSettings {
        LimitSettings {
            fuel: self.plugin_fuel,
            time: self.plugin_time,
            compile_time: self.plugin_compile_time,
            compile_memory: self.plugin_compile_memory,
            memory: self.plugin_memory,
            tables: self.plugin_tables,
            call_bytes: self.plugin_call_bytes,
            tensor_bytes: self.plugin_tensor_bytes,
        }
    }

    /// These settings with the files of the plugins that they name.
    ///
    /// # Errors
    /// A name that is on no folder of the path.
    pub fn with_plugins(mut self, path: &PluginPath) -> Result<Self, RunError> {
        for plugin in [&mut self.task, &mut self.optimizer].into_iter().flatten() {
            *plugin = run::find_plugin(path, plugin)?;
        }
        Ok(self)
    }

    /// The number of threads asked for.
    pub fn threads(&self) -> Option<usize> {
        self.threads
    }

    /// Where the hub's downloads are, if not where the environment says.
    pub fn cache_dir(&self) -> Option<PathBuf> {
        self.cache_dir.clone()
    }

    /// Whether the network is not to be used.
    pub fn offline(&self) -> bool {
        self.offline
    }

    /// The run that these settings, with the defaults, ask for.
    ///
    /// # Errors
    /// No task, no optimizer, settings that contradict each other.
    pub fn into_config(self, threads: usize, insist: Insistence, path: &PluginPath) -> Result<RunConfig, RunError> {
        let settings = self.with_defaults();
        let select = settings.select()?;
        let limits = settings.limits().over(&Limits::default());
        let seeds = match (settings.seed, settings.seeds) {
            (Some(_), Some(_)) => {
                return Err(RunError::Settings("`seed` and `seeds` are both set; one says it all".into()));
            }
            (_, Some(Text(Seeds(seeds)))) => seeds,
            (seed, None) => seed.into_iter().collect(),
        };
        let Some(task) = settings.task else { return Err(RunError::Settings("no task was named".into())) };
        let optimizer = match settings.optimizer {
            Some(path) => path,
            None => default_optimizer::find(&task, path)?,
        };
        Ok(RunConfig {
            out: settings.out.unwrap_or_else(|| PathBuf::from("runs").join(task.file_stem().unwrap_or_default())),
            task: TaskConfig {
                plugin: task,
                options: settings.task_options,
                data: DataLocation::parse(&settings.data)
                    .map_err(RunError::Settings)?
                    .with_quoting(settings.quoting.map_or(Quoting::Auto, |Text(quoting)| quoting)),
                skip_bad_rows: settings.skip_bad_rows,
                sampling: settings.sampling.map_or(Sampling::Stratified, |Text(sampling)| sampling),
                shots: settings.shots,
                sample: settings.sample,
                limits: settings.task_limits.over(&limits),
            },
            optimizer,
            optimizer_options: settings.optimizer_options,
            optimizer_limits: settings.optimizer_limits.over(&limits),
            required_digests: settings.require_digest,
            allow_nonfinite: settings.allow_nonfinite,
            model: settings.model.unwrap_or_default(),
            seeds,
            steps: settings.steps.unwrap_or(STEPS),
            limit: settings.limit,
            allow_overlap: settings.allow_overlap,
            score_steps: settings.score_steps.map_or(ScoreSteps::All, |Text(steps)| steps),
            select,
            positions: match settings.positions {
                Some(PositionIds::Restart) => Positions::Restart,
                Some(PositionIds::Continue) | None => Positions::Continue,
            },
            device: settings.device.map_or(DeviceChoice::Auto, |Text(device)| device),
            dtype: settings.dtype.map_or(DTypeChoice::Auto, |Text(dtype)| dtype),
            weights: match settings.weights {
                Some(WeightsAs::Quantized) => WeightFormat::Quantized,
                Some(WeightsAs::Dense) | None => WeightFormat::Dense,
            },
            threads,
            batch_tokens: settings.batch_tokens.unwrap_or(BATCH_TOKENS),
            force: insist.force,
            restart: insist.restart,
        })
    }

    fn select(&self) -> Result<Select, RunError> {
        let contradiction = |flag: &str, value: &str| {
            Err(RunError::Settings(format!(
                "`--{flag}` says how `--select {value}` works, and the step is not chosen that way"
            )))
        };
        match self.select {
            Some(SelectBy::HeldOut) if self.until_norm.is_none() => {
                Ok(Select::HeldOut(self.held_out.map_or(HeldOut::Either, |Text(held_out)| held_out)))
            }
            Some(SelectBy::Converged) if self.held_out.is_none() => {
                Ok(Select::Converged { until_norm: self.until_norm })
            }
            _ if self.held_out.is_some() => contradiction("held-out", "held-out"),
            _ if self.until_norm.is_some() => contradiction("until-norm", "converged"),
            _ => Ok(Select::Last),
        }
    }
}

/// The options of `first`, and those of `second` that `first` does not set.
fn merged(first: Vec<(String, String)>, second: Vec<(String, String)>) -> Vec<(String, String)> {
    let further = second.into_iter().filter(|(name, _)| !first.iter().any(|(known, _)| known == name));
    let further: Vec<(String, String)> = further.collect();
    first.into_iter().chain(further).collect()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};
    use proptest::prelude::*;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        settings: Settings,
    }

    fn flags(arguments: &[&str]) -> Settings {
        Line::try_parse_from([&["ft-host"], arguments].concat()).unwrap().settings
    }

    fn file(text: &str) -> Settings {
        Settings::parse(text, Path::new("tasks/x"), Path::to_owned).unwrap()
    }

    #[test]
    fn a_run_file_has_the_flags_by_their_names() {
        let text = "task = \"../a.wasm\"\nsteps = 3\nseeds = \"0..3\"\nsample = 9\nlimit = 7\nallow-overlap = true\nscore-steps = \"last\"\nheld-out = 5\n\
            select = \"held-out\"\nplugin-memory = 1024\n[optimizer-options]\nstep_size = 0.5\nnesterov = true\n";
        let expected = [
            "--task",
            "tasks/x/../a.wasm",
            "--steps",
            "3",
            "--seeds",
            "0,1,2",
            "--sample",
            "9",
            "--limit",
            "7",
            "--allow-overlap",
            "--score-steps",
            "last",
            "--held-out",
            "5",
            "--select",
            "held-out",
            "--plugin-memory",
            "1k",
            "-O",
            "nesterov=true",
            "-O",
            "step_size=0.5",
        ];
        assert_eq!(file(text), flags(&expected));
    }

    #[test]
    fn flags_win_over_the_file() {
        let both = flags(&["--steps", "2", "--seed", "9", "-O", "a=1"])
            .or(file("steps = 5\nshots = 4\nseeds = \"0..3\"\n[optimizer-options]\na = 2\nb = 3\n"));
        assert_eq!(both, flags(&["--steps", "2", "--shots", "4", "--seed", "9", "-O", "a=1", "-O", "b=3"]));
        let chosen = flags(&["--select", "last"]).or(file("select = \"held-out\"\nheld-out = 8\n"));
        assert_eq!(chosen.select().unwrap(), Select::Last);
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same() {
        let settings = flags(&[
            "--task",
            "/t.wasm",
            "--seeds",
            "1..4",
            "--held-out",
            "4",
            "--select",
            "held-out",
            "-T",
            "prompt=sp",
        ]);
        let settings = settings.with_defaults();
        let text = settings.to_toml().unwrap();
        assert_eq!(Settings::parse(&text, Path::new("/elsewhere"), Path::to_owned).unwrap(), settings, "{text}");
    }

    /// Whether or not something is there: what a file says does not depend on where the user stands.
    #[test]
    fn paths_of_a_run_file_are_relative_to_it() {
        let text = "task = \"../a.wasm\"\nout = \"res\"\nmodel = \"./m\"\ncache-dir = \"/c\"\n\
            data = [\"evaluation=e.jsonl\", \"d\", \"sample\"]\n";
        let settings = file(text);
        let paths = [&settings.task, &settings.out, &settings.cache_dir].map(|path| path.as_deref().unwrap());
        assert_eq!(paths, ["tasks/x/../a.wasm", "tasks/x/res", "/c"].map(Path::new));
        assert_eq!(settings.data, ["evaluation=tasks/x/e.jsonl", "tasks/x/d", "sample"]);
        assert_eq!(settings.model.as_deref(), Some("tasks/x/./m"));
        for name in ["owner/name", "owner/name@refs/pr/1", "smollm2-135m-instruct"] {
            assert_eq!(file(&format!("model = \"{name}\"")).model.as_deref(), Some(name));
        }
        assert_eq!((file("task = \"a\"").task, file("task = \"a\"").out), (Some("a".into()), None));
    }

    #[test]
    fn paths_of_a_run_file_are_expanded() {
        fn expand(path: &Path) -> PathBuf {
            path.to_str().unwrap().replace('~', "/home/u").replace("$D", "sub").into()
        }
        let text = "task = \"~/a.wasm\"\nout = \"$D/res\"\nmodel = \"~/m\"\ndata = \"evaluation=~/$D/e.jsonl\"\n";
        let settings = Settings::parse(text, Path::new("tasks/x"), expand).unwrap();
        assert_eq!(settings.task, Some("/home/u/a.wasm".into()));
        assert_eq!(settings.out, Some("tasks/x/sub/res".into()));
        assert_eq!(settings.model.as_deref(), Some("/home/u/m"));
        assert_eq!(settings.data, ["evaluation=/home/u/sub/e.jsonl"]);
    }

    #[test]
    fn a_mistake_in_a_run_file_is_named_with_its_line() {
        for (text, part) in [
            ("steps = 3\nsteeps = 4\n", "unknown field `steeps`"),
            ("steps = 3\nseeds = \"x\"\n", "`x` is no list of seeds"),
            ("steps = 3\nselect = \"best\"\n", "unknown variant `best`"),
            ("steps = 3\nshots = \"many\"\n", "invalid type"),
        ] {
            let error = Settings::parse(text, Path::new(""), Path::to_owned).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("line 2"), "{error}");
        }
    }

    #[test]
    fn a_run_file_is_held_to_what_the_flags_take() {
        let refused =
            |text: &str| Settings::parse(text, Path::new("x"), Path::to_owned).err().map(|error| error.to_string());
        for name in ["steps", "shots", "sample", "limit", "threads", "batch-tokens"] {
            let message = refused(&format!("{name} = 0")).unwrap();
            assert!(message.contains(&format!("`{name} = 0`: expected a whole number from 1 to ")), "{message}");
        }
        for text in ["plugin-time = -1.0", "plugin-time = nan", "plugin-time = 1e300", "until-norm = inf"] {
            let message = refused(text).unwrap();
            assert!(message.contains("a positive number"), "{text}: {message}");
        }
        assert!(refused("require-digest = \"abc\"").unwrap().contains("64 hexadecimal digits"));
        let capital = format!("require-digest = \"{}\"", "A".repeat(64));
        assert_eq!(file(&capital).require_digest, ["a".repeat(64)]);
    }

    /// Names of the options that take no text of all kinds.
    fn choosy() -> Vec<String> {
        let takes_all = |name: &str| Line::try_parse_from(["ft-host", &format!("--{name}=x")]).is_ok();
        let command = Line::command();
        let with_value = command.get_arguments().filter(|argument| argument.get_action().takes_values());
        with_value
            .filter_map(|argument| argument.get_long())
            .filter(|name| !takes_all(name))
            .map(str::to_owned)
            .collect()
    }

    /// Numbers at the edges of what types hold, as a run file and a shell write them.
    fn extreme() -> impl Strategy<Value = String> {
        let whole =
            [0, 1, -1, 255, 256, 65536, i64::from(u32::MAX), 1 << 53, i64::MAX, i64::MIN].map(|n| n.to_string());
        let broken = ["0.0", "-0.0", "0.5", "1e-320", "1e15", "1e308", "-1e308", "nan", "-nan", "inf", "-inf"];
        let edges: Vec<String> = whole.into_iter().chain(broken.map(str::to_owned)).collect();
        prop_oneof![prop::sample::select(edges), any::<i64>().prop_map(|n| n.to_string())]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Whatever number an option is given, a run file takes it if the flag does, as the same, and if not, says which
        /// option is wrong.
        #[test]
        fn files_and_flags_take_the_same_numbers(name in prop::sample::select(choosy()), value in extreme()) {
            let flag = Line::try_parse_from(["ft-host", &format!("--{name}={value}")]).ok().map(|line| line.settings);
            let read = |text: String| Settings::parse(&text, Path::new(""), Path::to_owned);
            let (number, text) = (read(format!("{name} = {value}")), read(format!("{name} = \"{value}\"")));
            for settings in [&number, &text] {
                match settings {
                    Ok(settings) => prop_assert_eq!(Some(settings), flag.as_ref(), "{} = {}", &name, &value),
                    Err(error) => prop_assert!(error.to_string().contains(&name), "{} = {}: {}", &name, &value, error),
                }
            }
            prop_assert!(flag.is_none() || number.is_ok() || text.is_ok(), "{} = {}", name, value);
        }
    }

    #[test]
    fn contradictions_are_refused() {
        for arguments in
            [&["--held-out", "3"][..], &["--until-norm", "3"], &["--select", "converged", "--held-out", "3"]]
        {
            assert!(flags(arguments).with_defaults().select().is_err(), "{arguments:?}");
        }
    }

    /// The help says defaults in words; they are those of `with_defaults`.
    #[test]
    fn the_help_names_the_defaults() {
        let defaults = toml::Table::try_from(Settings::default().with_defaults()).unwrap();
        let command = Line::command();
        for (name, value) in &defaults {
            let argument = command.get_arguments().find(|argument| argument.get_long() == Some(name)).unwrap();
            let help = argument.get_help().unwrap().to_string();
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let value = value.trim_end_matches(".0");
            assert!(help.ends_with(&format!("[default: {value}]")), "--{name}: {value}, {help}");
        }
    }
}
