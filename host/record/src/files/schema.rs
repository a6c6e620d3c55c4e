//! `results.json` and what `--dry-run --json` prints: types that are made for being written, and versioned. They are
//! read back from folders that anybody may have made, so their texts are [`Untrusted`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::scores::StepScores;
use ft_engine::text::Untrusted;

/// The version of the form below; it grows with every change that a reader would notice.
pub const FORMAT_VERSION: u32 = 2;

/// The most that is read of a `results.json`: 256 MiB. A seed takes about 20 bytes for each token of its demonstrations and
/// 700 for each scored step: a thousand seeds of 2000 tokens and 40 steps come to 70 MB.
pub const RESULTS_LIMIT: u64 = 256 << 20;

/// The most scored steps of all seeds together, which a `results.json` has room for.
pub const MOST_SCORED_STEPS: u64 = 200_000;

/// What will be done: everything needed to do it again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlanRecord {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// The version of this host.
    pub host_version: Untrusted,
    /// The settings of the run.
    pub config: ConfigRecord,
    /// The task plugin.
    pub task: PluginRecord,
    /// The optimizer plugin.
    pub optimizer: PluginRecord,
    /// The options of both plugins, all of them.
    pub options: OptionsRecord,
    /// The model.
    pub model: ModelRecord,
    /// The data, split by split.
    pub data: Vec<DataRecord>,
    /// The classes, where the task has classes.
    pub labels: Vec<Untrusted>,
    /// What the first seed drew.
    #[serde(flatten)]
    pub draw: DrawRecord,
    /// What the further seeds drew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_draws: Vec<DrawRecord>,
    /// How many evaluation rows are scored, with the first seed where seeds differ.
    pub evaluation_rows: usize,
    /// How many rows the evaluation split has.
    pub evaluation_split_rows: usize,
    /// The tokens of the longest choice of any query.
    pub longest_query: usize,
    /// The steps that are scored; 0 is zero-shot, 1 in-context learning.
    pub score_steps: Vec<usize>,
    /// The memory that the run is expected to take.
    pub memory: MemoryRecord,
    /// What restricts the results: sampled or limited data, tokens that could not be scored.
    pub notes: Vec<Untrusted>,
}

impl PlanRecord {
    /// What each seed draws.
    pub fn draws(&self) -> impl Iterator<Item = &DrawRecord> {
        std::iter::once(&self.draw).chain(&self.further_draws)
    }

    /// How many evaluation rows each seed scores.
    pub fn scored_rows(&self) -> Vec<(u64, usize)> {
        self.draws().map(|draw| (draw.seed, draw.scored_rows.unwrap_or(self.evaluation_rows))).collect()
    }
}

/// The memory that a run is expected to take, in bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemoryRecord {
    /// The weights as they are held.
    pub weights: u64,
    /// The weights if all of them were dense in the run's number format.
    pub dense_weights: u64,
    /// Keys and values.
    pub cache: u64,
    /// States of a pass and the logits.
    pub activations: u64,
    /// What is found for each example at each step, as it is kept until the end; results that were written before this was
    /// estimated do not have it.
    #[serde(default)]
    pub records: u64,
    /// The most at once; on the CPU with what the program itself takes.
    pub total: u64,
    /// What the machine or the device had to give when the run was planned, where it says so.
    pub available: Option<u64>,
}

/// The demonstrations of one seed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DrawRecord {
    /// The seed.
    pub seed: u64,
    /// The demonstrations' text.
    pub demonstrations: Untrusted,
    /// The demonstrations' token ids, special tokens included.
    pub demonstration_ids: Vec<u32>,
    /// The demonstrations' rows in their split, from 0, in the order in which they are shown.
    pub demonstration_rows: Vec<usize>,
    /// Rows of the same split by which the step is chosen; for leave-one-out, the demonstrations' own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_out_rows: Vec<usize>,
    /// Rows of the evaluation split that are demonstrations too: left out, unless `config.allow_overlap` says otherwise.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlapping_rows: Vec<usize>,
    /// Rows of the evaluation split that are left out since they cannot be used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unusable_rows: Vec<usize>,
    /// How many evaluation rows are scored, where these are not as many as with the first seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scored_rows: Option<usize>,
}

/// The step that is a seed's result, chosen without a look at the evaluation split's answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectedRecord {
    /// The seed.
    pub seed: u64,
    /// The step.
    pub step: u32,
}

