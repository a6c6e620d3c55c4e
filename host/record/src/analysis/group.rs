//! Averages over the subtasks of a group, from the analyses of those that are complete.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;

use super::Analysis;
use crate::files::group::{AverageAccuracy, AverageDifference, AverageRecord, AverageScores, SubtaskRecord};
use crate::files::scores::{PairedScores, StepScores};
use crate::files::spread::SpreadRecord;
use ft_engine::metrics::accuracy::{CorrectCount, Interval, Z_95};
use ft_engine::metrics::mover::mean_interval;
use ft_engine::metrics::paired::Paired;
use ft_engine::text::Untrusted;

/// The averages of a group, or of one of its smaller groups, with what each seed adds to them.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Average {
    /// The averages over the seeds.
    #[serde(flatten)]
    pub record: AverageRecord,
    /// The averages of each seed at every step that all complete subtasks have scored, and at the results.
    pub seeds: Vec<SeedAverage>,
}

/// The averages of one seed, at one step of all subtasks or at the results.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SeedAverage {
    /// The seed that drew the demonstrations.
    pub seed: u64,
    /// The number of the step: 0 is zero-shot, 1 in-context learning. Null at results that stand at different steps.
    pub step: Option<u32>,
    /// Whether these are the averages at the results.
    pub is_result: bool,
    /// The number of rows of all subtasks.
    pub n: usize,
    /// The number of right predictions by log-likelihood in all subtasks.
    pub correct: usize,
    /// The micro average: every row counts the same.
    #[serde(rename = "micro")]
    pub micro_average: SeedScore,
    /// The macro average: every subtask counts the same.
    #[serde(rename = "macro")]
    pub macro_average: SeedScore,
}

/// An average of one kind and one seed.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SeedScore {
    /// The average accuracy by log-likelihood, from 0 to 1.
    pub accuracy: f64,
    /// The 95 % interval of the accuracy: see [`AverageAccuracy::interval`].
    pub interval: [f64; 2],
    /// The accuracy less that of in-context learning, at results alone; a subtask that stands at step 1 differs by 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<f64>,
    /// The comparison of all rows with in-context learning, at results and of micro averages alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versus_icl: Option<PairedScores>,
}

/// The averages of the whole group at one step, over the seeds for which all complete subtasks have scored it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct StepAverages {
    /// 0 is zero-shot, 1 in-context learning.
    pub step: u32,
    /// Whether the step is the result of every subtask for every seed.
    pub is_result: bool,
    /// The micro average of accuracies.
    #[serde(rename = "micro")]
    pub micro_average: SpreadRecord,
    /// The macro average of accuracies.
    #[serde(rename = "macro")]
    pub macro_average: SpreadRecord,
}

/// The averages of a group's complete subtasks, of which `subtasks` are all: of each smaller group that has complete ones, in the
/// order in which the groups are first named, then of the whole. Empty where the complete subtasks have no seed in common.
pub fn averages(subtasks: &[SubtaskRecord], complete: &[(&SubtaskRecord, &Analysis)]) -> Vec<AverageRecord> {
    averages_by_seed(subtasks, complete).into_iter().map(|average| average.record).collect()
}

/// The averages as [`averages`] gives them, each with those of single seeds.
pub(crate) fn averages_by_seed(subtasks: &[SubtaskRecord], complete: &[(&SubtaskRecord, &Analysis)]) -> Vec<Average> {
    let seeds = common_seeds(complete.iter().map(|(_, analysis)| *analysis));
    let mut known = HashSet::new();
    let names = subtasks.iter().flat_map(|subtask| &subtask.groups).filter(|name| known.insert(*name));
    let of_group = |group: Option<&Untrusted>| {
        let belongs = |subtask: &SubtaskRecord| group.is_none_or(|group| subtask.groups.contains(group));
        let of = subtasks.iter().filter(|subtask| belongs(subtask)).count();
        let complete = complete.iter().filter(|(subtask, _)| belongs(subtask));
        let analyses: Vec<&Analysis> = complete.map(|(_, analysis)| *analysis).collect();
        Average::of(group, &analyses, of, &seeds)
    };
    names.map(Some).chain([None]).filter_map(of_group).collect()
}

