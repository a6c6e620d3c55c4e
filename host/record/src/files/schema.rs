//! The records of `results.json` and of `run --dry-run --json`, in a versioned format. They are read back from folders that
//! anybody may have made, so their texts are [`Untrusted`]. An optional field is absent from the file unless its comment says
//! otherwise.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::controls::Baseline;
use super::scores::StepScores;
use ft_engine::text::Untrusted;

/// The version of the format of these records; it grows with every change that a reader would notice.
pub const FORMAT_VERSION: u32 = 2;

/// The size limit of a `results.json` that is read: 320 MiB. A seed takes about 20 bytes for each token of its demonstrations and
/// 1300 for each scored step or baseline: a thousand seeds of 2000 tokens and 40 steps come to 92 MB.
pub const RESULTS_LIMIT: u64 = 320 << 20;

/// The limit of scored steps, all seeds together, that a `results.json` of [`RESULTS_LIMIT`] bytes has room for.
pub const MOST_SCORED_STEPS: u64 = 200_000;

/// What a run does: everything that is needed to repeat it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanRecord {
    /// The version of the file's format, [`FORMAT_VERSION`] in files of this version of the host.
    pub format_version: u32,
    /// The version of the host that wrote the record.
    pub host_version: Untrusted,
    /// The options of the run, with their defaults.
    pub config: ConfigRecord,
    /// The task plugin that made examples and prompts.
    pub task: PluginRecord,
    /// The optimizer plugin that computed each step's cache.
    pub optimizer: PluginRecord,
    /// The values of all options that the plugins declare.
    pub options: OptionsRecord,
    /// The model that was tuned and scored.
    pub model: ModelRecord,
    /// The data of each split.
    pub data: Vec<DataRecord>,
    /// The names of the classes, in the order of their indices; empty for a task without classes.
    pub labels: Vec<Untrusted>,
    /// The text before the first demonstration and before zero-shot queries, `--description` or the task's own; absent if there
    /// is none, and in files of earlier versions, which had none.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub description: Untrusted,
    /// What the first seed drew.
    #[serde(flatten)]
    pub draw: DrawRecord,
    /// What the further seeds drew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_draws: Vec<DrawRecord>,
    /// Rows of the evaluation split that the first seed scores; [`DrawRecord::scored_rows`] has another seed's number if it
    /// differs.
    pub evaluation_rows: usize,
    /// Rows of the whole evaluation split.
    pub evaluation_split_rows: usize,
    /// Tokens of the longest query with one of its choices, of all seeds' queries.
    pub longest_query: usize,
    /// The steps that are scored; 0 is zero-shot, 1 in-context learning.
    pub score_steps: Vec<usize>,
    /// The content-free queries by which predictions are calibrated; absent without, and in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_free: Option<ContentFreeRecord>,
    /// The token ids that queries of the task start with, as far as its demonstrations' split shows, which are read once for all
    /// queries; absent where there are none, and in files of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shared_start: Vec<u32>,
    /// The examples whose choices are also scored without their queries, of all seeds together; absent without
    /// `--mutual-information`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unconditional_rows: Option<usize>,
    /// The saved context that the rows are scored behind, `--context`: what the plan has of demonstrations, optimizer and steps is
    /// what the context was tuned with, and nothing is tuned. Absent without, and in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<ScoredContextRecord>,
    /// The estimate of the run's memory.
    pub memory: MemoryRecord,
    /// What restricts the results, e.g. bundled, sampled or limited data, and rows that are left out.
    pub notes: Vec<Untrusted>,
}

fn is_empty(text: &Untrusted) -> bool {
    text.raw().is_empty()
}

impl PlanRecord {
    /// The draws of all seeds, in the order of the seeds.
    pub fn draws(&self) -> impl Iterator<Item = &DrawRecord> {
        std::iter::once(&self.draw).chain(&self.further_draws)
    }

    /// The plan of a run of one of the seeds alone; `None` if it is none of them.
    pub fn of_seed(&self, seed: u64) -> Option<Self> {
        let draw = self.draws().find(|draw| draw.seed == seed)?;
        let mut config = self.config.clone();
        config.seeds = vec![seed];
        let evaluation_rows = draw.scored_rows.unwrap_or(self.evaluation_rows);
        let draw = DrawRecord { scored_rows: None, ..draw.clone() };
        Some(Self { config, draw, further_draws: Vec::new(), evaluation_rows, ..self.clone() })
    }