/// The settings of a run, as the command line has them.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConfigRecord {
    /// `--model`.
    pub model: Untrusted,
    /// `--data`: `sample`, `hub` or a folder, and the files of single splits.
    pub data: Untrusted,
    /// `--skip-bad-rows`.
    pub skip_bad_rows: bool,
    /// `--sampling`.
    pub sampling: Untrusted,
    /// `--shots`.
    pub shots: usize,
    /// `--seed` or `--seeds`.
    pub seeds: Vec<u64>,
    /// `--steps`.
    pub steps: usize,
    /// `--sample`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<usize>,
    /// `--limit`.
    pub limit: Option<usize>,
    /// `--allow-overlap`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_overlap: bool,
    /// `--score-steps`.
    pub score_steps: Untrusted,
    /// `--select`.
    pub select: Untrusted,
    /// `--held-out`, where the step is chosen by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_out: Option<Untrusted>,
    /// `--until-norm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_norm: Option<f64>,
    /// `--positions`.
    pub positions: Untrusted,
    /// The device that `--device` came to.
    pub device: Untrusted,
    /// The number format that `--dtype` came to.
    pub dtype: Untrusted,
    /// `--weights`.
    pub weights: Untrusted,
    /// `--threads`.
    pub threads: usize,
    /// `--batch-tokens`.
    pub batch_tokens: usize,
    /// The plugins' budgets.
    pub limits: LimitsRecord,
    /// The optimizer's, where they differ from the task's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimizer_limits: Option<LimitsRecord>,
    /// `--allow-nonfinite`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub allow_nonfinite: bool,
    /// Options that came later than these, those that are set, by their names with `_` for `-`; also what a later version
    /// of this host has recorded.
    #[serde(flatten)]
    pub further: BTreeMap<Untrusted, Untrusted<Value>>,
}

impl ConfigRecord {
    /// The options that have a field of their own here, whose values are what an option came to.
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

/// What each plugin may use.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LimitsRecord {
    /// `--plugin-fuel`.
    pub fuel: u64,
    /// `--plugin-time`, in seconds.
    pub seconds: f64,
    /// `--plugin-compile-time`, in seconds; runs of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile_seconds: Option<f64>,
    /// `--plugin-compile-memory`, in bytes; runs of earlier versions have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compile_memory: Option<u64>,
    /// `--plugin-memory`, in bytes.
    pub memory: u64,
    /// `--plugin-tables`.
    pub table_elements: usize,
    /// `--plugin-call-bytes`.
    pub call_bytes: u64,
    /// `--plugin-tensor-bytes`.
    pub tensor_bytes: u64,
}

/// A plugin.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PluginRecord {
    /// Its own name.
    pub name: Untrusted,
    /// Its own version.
    pub version: Untrusted,
    /// Its file.
    pub file: Untrusted,
    /// The file's digest.
    pub sha256: Untrusted,
}

/// All options of both plugins.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct OptionsRecord {
    /// The task's.
    pub task: BTreeMap<Untrusted, Untrusted<Value>>,
    /// The optimizer's.
    pub optimizer: BTreeMap<Untrusted, Untrusted<Value>>,
}

/// A model.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ModelRecord {
    /// What it was called on the command line.
    pub asked: Untrusted,
    /// What that turned out to be, and where it came from.
    pub source: Untrusted,
    /// Its files: weights, configuration, tokenizer.
    pub files: Vec<FileRecord>,
    /// Blocks.
    pub layers: usize,
    /// Width.
    pub hidden: usize,
    /// Positions, where they are bounded.
    pub max_positions: Option<usize>,
}

/// A file and its digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileRecord {
    /// Its name.
    pub name: Untrusted,
    /// Its size.
    pub bytes: u64,
    /// Its digest.
    pub sha256: Untrusted,
}

/// One split's data.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DataRecord {
    /// `demonstrations` or `evaluation`.
    pub split: Untrusted,
    /// The data set on the hub that the task is about.
    pub repository: Untrusted,
    /// Its configuration.
    pub config: Option<Untrusted>,
    /// Its own name for the split.
    pub name: Untrusted,
    /// The file that was read, the first one where there are several.
    pub file: Untrusted,
    /// The rows of all files.
    pub rows: u64,
    /// How many of them were left out because they could not be used.
    pub skipped: usize,
    /// `--quoting`, where it is not what the files' form has by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quoting: Option<Untrusted>,
    /// The first file's digest.
    pub sha256: Untrusted,
    /// The files behind the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_files: Vec<FileRecord>,
    /// The digest of the examples that the task made of them: the same for the same rows in another form of file.
    pub examples_sha256: Untrusted,
}

/// `results.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResultsRecord {
    /// Whether everything that was planned was done.
    pub complete: bool,
    /// What was planned.
    #[serde(flatten)]
    pub plan: PlanRecord,
    /// The step that is the result, for every seed that came to its end.
    pub selected: Vec<SelectedRecord>,
    /// Every step whose queries are all scored.
    pub steps: Vec<StepRecord>,
}

/// One scored step of one seed, and how long it took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// Its numbers.
    #[serde(flatten)]
    pub scores: StepScores,
    /// Seconds that the step's pass and update took; 0 for zero-shot.
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