/// The seeds at whose results all of the analyses stand, in the order of the first one.
pub(crate) fn common_seeds<'a>(mut analyses: impl Iterator<Item = &'a Analysis>) -> Vec<u64> {
    let Some(first) = analyses.next() else { return Vec::new() };
    let rest: Vec<&Analysis> = analyses.collect();
    let is_common = |seed: &u64| rest.iter().all(|analysis| analysis.at_result(*seed).is_some());
    first.results.iter().map(|result| result.seed).filter(is_common).collect()
}

/// The averages at every step of the whole group, which is the last of `averages`.
pub(crate) fn step_averages(averages: &[Average]) -> Vec<StepAverages> {
    let Some(Average { record: AverageRecord { group: None, .. }, seeds }) = averages.last() else { return Vec::new() };
    let results = seeds.iter().filter(|seed| seed.is_result).count();
    let mut by_step: BTreeMap<u32, Vec<&SeedAverage>> = BTreeMap::new();
    for seed in seeds {
        if let Some(step) = seed.step {
            by_step.entry(step).or_default().push(seed);
        }
    }
    let of_step = |(step, all): (u32, Vec<&SeedAverage>)| {
        let spread = |value: fn(&SeedAverage) -> f64| {
            SpreadRecord::of(&all.iter().map(|seed| value(seed)).collect::<Vec<f64>>())
        };
        Some(StepAverages {
            step,
            is_result: all.len() == results && all.iter().all(|seed| seed.is_result),
            micro_average: spread(|seed| seed.micro_average.accuracy)?,
            macro_average: spread(|seed| seed.macro_average.accuracy)?,
        })
    };
    by_step.into_iter().filter_map(of_step).collect()
}

impl Average {
    /// The averages of these analyses, all of which have a result for each of `seeds`; `None` for none of either.
    fn of(group: Option<&Untrusted>, analyses: &[&Analysis], of: usize, seeds: &[u64]) -> Option<Self> {
        // Seeds are looked up: there may be as many as somebody wrote into a journal.
        let steps = analyses.first()?.steps.chunk_by(|a, b| a.seed == b.seed);
        let steps: HashMap<u64, &[StepScores]> = steps.filter_map(|all| Some((all.first()?.seed, all))).collect();
        let of_seed = |seed: &u64| averages_of_seed(*seed, steps.get(seed).copied().unwrap_or_default(), analyses);
        let by_seed: Vec<SeedAverage> = seeds.iter().flat_map(of_seed).collect();
        let record = AverageRecord {
            group: group.cloned(),
            subtasks: analyses.len(),
            of,
            n: by_seed.iter().map(|seed| seed.n).max()?,
            micro_average: over_seeds(&by_seed, seeds.len(), |seed| &seed.micro_average)?,
            macro_average: over_seeds(&by_seed, seeds.len(), |seed| &seed.macro_average)?,
        };
        Some(Self { record, seeds: by_seed })
    }
}