    /// The number of evaluation rows that each seed scores, by seed.
    pub fn scored_rows(&self) -> Vec<(u64, usize)> {
        self.draws().map(|draw| (draw.seed, draw.scored_rows.unwrap_or(self.evaluation_rows))).collect()
    }
}

/// A saved context that a run scores. How its step was selected is in the plan's configuration, its seed in the plan's draw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScoredContextRecord {
    /// The context's folder, as it was named.
    pub folder: Untrusted,
    /// The step after which the context was taken, from 1.
    pub step: u32,
    /// The SHA-256 of the context's tensors, in hexadecimal digits.
    pub sha256: Untrusted,
    /// The number format in which the tensors' file has keys and values; `dtype` of [`ConfigRecord`] is that in which they were
    /// held and are scored.
    pub stored_dtype: Untrusted,
    /// The version of the host that tuned the context.
    pub host_version: Untrusted,
}

/// The content-free queries of a task with classes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentFreeRecord {
    /// Who made their examples: `task` or `host`.
    pub made_by: Untrusted,
    /// How many of them the prompt takes.
    pub queries: usize,
}

/// The memory that a run is expected to take, in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemoryRecord {
    /// Bytes of the weights as they are stored, see `weights` of [`ConfigRecord`].
    pub weights: u64,
    /// Bytes of the weights if all of them were dense in the run's number format.
    pub dense_weights: u64,
    /// Bytes of keys and values.
    pub cache: u64,
    /// Bytes of the hidden states of a pass, and of its logits.
    pub activations: u64,
    /// Bytes of the sample records, which are kept until the end of the run; 0 in a file from before they were estimated.
    #[serde(default)]
    pub records: u64,
    /// The largest number of bytes at one time; on the CPU with those of the program itself.
    pub total: u64,
    /// Bytes of memory that the machine or the device had free when the run was planned; null if unknown.
    pub available: Option<u64>,
}

/// The rows that one seed draws.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DrawRecord {
    /// The seed of the draw.
    pub seed: u64,
    /// The demonstrations' text.
    pub demonstrations: Untrusted,
    /// The demonstrations' token ids, special tokens included.
    pub demonstration_ids: Vec<u32>,
    /// The demonstrations' rows in their split, from 0, in the order in which they are shown.
    pub demonstration_rows: Vec<usize>,
    /// Rows of the demonstrations' split by which the step is selected; with leave-one-out these are `demonstration_rows`.
    /// Absent without held-out examples.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_out_rows: Vec<usize>,
    /// Rows of the evaluation split that are demonstrations too: left out, unless `config.allow_overlap` is set. Absent if
    /// there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlapping_rows: Vec<usize>,
    /// Rows of the evaluation split that were drawn and then left out since they cannot be scored (`--skip-bad-rows`). Absent
    /// if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unusable_rows: Vec<usize>,
    /// The number of evaluation rows that this seed scores; absent if it is the first seed's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scored_rows: Option<usize>,
}

/// The step that is a seed's result, selected without the answers of the evaluation split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectedRecord {
    /// The seed whose result it is.
    pub seed: u64,
    /// The number of the step: 0 is zero-shot, 1 in-context learning.
    pub step: u32,
}

