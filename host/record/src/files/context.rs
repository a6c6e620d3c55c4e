//! The record of a saved context, `context.json`: what its tensors are, and where they came from. The tensors are in a file
//! beside it, `context.safetensors`, which the record names by its digest.
//!
//! It is read back from folders that anybody may have made, so its texts are [`Untrusted`]. An optional field is absent from
//! the file unless its comment says otherwise.

mod fits;
#[cfg(test)]
pub(crate) mod testing;

use serde::{Deserialize, Serialize};

pub use fits::{ContextMismatch, ContextUse, Mismatch};

use super::schema::{FileRecord, PlanRecord, ScoredContextRecord, SelectedRecord};
use super::scores::StepScores;
use super::trace::{TraceError, TraceRecord};
use ft_engine::model::saved_context::{ContextFacts, ContextShape};
use ft_engine::text::{Untrusted, harmless_within};

/// The version of the format of `context.json`; it grows with every change that a reader would notice.
pub const CONTEXT_VERSION: u32 = 1;

/// The name of the record's file.
pub const CONTEXT_RECORD: &str = "context.json";

/// The name of the tensors' file.
pub const CONTEXT_TENSORS: &str = "context.safetensors";

/// The size limit of a `context.json` that is read: 64 MiB. The demonstrations take about 20 bytes for each token, a step about
/// 130 for each layer.
pub const CONTEXT_LIMIT: u64 = 64 << 20;

/// Characters of a text of the record that a message repeats.
const SHOWN: usize = 48;

/// The content of `context.json`: one seed's context after one step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContextRecord {
    /// The version of the file's format, [`CONTEXT_VERSION`] in files of this version of the host.
    pub format_version: u32,
    /// The file of the tensors, and what is in it.
    pub tensors: TensorsRecord,
    /// The seed that drew the demonstrations, and the step after which the context was taken; how the step was selected is in
    /// the plan's configuration.
    pub selected: SelectedRecord,
    /// How far each step moved the cache, from step 2 to the selected one.
    pub trace: Vec<TraceRecord>,
    /// The scores of the evaluation rows behind this context; absent if they were not scored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scores: Option<StepScores>,
    /// What was done: host, options, plugins, model, data, and what this seed alone drew.
    pub plan: PlanRecord,
}

/// The file of a context's tensors.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TensorsRecord {
    /// Name, size and digest of the file.
    #[serde(flatten)]
    pub file: FileRecord,
    /// The layers, each with keys and values `[kv_heads, positions, head_dim]`.
    pub layers: usize,
    /// The heads of keys and values.
    pub kv_heads: usize,
    /// The numbers of a head.
    pub head_dim: usize,
    /// The positions that were read.
    pub positions: usize,
    /// The numbers of the last hidden state.
    pub embedding: usize,
    /// The number format in which keys and values were held.
    pub dtype: Untrusted,
    /// The number format in which the file has them: that of `dtype`, or the one of `--cache-dtype`.
    pub stored_dtype: Untrusted,
    /// The position id of the token that comes next.
    pub next_position: usize,
    /// Tokens of a shared start that were read behind the demonstrations; 0 for none.
    pub shared_start: usize,
}

/// A context that is to be saved: all of its record but the tensors.
#[derive(Clone, Debug)]
pub struct NewContext {
    selected: SelectedRecord,
    trace: Vec<TraceRecord>,
    scores: Option<StepScores>,
    plan: PlanRecord,
}

/// Why a text is no record of a context, or a plan has none.
#[derive(Debug, thiserror::Error)]
pub enum ContextRecordError {
    /// The text is not such a record in JSON.
    #[error("expected the record of a context")]
    NotARecord(#[from] serde_json::Error),
    /// The record has the format of another version.
    #[error("expected format version {CONTEXT_VERSION}, got {found}")]
    Version {
        /// The format version of the file.
        found: u32,
    },
    /// A part that does not agree with the others, or with the file of the tensors.
    #[error("{what}: expected {expected}, got {found}")]
    Unexpected {
        /// The part's place in the record.
        what: &'static str,
        /// What it has to be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A row of the trace with a number that none has.
    #[error("`trace`: expected records of steps")]
    Trace(#[from] TraceError),
}

impl ContextRecordError {
    /// What the user can do about it; `None` if nothing is known to help.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Version { .. } => Some("tune again with this version, or use the version that wrote it"),
            Self::NotARecord(_) | Self::Unexpected { .. } | Self::Trace(_) => {
                Some("the folder is damaged or not a context of this program: tune again, or copy it again")
            }
        }
    }
}

/// Fails where a part is not what another says that it is.
fn agree<T: PartialEq + ToString>(what: &'static str, expected: T, found: T) -> Result<(), ContextRecordError> {
    if expected == found {
        return Ok(());
    }
    let shown = |value: T| harmless_within(&value.to_string(), SHOWN);
    Err(ContextRecordError::Unexpected { what, expected: shown(expected), found: shown(found) })
}

impl NewContext {
    /// The context of a seed after a step: of the plan what that seed drew, of the trace its steps up to that one.
    ///
    /// # Errors
    /// [`ContextRecordError::Unexpected`] if the plan does not have the seed.
    pub fn new(
        plan: &PlanRecord,
        selected: SelectedRecord,
        trace: &[TraceRecord],
        scores: Option<StepScores>,
    ) -> Result<Self, ContextRecordError> {
        let Some(plan) = plan.of_seed(selected.seed) else {
            let seeds: Vec<String> = plan.draws().map(|draw| draw.seed.to_string()).collect();
            let (expected, found) = (format!("one of {}", seeds.join(", ")), selected.seed.to_string());
            return Err(ContextRecordError::Unexpected { what: "the seed of the context", expected, found });
        };
        let of_context = |row: &&TraceRecord| row.seed == selected.seed && row.step <= selected.step;
        let trace = trace.iter().filter(of_context).cloned().collect();
        Ok(Self { selected, trace, scores, plan })
    }

