//! Two runs on the same examples, compared example by example.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::differences::{Difference, differences};
use super::run_report::RunReport;
use super::seed_records::same_example;
use crate::files::samples::SampleRecord;
use crate::files::scores::PairedScores;
use ft_engine::metrics::accuracy::{CorrectCount, Z_95};
use ft_engine::text::Untrusted;

/// A comparison of two runs on the same examples.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// The numbers of the first run.
    pub a: Side,
    /// The numbers of the second run.
    pub b: Side,
    /// The number of pairs: examples times seeds.
    pub n: usize,
    /// The seeds that both runs have.
    pub seeds: Vec<u64>,
    /// The first's accuracy less the second's, and how sure that is.
    pub versus: PairedScores,
    /// The settings in which the runs' plans differ.
    pub differences: Vec<Difference>,
    /// What restricts the comparison.
    pub notes: Vec<Untrusted>,
}

/// The numbers of one of two runs that are compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// The folder, as it was named.
    pub name: Untrusted,
    /// Each seed's step, in the order of `seeds`.
    pub steps: Vec<u32>,
    /// The number of right predictions by log-likelihood, over all pairs.
    pub correct: usize,
    /// The share of right predictions, from 0 to 1.
    pub accuracy: f64,
    /// The 95 % Wilson interval of the accuracy.
    pub interval: [f64; 2],
}

/// Why two runs cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A run without a step that is scored whole.
    #[error("`{}` has no step that is scored whole", .name.harmless())]
    NothingScored {
        /// The run's folder, as it was named.
        name: Untrusted,
    },
    /// A step that is asked for and is not scored whole.
    #[error("step {step} of seed {seed} is not scored whole in `{}`", .name.harmless())]
    NoStep {
        /// The run's folder, as it was named.
        name: Untrusted,
        /// The seed that lacks the step.
        seed: u64,
        /// The step that was asked for.
        step: u32,
    },
    /// The runs have different seeds.
    #[error(
        "expected the same seeds in both runs, got {a:?} in `{}` and {b:?} in `{}`",
        .a_name.harmless(), .b_name.harmless()
    )]
    Seeds {
        /// The first run's folder, as it was named.
        a_name: Untrusted,
        /// The seeds of the first run.
        a: Vec<u64>,
        /// The second run's folder, as it was named.
        b_name: Untrusted,
        /// The seeds of the second run.
        b: Vec<u64>,
    },
    /// An example of one run is not scored in the other.
    #[error(
        "expected the same examples in both runs, got example {index} of seed {seed} in `{}` alone", .name.harmless()
    )]
    Alone {
        /// The folder of the run that has the example.
        name: Untrusted,
        /// The seed of the example's records.
        seed: u64,
        /// The example's row in its split, from 0.
        index: usize,
    },
    /// A row that is another example in the other run.
    #[error(
        "expected the same examples in both runs, got example {index} of seed {seed} with {what} {a} in the first and {b} in the second"
    )]
    OtherExample {
        /// The seed of the example's records.
        seed: u64,
        /// The example's row in its split, from 0.
        index: usize,
        /// What differs, with its article: the name, the answer, the number of choices.
        what: &'static str,
        /// The value in the first run.
        a: String,
        /// The value in the second run.
        b: String,
    },
    /// Each run left out what the other scored.
    #[error(
        "expected examples that both runs score, got none: `{}` and `{}` left out different rows",
        .a.harmless(), .b.harmless()
    )]
    NothingInCommon {
        /// The first run's folder, as it was named.
        a: Untrusted,
        /// The second run's folder, as it was named.
        b: Untrusted,
    },
    /// The evaluation split was read from different data.
    #[error(
        "expected the same evaluation examples in both runs, got those of `{}` and `{}`, which differ",
        .a.harmless(), .b.harmless()
    )]
    OtherData {
        /// The first run's evaluation file.
        a: Untrusted,
        /// The second run's evaluation file.
        b: Untrusted,
    },
    /// The plans cannot be written as JSON.
    #[error("cannot compare the plans")]
    Plans(#[source] serde_json::Error),
}