/// The options of a run with their defaults. A field has the value of the flag of its name unless its comment says otherwise.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfigRecord {
    /// The model as it was named: a catalogue name, a hub repository or a folder or file, `--model`.
    pub model: Untrusted,
    /// Where rows come from: `sample`, `hub` or a folder, and the files of single splits, `--data`.
    pub data: Untrusted,
    /// Whether rows that cannot be used are left out instead of ending the run, `--skip-bad-rows`.
    pub skip_bad_rows: bool,
    /// How demonstrations are drawn, `--sampling`.
    pub sampling: Untrusted,
    /// The number of demonstrations, per class if they are drawn by class, `--shots`.
    pub shots: usize,
    /// The seeds of the run in their order, `--seed` or `--seeds`.
    pub seeds: Vec<u64>,
    /// The number of the last step, in-context learning being step 1, `--steps`.
    pub steps: usize,
    /// The number of rows to draw from the evaluation split, `--sample`; absent without the flag, when the task sets the
    /// number or all rows are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<usize>,
    /// The number of rows to keep of those that would be scored, `--limit`; null without the flag.
    pub limit: Option<usize>,
    /// Whether evaluation rows that are demonstrations are scored, `--allow-overlap`; absent if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_overlap: bool,
    /// The steps that are scored, as a list or a word, `--score-steps`.
    pub score_steps: Untrusted,
    /// How the step that is the result is selected, `--select`.
    pub select: Untrusted,
    /// The held-out examples, `--held-out`; absent unless the step is selected by them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<Untrusted>,
    /// The norm of the pseudo-gradient below which a seed is converged, `--until-norm`; absent without the flag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_norm: Option<f64>,
    /// The position policy of further passes, `--positions`.
    pub positions: Untrusted,
    /// The device that the run used, which `--device` named or left open.
    pub device: Untrusted,
    /// The number format that the run used, which `--dtype` named or left open.
    pub dtype: Untrusted,
    /// How weights are stored in memory, `--weights`.
    pub weights: Untrusted,
    /// The number of threads, `--threads`.
    pub threads: usize,
    /// The limit of tokens in one pass over queries, `--batch-tokens`.
    pub batch_tokens: usize,
    /// The limits of the task, and of the optimizer if it has none of its own.
    pub limits: LimitsRecord,
    /// The limits of the optimizer; absent if they are the task's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer_limits: Option<LimitsRecord>,
    /// Whether updates with NaN or infinity are accepted, `--allow-nonfinite`; absent if not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_nonfinite: bool,
    /// Options without a field of their own, by their names with `_` for `-`, those that are set; when a record is read back,
    /// all keys that this version does not know, so that a comparison of plans names them.
    #[serde(flatten)]
    pub further: BTreeMap<Untrusted, Untrusted<Value>>,
}

impl ConfigRecord {
    /// The names of the options that have a field of their own, which holds what the option came to.
    pub const FIELDS: [&str; 21] = [
        "model",
        "data",
        "skip_bad_rows",
        "sampling",
        "shots",
        "seeds",
        "steps",
        "sample",
        "limit",
        "allow_overlap",
        "score_steps",
        "select",
        "held_out",
        "until_norm",
        "positions",
        "device",
        "dtype",
        "weights",
        "threads",
        "batch_tokens",
        "allow_nonfinite",
    ];
}

/// The limits of a plugin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LimitsRecord {
    /// The instructions that one call may execute, `--plugin-fuel`.
    pub fuel: u64,
    /// The seconds that one call may take, `--plugin-time`.
    pub seconds: f64,
    /// The seconds that compiling a plugin may take, `--plugin-compile-time`; absent in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile_seconds: Option<f64>,
    /// The bytes that compiling a plugin may take, `--plugin-compile-memory`; absent in files of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile_memory: Option<u64>,
    /// The bytes of a plugin's linear memories, `--plugin-memory`.
    pub memory: u64,
    /// The elements of a plugin's WebAssembly tables, and as many handles to host resources, `--plugin-tables`.
    pub table_elements: usize,
    /// The bytes that one call of a host function, or the arguments or results of one call into the plugin, may transfer,
    /// `--plugin-call-bytes`.
    pub call_bytes: u64,
    /// The bytes of a plugin's live tensors, `--plugin-tensor-bytes`.
    pub tensor_bytes: u64,
    /// The passes of the model that one step of an optimizer may ask for, `--plugin-passes`; absent in files of earlier
    /// versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passes: Option<usize>,
}

/// A plugin that a run used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PluginRecord {
    /// The name that the plugin declares.
    pub name: Untrusted,
    /// The version that the plugin declares.
    pub version: Untrusted,
    /// The path of the plugin's file.
    pub file: Untrusted,
    /// The SHA-256 of the plugin's file, in hexadecimal digits.
    pub sha256: Untrusted,
}

/// The options of both plugins with their values, by the names that the plugins declare.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OptionsRecord {
    /// The options of the task, set by `-T`.
    pub task: BTreeMap<Untrusted, Untrusted<Value>>,
    /// The options of the optimizer, set by `-O`.
    pub optimizer: BTreeMap<Untrusted, Untrusted<Value>>,
}

/// The model that a run used.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelRecord {
    /// The name or path by which the model was asked for.
    pub asked: Untrusted,
    /// Where the model was found: a path, a catalogue name with its source, or a hub repository with its commit.
    pub source: Untrusted,
    /// The model's files: weights, configuration, tokenizer.
    pub files: Vec<FileRecord>,
    /// The number of the decoder's blocks.
    pub layers: usize,
    /// The number of values of a hidden state.
    pub hidden: usize,
    /// The number of positions that the model has; null if its position scheme has no limit.
    pub max_positions: Option<usize>,
}

