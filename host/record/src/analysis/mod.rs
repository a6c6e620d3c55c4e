//! The numbers that follow from what runs leave behind.
//!
//! [`Analysis`] has all numbers of one run, recomputed from its sample records; a [`run_report::RunReport`] has them together
//! with everything else that the run's folder holds, and [`compare`] holds two of those against each other. A
//! [`group_report::GroupReport`] has the reports of a group's subtasks and their averages, which [`group`] computes.

pub mod compare;
pub mod contexts;
mod controls;
pub mod differences;
pub mod group;
pub mod group_report;
mod likelihoods;
mod oracle;
pub mod run_report;
pub mod seconds;
mod seed_records;
mod spread;

use std::collections::HashMap;

use serde::Serialize;

use crate::files::controls::{Baseline, Controls};
use crate::files::samples::SampleRecord;
use crate::files::schema::{ResultsRecord, SelectedRecord};
use crate::files::scores::{Beside, StepScores, confusion};
use crate::files::spread::SpreadRecord;
use controls::{SortedControls, UnfinishedBaseline};
use ft_engine::text::Untrusted;
use oracle::{oracle, oracle_of_means};
use seed_records::{SeedRecords, StepRecords, whole_steps};
use spread::{baselines_over_seeds, over_seeds};

pub use likelihoods::StepLikelihood;
pub(crate) use likelihoods::{RightChoice, means};
pub use oracle::{OracleMean, OracleStep};
pub use seed_records::{AnalysisError, ControlLineError, UnfinishedStep};
pub use spread::{BaselineScores, BaselineSeeds, SeedsScores};

/// What is known of a run besides its records.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// The classes; none for tasks without.
    pub labels: &'a [Untrusted],
    /// The step that is each seed's result, as far as seeds came to their end.
    pub selected: &'a [SelectedRecord],
    /// How many examples a whole step of each seed has; as many as the seed's fullest step where that is unknown.
    pub rows: &'a [(u64, usize)],
    /// What was scored besides the samples; `None` for nothing.
    pub controls: Option<&'a Controls>,
    /// How many content-free queries there are; 0 without.
    pub content_free_queries: usize,
    /// Whether choices are also scored without their queries.
    pub mutual_information: bool,
}

impl<'a> Known<'a> {
    /// What the results of a run say, with `rows` those of [`PlanRecord::scored_rows`], and what was scored besides the samples.
    ///
    /// [`PlanRecord::scored_rows`]: crate::files::schema::PlanRecord::scored_rows
    pub fn of(results: &'a ResultsRecord, rows: &'a [(u64, usize)], controls: &'a Controls) -> Self {
        let plan = &results.plan;
        Self {
            labels: &plan.labels,
            selected: &results.selected,
            rows,
            controls: Some(controls),
            content_free_queries: plan.content_free.as_ref().map_or(0, |content_free| content_free.queries),
            mutual_information: plan.unconditional_rows.is_some(),
        }
    }
}

/// The numbers of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Analysis {
    /// Every whole step, seed by seed in the order of the run.
    pub steps: Vec<StepScores>,
    /// Every step over the seeds that came to it; none for a single seed.
    pub over_seeds: Vec<SeedsScores>,
    /// Every whole baseline, seed by seed in the order of their numbers; absent in JSON if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub baselines: Vec<BaselineScores>,
    /// Every baseline over the seeds that have it; none for a single seed, and then absent in JSON.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub baselines_over_seeds: Vec<BaselineSeeds>,
    /// The step at which each seed's result stands.
    pub results: Vec<ResultStep>,
    /// The accuracy over the seeds, each at its result; none for a single seed.
    pub result: Option<SpreadRecord>,
    /// Each seed's best step from 1 on, where there are several: chosen with the test labels, so not a result.
    pub oracle: Vec<OracleStep>,
    /// The step from 1 on with the best mean over the seeds, of those that all came to; again not a result.
    pub oracle_of_means: Option<OracleMean>,
    /// Which class was taken for which at the results, all seeds together; none for tasks without classes.
    pub confusion: Option<ConfusionRecord>,
    /// Steps that are not whole, which nothing above is made of.
    pub unfinished: Vec<UnfinishedStep>,
    /// Baselines that are not whole, which nothing above is made of.
    #[serde(skip)]
    pub(crate) unfinished_baselines: Vec<UnfinishedBaseline>,
    /// The indices of each seed's steps and result in `steps` and `results`.
    #[serde(skip)]
    places: Places,
}

