//! Sample records by seed, step and example, checked to be those of one run.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use crate::files::samples::{Place, SampleRecord};

/// A step of which not all examples are scored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct UnfinishedStep {
    /// The seed that drew the demonstrations.
    pub seed: u64,
    /// The number of the step: 0 is zero-shot, 1 in-context learning.
    pub step: u32,
    /// The number of examples that are scored.
    pub n: usize,
    /// The number of examples of a whole step.
    pub of: usize,
}

/// Records that are not those of one run. Lines are counted from 1, the records' places in their file.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum AnalysisError {
    /// Two records of one place.
    #[error("line {line} repeats line {first}: seed {}, step {}, example {}", .place.seed, .place.step, .place.index)]
    Twice {
        /// The line of the second record.
        line: usize,
        /// The line of the first record.
        first: usize,
        /// The seed, step and example that both are of.
        place: Place,
    },
    /// Two records of one row whose examples differ.
    #[error("line {line}: expected {what} {expected} for example {index}, as in line {first}, got {found}")]
    OtherExample {
        /// The line of the record that differs.
        line: usize,
        /// The line of the row's first record.
        first: usize,
        /// The example's row in its split, from 0.
        index: usize,
        /// What differs, with its article: the name, the answer, the number of choices.
        what: &'static str,
        /// The value in the row's first record.
        expected: String,
        /// The value in the record that differs.
        found: String,
    },
    /// A whole step over other examples than the seed's first.
    #[error("line {line}: example {index} is scored at step {step} of seed {seed} and not at its step {first_step}")]
    OtherExamples {
        /// The line of the record that the first step lacks.
        line: usize,
        /// The seed of the record.
        seed: u64,
        /// The step of the record.
        step: u32,
        /// The example's row in its split, from 0.
        index: usize,
        /// The seed's first step, which the record's step is held to.
        first_step: u32,
    },
    /// A step with more examples than the run scores.
    #[error("line {line}: expected {of} examples at step {step} of seed {seed}, got {n}")]
    TooMany {
        /// The last line of the step.
        line: usize,
        /// The seed of the step.
        seed: u64,
        /// The step with too many examples.
        step: u32,
        /// The number of examples in the step.
        n: usize,
        /// The number of examples of a whole step.
        of: usize,
    },
    /// A line of another journal that does not belong to the run.
    #[error(transparent)]
    Control(#[from] ControlLineError),
}

/// A line of `baselines.jsonl`, `content-free.jsonl` or `unconditional.jsonl` that does not belong to the run of `samples.jsonl`. Lines are counted
/// from 1.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("line {line}: expected {expected}, got {got}")]
pub struct ControlLineError {
    /// The name of the file.
    pub file: &'static str,
    /// The line that does not fit.
    pub line: usize,
    /// What would fit.
    pub expected: String,
    /// What the line is of.
    pub got: String,
}

impl AnalysisError {
    /// The name of the journal that is at fault.
    pub fn file(&self) -> &'static str {
        match self {
            Self::Control(error) => error.file,
            _ => "samples.jsonl",
        }
    }
}

/// The records of one step by their examples, each with its line.
pub(super) type StepRecords<'a> = BTreeMap<usize, (usize, &'a SampleRecord)>;

/// The records of one seed by their steps.
pub(super) struct SeedRecords<'a> {
    pub(super) seed: u64,
    pub(super) steps: BTreeMap<u32, StepRecords<'a>>,
}

/// The records of each seed's whole steps, seeds in the order of their first records, and the steps that are not whole.
/// `rows` has how many examples a whole step of a seed has; it is as many as the seed's fullest step where that is unknown.
///
/// # Errors
/// If the records are not those of one run.
pub(super) fn whole_steps<'a>(
    records: &'a [SampleRecord],
    rows: &HashMap<u64, usize>,
) -> Result<(Vec<SeedRecords<'a>>, Vec<UnfinishedStep>), AnalysisError> {
    let mut seeds = by_seed(records)?;
    let mut unfinished = Vec::new();
    for seed in &mut seeds {
        unfinished.extend(set_apart_unfinished(seed, rows.get(&seed.seed).copied())?);
    }
    seeds.iter().try_for_each(same_examples)?;
    Ok((seeds, unfinished))
}

fn by_seed(records: &[SampleRecord]) -> Result<Vec<SeedRecords<'_>>, AnalysisError> {
    let mut seeds: Vec<SeedRecords<'_>> = Vec::new();
    let mut places: HashMap<u64, usize> = HashMap::new();
    let mut examples: HashMap<usize, (usize, &SampleRecord)> = HashMap::new();
    for (record, line) in records.iter().zip(1..) {
        let Place { seed, step, index } = record.place();
        let (first, example) = *examples.entry(index).or_insert((line, record));
        same_example(example, record).map_err(|(what, expected, found)| AnalysisError::OtherExample {
            line,
            first,
            index,
            what,
            expected,
            found,
        })?;
        let place = *places.entry(seed).or_insert(seeds.len());
        if place == seeds.len() {
            seeds.push(SeedRecords { seed, steps: BTreeMap::new() });
        }
        if let Some((first, _)) = seeds[place].steps.entry(step).or_default().insert(index, (line, record)) {
            return Err(AnalysisError::Twice { line, first, place: record.place() });
        }
    }
    Ok(seeds)
}

/// Checks that two records are of the same example; the error says what differs, and both values.
pub(super) fn same_example(first: &SampleRecord, second: &SampleRecord) -> Result<(), (&'static str, String, String)> {
    if first.id != second.id {
        return Err(("the name", format!("{:?}", first.id), format!("{:?}", second.id)));
    }
    if first.answer != second.answer {
        return Err(("the answer", first.answer.to_string(), second.answer.to_string()));
    }
    let choices = |record: &SampleRecord| record.loglik.len();
    if choices(first) != choices(second) {
        return Err(("the number of choices", choices(first).to_string(), choices(second).to_string()));
    }
    Ok(())
}

/// Takes out the steps that have fewer than `rows` examples; than the fullest step, where that is not known.
///
/// # Errors
/// If a step has more examples.
fn set_apart_unfinished(seed: &mut SeedRecords<'_>, rows: Option<usize>) -> Result<Vec<UnfinishedStep>, AnalysisError> {
    let of = rows.or_else(|| seed.steps.values().map(BTreeMap::len).max()).unwrap_or_default();
    if let Some((&step, records)) = seed.steps.iter().find(|(_, records)| records.len() > of) {
        let line = records.values().map(|(line, _)| *line).max().unwrap_or_default();
        return Err(AnalysisError::TooMany { line, seed: seed.seed, step, n: records.len(), of });
    }
    let unfinished = seed.steps.iter().filter(|(_, step)| step.len() < of);
    let unfinished: Vec<UnfinishedStep> =
        unfinished.map(|(&step, records)| UnfinishedStep { seed: seed.seed, step, n: records.len(), of }).collect();
    seed.steps.retain(|_, step| step.len() >= of);
    Ok(unfinished)
}

/// Checks that whole steps, which have as many examples each, have the same ones.
fn same_examples(seed: &SeedRecords<'_>) -> Result<(), AnalysisError> {
    let Some((&first_step, first)) = seed.steps.first_key_value() else { return Ok(()) };
    for (&step, records) in &seed.steps {
        if let Some((&index, &(line, _))) = records.iter().find(|(index, _)| !first.contains_key(index)) {
            return Err(AnalysisError::OtherExamples { line, seed: seed.seed, step, index, first_step });
        }
    }
    Ok(())
}