/// A file that a run read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileRecord {
    /// The name of the file.
    pub name: Untrusted,
    /// The size of the file, in bytes.
    pub bytes: u64,
    /// The SHA-256 of the file, in hexadecimal digits.
    pub sha256: Untrusted,
}

/// The data of one split.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DataRecord {
    /// Which split it is: `demonstrations` or `evaluation`.
    pub split: Untrusted,
    /// The data set on the hub that the task is about.
    pub repository: Untrusted,
    /// The configuration of the data set on the hub; null if it has only one.
    pub config: Option<Untrusted>,
    /// The name of the split in the data set.
    pub name: Untrusted,
    /// The file that the rows were read from, the first one if there are several.
    pub file: Untrusted,
    /// The number of rows of all files.
    pub rows: u64,
    /// The number of rows that were left out since they cannot be read or the task rejects them (`--skip-bad-rows`).
    pub skipped: usize,
    /// The number of rows that are none of the task's, by its own filter; absent if there are none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: usize,
    /// The quoting of CSV or TSV, `--quoting`; absent if it is the default of the file's format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoting: Option<Untrusted>,
    /// The SHA-256 of the first file as it is stored, in hexadecimal digits.
    pub sha256: Untrusted,
    /// The other files of the split; absent if there is one file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_files: Vec<FileRecord>,
    /// The SHA-256 of the examples that the task made of the rows: the same if the same rows come in another file format.
    pub examples_sha256: Untrusted,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The content of `results.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResultsRecord {
    /// Whether all that was planned is done; false while a run goes on and after an interruption.
    pub complete: bool,
    /// What the run was to do.
    #[serde(flatten)]
    pub plan: PlanRecord,
    /// The step that is the result, for every seed that is complete.
    pub selected: Vec<SelectedRecord>,
    /// Every step of which all queries are scored, in the order in which they were.
    pub steps: Vec<StepRecord>,
    /// Every baseline behind which all queries are scored, in the order in which they were; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<BaselineRecord>,
}

/// The scores of one seed behind a baseline, and how long they took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaselineRecord {
    /// What the queries were scored behind.
    pub baseline: Baseline,
    /// The numbers, from the records of `baselines.jsonl`, as those of step 1 are from its sample records; and the times.
    #[serde(flatten)]
    pub step: StepRecord,
}

/// One scored step of one seed, and how long it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The numbers of the step, from its sample records.
    #[serde(flatten)]
    pub scores: StepScores,
    /// Seconds that the pass and the update of the step took; 0 for zero-shot.
    pub step_seconds: f64,
    /// Seconds that scoring took.
    pub score_seconds: f64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn config() -> Value {
        json!({
            "model": "m", "data": "sample", "skip_bad_rows": true, "sampling": "first", "shots": 2, "seeds": [0, 3],
            "steps": 4, "sample": 9, "limit": null, "allow_overlap": true, "score_steps": "all", "select": "held-out",
            "held_out": "8", "until_norm": 0.5, "positions": "continue", "device": "cpu", "dtype": "f32",
            "weights": "dense", "threads": 2, "batch_tokens": 64,
            "limits": {
                "fuel": 1, "seconds": 60.0, "memory": 2, "table_elements": 3, "call_bytes": 4, "tensor_bytes": 5
            },
            "allow_nonfinite": true
        })
    }

    #[test]
    fn the_fields_are_those_that_are_written() {
        let record: ConfigRecord = serde_json::from_value(config()).unwrap();
        assert!(record.further.is_empty());
        let written = serde_json::to_value(&record).unwrap();
        assert_eq!(written, config());
        let names = written.as_object().unwrap().keys().filter(|name| *name != "limits");
        let mut fields = ConfigRecord::FIELDS.to_vec();
        fields.sort_unstable();
        assert!(names.eq(fields.iter()), "{fields:?}");
    }

    #[test]
    fn an_option_without_a_field_is_kept() {
        let mut value = config();
        value["beam"] = json!(4);
        let record: ConfigRecord = serde_json::from_value(value.clone()).unwrap();
        assert_eq!(record.further.len(), 1);
        assert_eq!(serde_json::to_value(&record).unwrap(), value);
        // It comes last, so that what other versions wrote stays as it was.
        assert!(serde_json::to_string(&record).unwrap().ends_with(",\"allow_nonfinite\":true,\"beam\":4}"));
    }
}