impl CompareError {
    /// What to do about the error; `None` if nothing is known to help.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoStep { .. } => {
                Some("name a step that the run scored for all seeds, with `--step-a` and `--step-b`".into())
            }
            Self::NothingScored { .. } => Some("run it again: it resumes where it ended".into()),
            Self::Seeds { .. } => Some("run both with the same `--seeds`".into()),
            Self::NothingInCommon { .. } => Some("run both without `--limit`".into()),
            Self::Alone { .. } | Self::OtherExample { .. } | Self::OtherData { .. } => Some(
                "accuracies on different examples say nothing about the runs; use the same data, `--sample` and `--limit`".into(),
            ),
            Self::Plans(_) => None,
        }
    }
}

type Examples<'a> = BTreeMap<usize, &'a SampleRecord>;

type Rows = BTreeSet<usize>;

/// Compares run `a` at `step_a` with run `b` at `step_b`; without a step each seed stands at its result. `ignored`
/// are places of options in the runs' plans, like `config.threads`, whose differences are not named.
///
/// # Errors
/// If the runs do not have the same examples and seeds, or a step is not scored whole.
pub fn compare(
    a: &RunReport,
    b: &RunReport,
    step_a: Option<u32>,
    step_b: Option<u32>,
    ignored: &[&str],
) -> Result<Comparison, CompareError> {
    let (steps_a, steps_b) = (steps(a, step_a)?, steps(b, step_b)?);
    let seeds: Vec<u64> = steps_a.keys().copied().collect();
    if !seeds.iter().eq(steps_b.keys()) {
        let of = |steps: &BTreeMap<u64, u32>| steps.keys().copied().collect();
        let (a_seeds, b_seeds) = (of(&steps_a), of(&steps_b));
        return Err(CompareError::Seeds { a_name: a.name.clone(), a: a_seeds, b_name: b.name.clone(), b: b_seeds });
    }
    let (mut pairs, mut alone) = (Vec::new(), [0, 0]);
    let (mut examples_a, mut examples_b) = (examples(a, &steps_a), examples(b, &steps_b));
    let (left_out_a, left_out_b, no_rows) = (left_out(a), left_out(b), Rows::new());
    let limit = |run: &RunReport| run.results.plan.config.limit;
    let same_limit = limit(a).is_some() && limit(a) == limit(b);
    for &seed in &seeds {
        let mut of_a = examples_a.remove(&seed).unwrap_or_default();
        let mut of_b = examples_b.remove(&seed).unwrap_or_default();
        let (scored_a, scored_b) = (of_a.clone(), of_b.clone());
        let (without_a, without_b) =
            (left_out_a.get(&seed).unwrap_or(&no_rows), left_out_b.get(&seed).unwrap_or(&no_rows));
        alone[0] += without_alone((&mut of_a, without_a), (&scored_b, without_b), same_limit);
        alone[1] += without_alone((&mut of_b, without_b), (&scored_a, without_a), same_limit);
        pairs.extend(paired(seed, (&a.name, &of_a), (&b.name, &of_b))?);
    }
    same_data(a, b)?;
    let side = |run: &RunReport, steps: &BTreeMap<u64, u32>, records: Vec<&SampleRecord>| {
        let mut count = CorrectCount::default();
        records.iter().for_each(|record| count.add(record.is_correct()));
        let interval = count.wilson(Z_95);
        Some(Side {
            name: run.name.clone(),
            steps: steps.values().copied().collect(),
            correct: count.correct,
            accuracy: count.accuracy()?,
            interval: [interval.low, interval.high],
        })
    };
    let nothing = || CompareError::NothingInCommon { a: a.name.clone(), b: b.name.clone() };
    Ok(Comparison {
        a: side(a, &steps_a, pairs.iter().map(|pair| pair.0).collect()).ok_or_else(nothing)?,
        b: side(b, &steps_b, pairs.iter().map(|pair| pair.1).collect()).ok_or_else(nothing)?,
        n: pairs.len(),
        versus: PairedScores::of(pairs.iter().copied()).ok_or_else(nothing)?,
        differences: differences(&a.results.plan, &b.results.plan, ignored).map_err(CompareError::Plans)?,
        notes: notes([a, b], alone, seeds.len()),
        seeds,
    })
}

/// The step of each seed.
fn steps(run: &RunReport, asked: Option<u32>) -> Result<BTreeMap<u64, u32>, CompareError> {
    let results = &run.analysis.results;
    if results.is_empty() {
        return Err(CompareError::NothingScored { name: run.name.clone() });
    }
    let of = |seed, step| match run.analysis.step(seed, step) {
        Some(_) => Ok((seed, step)),
        None => Err(CompareError::NoStep { name: run.name.clone(), seed, step }),
    };
    results.iter().map(|result| of(result.seed, asked.unwrap_or(result.step))).collect()
}