    /// The record with its tensors.
    pub fn with_tensors(self, tensors: TensorsRecord) -> ContextRecord {
        let Self { selected, trace, scores, plan } = self;
        ContextRecord { format_version: CONTEXT_VERSION, tensors, selected, trace, scores, plan }
    }
}

impl TensorsRecord {
    /// The record of a file of so many bytes with this digest.
    pub fn new(bytes: u64, sha256: &str, facts: &ContextFacts) -> Self {
        let ContextShape { layers, kv_heads, positions, head_dim, embedding } = facts.shape;
        Self {
            file: FileRecord { name: CONTEXT_TENSORS.into(), bytes, sha256: sha256.into() },
            layers,
            kv_heads,
            head_dim,
            positions,
            embedding,
            dtype: facts.held.as_str().into(),
            stored_dtype: facts.stored.as_str().into(),
            next_position: facts.next_position,
            shared_start: facts.shared_start,
        }
    }
}

impl ContextRecord {
    /// What a run has to say of the context that it scores, which is in a folder of this name.
    pub fn scored(&self, folder: &str) -> ScoredContextRecord {
        ScoredContextRecord {
            folder: folder.into(),
            step: self.selected.step,
            sha256: self.tensors.file.sha256.clone(),
            stored_dtype: self.tensors.stored_dtype.clone(),
            host_version: self.plan.host_version.clone(),
        }
    }

    /// Reads the bytes of `context.json`.
    ///
    /// # Errors
    /// What is no such record, one of another version, and one whose parts do not agree.
    pub fn parse(json: &[u8]) -> Result<Self, ContextRecordError> {
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let Version { format_version: found } = serde_json::from_slice(json)?;
        if found != CONTEXT_VERSION {
            return Err(ContextRecordError::Version { found });
        }
        let record: Self = serde_json::from_slice(json)?;
        record.check()?;
        Ok(record)
    }

    /// The bytes of `context.json`.
    ///
    /// # Errors
    /// [`ContextRecordError::NotARecord`] if serialization fails; [`ContextRecordError::Unexpected`] for what [`Self::parse`]
    /// would refuse.
    pub fn json(&self) -> Result<Vec<u8>, ContextRecordError> {
        self.check()?;
        let mut json = serde_json::to_vec_pretty(self)?;
        json.push(b'\n');
        Ok(json)
    }

    /// Holds the record to what the file of the tensors says of itself.
    ///
    /// # Errors
    /// [`ContextRecordError::Unexpected`] names the first part that differs.
    pub fn check_tensors(&self, facts: &ContextFacts) -> Result<(), ContextRecordError> {
        let found = TensorsRecord::new(self.tensors.file.bytes, self.tensors.file.sha256.raw(), facts);
        let record = &self.tensors;
        agree("`layers` of the tensors", record.layers, found.layers)?;
        agree("`kv_heads` of the tensors", record.kv_heads, found.kv_heads)?;
        agree("`head_dim` of the tensors", record.head_dim, found.head_dim)?;
        agree("`positions` of the tensors", record.positions, found.positions)?;
        agree("`embedding` of the tensors", record.embedding, found.embedding)?;
        agree("`dtype` of the tensors", record.dtype.raw(), found.dtype.raw())?;
        agree("`stored_dtype` of the tensors", record.stored_dtype.raw(), found.stored_dtype.raw())?;
        agree("`next_position` of the tensors", record.next_position, found.next_position)?;
        agree("`shared_start` of the tensors", record.shared_start, found.shared_start)?;
        agree("`step` of the tensors", self.selected.step as usize, facts.step)
    }