/// Indices into lists that may be long: a journal has as many seeds and steps as somebody wrote into it.
#[derive(Clone, Debug, PartialEq)]
struct Places {
    steps: HashMap<(u64, u32), usize>,
    results: HashMap<u64, usize>,
}

impl Places {
    fn of(steps: &[StepScores], results: &[ResultStep]) -> Self {
        Self {
            steps: steps.iter().map(|scores| (scores.seed, scores.step)).zip(0..).collect(),
            results: results.iter().map(|result| result.seed).zip(0..).collect(),
        }
    }
}

/// The step at which a seed's result stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ResultStep {
    /// The seed that drew the demonstrations.
    pub seed: u64,
    /// The number of the step: 0 is zero-shot, 1 in-context learning.
    pub step: u32,
    /// Whether the run selected it; if not, the seed has not come to its end, and this is its last whole step.
    pub selected: bool,
}

/// Classes of a confusion matrix at most: its square is what a report has to hold, and a person to read.
pub(crate) const MOST_CLASSES_SHOWN: usize = 100;

/// A confusion matrix: which class was predicted for which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConfusionRecord {
    /// The names of the classes.
    pub labels: Vec<Untrusted>,
    /// The number of examples: a row for each right class, a column for each predicted one.
    pub counts: Vec<Vec<usize>>,
}

impl Analysis {
    /// The numbers that follow from the records of a run.
    ///
    /// # Errors
    /// If the records are not those of one run.
    pub fn new(records: &[SampleRecord], known: &Known<'_>) -> Result<Self, AnalysisError> {
        let rows: HashMap<u64, usize> = known.rows.iter().rev().copied().collect();
        let (seeds, unfinished) = whole_steps(records, &rows)?;
        let nothing = Controls::default();
        let controls = SortedControls::new(known.controls.unwrap_or(&nothing), &seeds, known)?;
        let selected: HashMap<u64, u32> = known.selected.iter().rev().map(|of| (of.seed, of.step)).collect();
        let classes = known.labels.len();
        let of_seeds: Vec<Vec<StepScores>> =
            seeds.iter().map(|seed| scores(seed, &controls, classes).collect()).collect();
        let baselines: Vec<BaselineScores> =
            seeds.iter().flat_map(|seed| baseline_scores(seed, &controls, classes)).collect();
        let oracle = of_seeds.iter().filter_map(|steps| oracle(steps)).collect();
        let steps: Vec<StepScores> = of_seeds.into_iter().flatten().collect();
        let of_seed = |seed: &SeedRecords<'_>| result_step(seed, selected.get(&seed.seed).copied());
        let results: Vec<ResultStep> = seeds.iter().filter_map(of_seed).collect();
        let places = Places::of(&steps, &results);
        let at = |result: &ResultStep| places.steps.get(&(result.seed, result.step)).map(|place| &steps[*place]);
        let at_results: Vec<f64> = results.iter().filter_map(at).map(|scores| scores.accuracy).collect();
        let shown = seeds.iter().filter_map(|seed| seed.steps.get(&of_seed(seed)?.step));
        let shown = shown.flat_map(|step| step.values().map(|(_, record)| *record));
        let several = seeds.len() > 1;
        let over_seeds = if several { over_seeds(&steps) } else { Vec::new() };
        let baselines_over_seeds = if several { baselines_over_seeds(&baselines) } else { Vec::new() };
        Ok(Self {
            oracle,
            oracle_of_means: oracle_of_means(&over_seeds, seeds.len()),
            confusion: confusion(shown, classes).and_then(|confusion| {
                let counts = confusion.matrix(MOST_CLASSES_SHOWN)?;
                Some(ConfusionRecord { labels: known.labels.to_vec(), counts })
            }),
            result: if several { SpreadRecord::of(&at_results) } else { None },
            steps,
            over_seeds,
            baselines,
            baselines_over_seeds,
            results,
            unfinished,
            unfinished_baselines: controls.unfinished,
            places,
        })
    }