/// The averages of a seed at those of `steps`, which are the first subtask's, that all subtasks have; then at the results, where
/// these are not one of the steps.
fn averages_of_seed<'a>(seed: u64, steps: &[StepScores], analyses: &[&'a Analysis]) -> Vec<SeedAverage> {
    let of_all = |scores: &dyn Fn(&'a Analysis) -> Option<&'a StepScores>| {
        analyses.iter().map(|analysis| scores(analysis)).collect::<Option<Vec<&StepScores>>>()
    };
    let Some(results) = of_all(&|analysis| analysis.at_result(seed)) else { return Vec::new() };
    let first = results.first().map(|result| result.step);
    let shared = first.filter(|step| results.iter().all(|result| result.step == *step));
    let at_steps = steps.iter().filter_map(|StepScores { step, .. }| {
        let scores = of_all(&|analysis| analysis.step(seed, *step))?;
        SeedAverage::of(&scores, Some(*step), shared == Some(*step))
    });
    let at_results = if shared.is_none() { SeedAverage::of(&results, None, true) } else { None };
    at_steps.chain(at_results).collect()
}

impl SeedAverage {
    /// The averages of the scores of one seed, one for each subtask; `None` for none.
    fn of(scores: &[&StepScores], step: Option<u32>, is_result: bool) -> Option<Self> {
        let correct = scores.iter().map(|scores| scores.correct).sum();
        let pooled = CorrectCount { correct, n: scores.iter().map(|scores| scores.n).sum() };
        let wilson = pooled.wilson(Z_95);
        let part = |scores: &&StepScores| {
            let [low, high] = scores.interval;
            (scores.accuracy, Interval { low, high })
        };
        let combined = mean_interval(&scores.iter().map(part).collect::<Vec<_>>())?;
        let pairs = if is_result {
            scores.iter().map(|scores| versus_icl(scores)).collect::<Option<Vec<Paired>>>()
        } else {
            None
        };
        let versus_icl = pairs.as_ref().and_then(|pairs| PairedScores::of_counts(sum(pairs)));
        let differences = pairs.map(|pairs| pairs.into_iter().filter_map(Paired::difference).collect::<Vec<f64>>());
        Some(Self {
            seed: scores.first()?.seed,
            step,
            is_result,
            n: pooled.n,
            correct,
            micro_average: SeedScore {
                accuracy: pooled.accuracy()?,
                interval: [wilson.low, wilson.high],
                difference: versus_icl.map(|versus| versus.difference),
                versus_icl,
            },
            macro_average: SeedScore {
                accuracy: mean(&scores.iter().map(|scores| scores.accuracy).collect::<Vec<f64>>())?,
                interval: [combined.low, combined.high],
                difference: differences.and_then(|differences| mean(&differences)),
                versus_icl: None,
            },
        })
    }
}

/// How a step's predictions differ from those of in-context learning; `None` where that is not whole.
fn versus_icl(scores: &StepScores) -> Option<Paired> {
    match scores.step {
        1 => Some(Paired { wins: 0, losses: 0, n: scores.n }),
        _ => scores.versus_icl.map(|versus| Paired { wins: versus.wins, losses: versus.losses, n: scores.n }),
    }
}

fn sum(pairs: &[Paired]) -> Paired {
    let add = |sum: Paired, pair: &Paired| Paired {
        wins: sum.wins + pair.wins,
        losses: sum.losses + pair.losses,
        n: sum.n + pair.n,
    };
    pairs.iter().fold(Paired::default(), add)
}

fn mean(values: &[f64]) -> Option<f64> {
    SpreadRecord::of(values).map(|spread| spread.mean)
}

/// The averages of one kind over all of `seeds`; `None` where there is no result.
fn over_seeds(by_seed: &[SeedAverage], seeds: usize, kind: fn(&SeedAverage) -> &SeedScore) -> Option<AverageScores> {
    let accuracy = |scores: &[&SeedScore]| {
        let spread = SpreadRecord::of(&scores.iter().map(|score| score.accuracy).collect::<Vec<f64>>())?;
        let interval = if let [one] = scores { Some(one.interval) } else { None };
        // A mean over fewer seeds would not compare with the others.
        (spread.seeds == seeds).then_some(AverageAccuracy { spread, interval })
    };
    let at_step = |step| {
        let of_step = by_seed.iter().filter(|seed| seed.step == Some(step));
        accuracy(&of_step.map(kind).collect::<Vec<&SeedScore>>())
    };
    let results: Vec<&SeedScore> = by_seed.iter().filter(|seed| seed.is_result).map(kind).collect();
    let differences: Option<Vec<f64>> = results.iter().map(|score| score.difference).collect();
    let tested = if let [one] = results.as_slice() { one.versus_icl } else { None };
    let difference = differences.and_then(|differences| SpreadRecord::of(&differences));
    let difference = difference.map(|spread| AverageDifference {
        spread,
        interval: tested.map(|versus| versus.interval),
        p_value: tested.map(|versus| versus.p_value),
    });
    Some(AverageScores { zero_shot: at_step(0), in_context: at_step(1), result: accuracy(&results)?, difference })
}

#[cfg(test)]
mod tests;