    fn check(&self) -> Result<(), ContextRecordError> {
        let SelectedRecord { seed, step } = self.selected;
        agree("`tensors.name`", CONTEXT_TENSORS, self.tensors.file.name.raw().as_str())?;
        agree("`plan.seed`", seed, self.plan.draw.seed)?;
        agree("the number of further seeds in `plan`", 0, self.plan.further_draws.len())?;
        agree("`tensors.layers`", self.plan.model.layers, self.tensors.layers)?;
        if step == 0 {
            let expected = "a step from 1".to_owned();
            return Err(ContextRecordError::Unexpected { what: "`selected.step`", expected, found: "0".to_owned() });
        }
        if let Some(scores) = &self.scores {
            agree("`scores.seed`", seed, scores.seed)?;
            agree("`scores.step`", step, scores.step)?;
        }
        // An optimizer that has converged takes no further steps: rows may be fewer than steps.
        let mut last = 1;
        for row in &self.trace {
            agree("`seed` of `trace`", seed, row.seed)?;
            agree("the number of layers in `trace`", self.tensors.layers, row.layers.len())?;
            if row.step <= last || row.step > step {
                let expected = format!("steps from 2 to {step} in their order");
                let found = row.step.to_string();
                return Err(ContextRecordError::Unexpected { what: "`step` of `trace`", expected, found });
            }
            row.check()?;
            last = row.step;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::DType;
    use serde_json::{Value, json};

    use super::testing::{facts, plan, record};
    use super::*;

    #[test]
    fn a_record_is_of_one_seed_and_reads_back_as_it_was() {
        let record = record();
        assert_eq!((record.plan.draw.seed, &record.plan.config.seeds[..]), (9, &[9][..]));
        assert_eq!(record.plan.draw.demonstrations, "text of 9");
        assert_eq!((record.plan.evaluation_rows, record.plan.draw.scored_rows), (2, None));
        let steps: Vec<(u64, u32)> = record.trace.iter().map(|row| (row.seed, row.step)).collect();
        assert_eq!(steps, [(9, 2), (9, 3)]);
        let json = record.json().unwrap();
        assert_eq!(ContextRecord::parse(&json).unwrap().json().unwrap(), json);
        let value: Value = serde_json::from_slice(&json).unwrap();
        let expected = json!({
            "name": "context.safetensors", "bytes": 100, "sha256": "cd".repeat(32), "layers": 1, "kv_heads": 2,
            "head_dim": 4, "positions": 3, "embedding": 8, "dtype": "f32", "stored_dtype": "bf16",
            "next_position": 5, "shared_start": 0
        });
        assert_eq!(value["tensors"], expected);
        assert_eq!(value["selected"], json!({"seed": 9, "step": 3}));

        let error = NewContext::new(&plan(), SelectedRecord { seed: 8, step: 1 }, &[], None).unwrap_err();
        assert_eq!(error.to_string(), "the seed of the context: expected one of 7, 9, got 8");
    }

    #[test]
    fn parts_that_do_not_agree_are_refused_by_name() {
        let good: Value = serde_json::from_slice(&record().json().unwrap()).unwrap();
        let told = |pointer: &str, value: Value| {
            let mut changed = good.clone();
            *changed.pointer_mut(pointer).expect(pointer) = value;
            ContextRecord::parse(&serde_json::to_vec(&changed).unwrap()).map(drop).unwrap_err().to_string()
        };
        let table = [
            ("/format_version", json!(2), "expected format version 1, got 2"),
            ("/tensors/name", json!("../x"), "`tensors.name`: expected context.safetensors, got ../x"),
            ("/tensors/layers", json!(2), "`tensors.layers`: expected 1, got 2"),
            ("/selected/seed", json!(7), "`plan.seed`: expected 7, got 9"),
            ("/selected/step", json!(0), "`selected.step`: expected a step from 1, got 0"),
            ("/selected/step", json!(2), "`step` of `trace`: expected steps from 2 to 2 in their order, got 3"),
            ("/trace/1/step", json!(2), "`step` of `trace`: expected steps from 2 to 3 in their order, got 2"),
            ("/trace/0/seed", json!(7), "`seed` of `trace`: expected 9, got 7"),
            ("/trace/0/layers", json!([]), "the number of layers in `trace`: expected 1, got 0"),
            ("/trace/0/seconds", json!(-1.0), "`trace`: expected records of steps"),
            ("/plan/model", json!(null), "expected the record of a context"),
        ];
        for (pointer, value, expected) in table {
            assert_eq!(told(pointer, value), expected, "{pointer}");
        }
        for bytes in [&b""[..], b"{}", b"[1]", b"\xff", br#"{"format_version": 1}"#] {
            assert!(matches!(ContextRecord::parse(bytes), Err(ContextRecordError::NotARecord(_))));
        }
    }

    #[test]
    fn tensors_of_another_context_are_told_by_what_differs() {
        let record = record();
        record.check_tensors(&facts()).unwrap();
        let told = |facts: ContextFacts| record.check_tensors(&facts).unwrap_err().to_string();
        let shape = facts().shape;
        let table = [
            (ContextFacts { next_position: 6, ..facts() }, "`next_position` of the tensors: expected 5, got 6"),
            (ContextFacts { stored: DType::F16, ..facts() }, "`stored_dtype` of the tensors: expected bf16, got f16"),
            (ContextFacts { held: DType::BF16, ..facts() }, "`dtype` of the tensors: expected f32, got bf16"),
            (ContextFacts { step: 4, ..facts() }, "`step` of the tensors: expected 3, got 4"),
            (
                ContextFacts { shape: ContextShape { positions: 4, ..shape }, ..facts() },
                "`positions` of the tensors: expected 3, got 4",
            ),
        ];
        for (facts, expected) in table {
            assert_eq!(told(facts), expected);
        }
    }
}