    /// The scores of a seed's whole step.
    pub fn step(&self, seed: u64, step: u32) -> Option<&StepScores> {
        self.places.steps.get(&(seed, step)).and_then(|place| self.steps.get(*place))
    }

    /// The scores of every seed at its result.
    pub(crate) fn at_results(&self) -> impl Iterator<Item = &StepScores> {
        self.results.iter().filter_map(|result| self.step(result.seed, result.step))
    }

    /// The scores of one seed at its result; `None` where the seed has no whole step.
    pub(crate) fn at_result(&self, seed: u64) -> Option<&StepScores> {
        let result = self.places.results.get(&seed).and_then(|place| self.results.get(*place))?;
        self.step(seed, result.step)
    }

    /// Whether a seed's result stands at this step because the run selected it.
    pub(crate) fn is_selected(&self, seed: u64, step: u32) -> bool {
        let result = self.places.results.get(&seed).and_then(|place| self.results.get(*place));
        result == Some(&ResultStep { seed, step, selected: true })
    }
}

fn in_order<'a>(records: &StepRecords<'a>) -> Vec<&'a SampleRecord> {
    records.values().map(|(_, record)| *record).collect()
}

/// The records of in-context learning; none where it is not whole.
fn icl<'a>(seed: &SeedRecords<'a>) -> Vec<&'a SampleRecord> {
    seed.steps.get(&1).map(in_order).unwrap_or_default()
}

fn scores<'a>(
    seed: &'a SeedRecords<'_>,
    controls: &'a SortedControls<'_>,
    classes: usize,
) -> impl Iterator<Item = StepScores> + 'a {
    let icl = icl(seed);
    seed.steps.iter().filter_map(move |(&step, records)| {
        let content_free = controls.content_free(seed.seed, step, None);
        let icl = if step == 1 { &[] } else { icl.as_slice() };
        let unconditional = controls.unconditional.as_ref();
        StepScores::of(&in_order(records), Beside { icl, content_free, classes, unconditional })
    })
}

fn baseline_scores(seed: &SeedRecords<'_>, controls: &SortedControls<'_>, classes: usize) -> Vec<BaselineScores> {
    let (icl, number) = (icl(seed), seed.seed);
    // Of this seed, all baselines that there can be.
    let of_seed = controls.baselines.range((number, Baseline::Repeat(0))..=(number, Baseline::Repeat(u32::MAX)));
    let scores = of_seed.filter_map(|(&(_, baseline), records)| {
        let content_free = controls.content_free(number, 1, Some(baseline));
        let unconditional = controls.unconditional.as_ref();
        let scores = StepScores::of(&in_order(records), Beside { icl: &icl, content_free, classes, unconditional })?;
        Some(BaselineScores { baseline, scores })
    });
    scores.collect()
}

fn result_step(seed: &SeedRecords<'_>, selected: Option<u32>) -> Option<ResultStep> {
    let last = *seed.steps.last_key_value()?.0;
    let whole = selected.filter(|step| seed.steps.contains_key(step));
    Some(ResultStep { seed: seed.seed, step: whole.unwrap_or(last), selected: whole.is_some() })
}

#[cfg(test)]
mod tests;