/// The examples of each seed at its step.
fn examples<'a>(run: &'a RunReport, steps: &BTreeMap<u64, u32>) -> HashMap<u64, Examples<'a>> {
    let mut examples: HashMap<u64, Examples<'a>> = HashMap::new();
    for record in run.records.iter().filter(|record| steps.get(&record.seed) == Some(&record.step)) {
        examples.entry(record.seed).or_default().insert(record.index, record);
    }
    examples
}

/// Takes out the examples that a run has alone for a reason: the other run left them out, as demonstrations or since
/// they cannot be used, or the run took them under the same limit for those that it left out itself. Gives their
/// number.
fn without_alone(
    (examples, left_out): (&mut Examples<'_>, &Rows),
    (scored, left_out_by_other): (&Examples<'_>, &Rows),
    same_limit: bool,
) -> usize {
    let before = examples.len();
    examples.retain(|index, _| !left_out_by_other.contains(index) || scored.contains_key(index));
    let further = examples.keys().filter(|index| !scored.contains_key(index)).count();
    if same_limit && further <= left_out.len() {
        examples.retain(|index, _| scored.contains_key(index));
    }
    before - examples.len()
}

/// The rows that a run drew for each seed and did not score.
fn left_out(run: &RunReport) -> HashMap<u64, Rows> {
    let mut rows: HashMap<u64, Rows> = HashMap::new();
    for draw in run.results.plan.draws() {
        rows.entry(draw.seed).or_default().extend(draw.overlapping_rows.iter().chain(&draw.unusable_rows));
    }
    rows
}

/// Pairs by example; the first example that is not in both, or not the same, is named.
fn paired<'a>(
    seed: u64,
    (a_name, a): (&Untrusted, &Examples<'a>),
    (b_name, b): (&Untrusted, &Examples<'a>),
) -> Result<Vec<(&'a SampleRecord, &'a SampleRecord)>, CompareError> {
    let mut indices: Vec<usize> = a.keys().chain(b.keys()).copied().collect();
    indices.sort_unstable();
    indices.dedup();
    let pair = |index: usize| match (a.get(&index), b.get(&index)) {
        (Some(&first), Some(&second)) => match same_example(first, second) {
            Ok(()) => Ok((first, second)),
            Err((what, a, b)) => Err(CompareError::OtherExample { seed, index, what, a, b }),
        },
        (first, _) => {
            let name = if first.is_some() { a_name } else { b_name };
            Err(CompareError::Alone { name: name.clone(), seed, index })
        }
    };
    indices.into_iter().map(pair).collect()
}

/// Names and answers may agree where texts do not.
fn same_data(a: &RunReport, b: &RunReport) -> Result<(), CompareError> {
    let evaluation = |run: &RunReport| {
        let data = run.results.plan.data.iter().find(|data| data.split == "evaluation");
        data.map(|data| (data.file.clone(), data.examples_sha256.clone())).unwrap_or_default()
    };
    let ((a, a_digest), (b, b_digest)) = (evaluation(a), evaluation(b));
    if a_digest == b_digest { Ok(()) } else { Err(CompareError::OtherData { a, b }) }
}

fn notes(runs: [&RunReport; 2], alone: [usize; 2], seeds: usize) -> Vec<Untrusted> {
    // Put together of the raw texts: what is data in JSON stays what it was.
    let of = |run: &RunReport| {
        let named = |note: &Untrusted| Untrusted::from(format!("{}: {}", run.name.raw(), note.raw()));
        run.notes.iter().map(named).collect::<Vec<_>>()
    };
    let mut notes = runs.map(of).concat();
    for (run, alone) in runs.into_iter().zip(alone).filter(|(_, alone)| *alone > 0) {
        let note = format!(
            "{}: {alone} scored examples are not compared: the other run does not score them, since one of the two left out \
             rows that are demonstrations or cannot be used",
            run.name.raw()
        );
        notes.push(note.into());
    }
    if seeds > 1 {
        let note = format!(
            "pairs of {seeds} seeds are taken together as if they were independent; those on the same example are not quite"
        );
        notes.push(note.into());
    }
    notes
}
