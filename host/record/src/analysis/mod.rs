//! The numbers that follow from what runs leave behind.
//!
//! [`Analysis`] has all numbers of one run, recomputed from its sample records; a [`run_report::RunReport`] has them together
//! with everything else that the run's folder holds, and [`compare`] holds two of those against each other.

pub mod compare;
mod controls;
pub mod differences;
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
use controls::{SortedControls, UnfinishedBaseline};
use ft_engine::text::Untrusted;
use oracle::{oracle, oracle_of_means};
use seed_records::{SeedRecords, StepRecords, whole_steps};
use spread::{baselines_over_seeds, over_seeds};

pub use likelihoods::StepLikelihood;
pub(crate) use likelihoods::{RightChoice, means};
pub use oracle::{OracleMean, OracleStep};
pub use seed_records::{AnalysisError, ControlLineError, UnfinishedStep};
pub use spread::{BaselineScores, BaselineSeeds, SeedsScores, SpreadRecord};

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
        let controls = SortedControls::new(known.controls.unwrap_or(&nothing), &seeds, known.content_free_queries)?;
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
        StepScores::of(&in_order(records), Beside { icl, content_free, classes })
    })
}

fn baseline_scores(seed: &SeedRecords<'_>, controls: &SortedControls<'_>, classes: usize) -> Vec<BaselineScores> {
    let (icl, number) = (icl(seed), seed.seed);
    // Of this seed, all baselines that there can be.
    let of_seed = controls.baselines.range((number, Baseline::Repeat(0))..=(number, Baseline::Repeat(u32::MAX)));
    let scores = of_seed.filter_map(|(&(_, baseline), records)| {
        let content_free = controls.content_free(number, 1, Some(baseline));
        let scores = StepScores::of(&in_order(records), Beside { icl: &icl, content_free, classes })?;
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
mod tests {
    use super::*;
    use crate::files::controls::ControlRecord;
    use crate::files::samples::{Choice, Place, parse_all};

    fn record(seed: u64, step: u32, index: usize, answer: usize, loglik: [f64; 2]) -> SampleRecord {
        let [first, second] = loglik;
        let choices =
            [(first, 1, 8), (second, 3, 8)].map(|(loglik, tokens, characters)| Choice { loglik, tokens, characters });
        SampleRecord::new(Place { seed, step, index }, format!("row-{index}"), answer, &choices).unwrap()
    }

    /// One seed's step in which the examples of `right` are answered rightly; example i has the answer i % 2.
    fn step(seed: u64, step: u32, right: &[bool]) -> Vec<SampleRecord> {
        let of = |(index, right): (usize, &bool)| {
            let answer = index % 2;
            let loglik = if (answer == 0) == *right { [-1.0, -9.0] } else { [-9.0, -1.0] };
            record(seed, step, index, answer, loglik)
        };
        right.iter().enumerate().map(of).collect()
    }

    fn analyse(records: &[SampleRecord]) -> Analysis {
        Analysis::new(records, &Known::default()).unwrap()
    }

    /// The records of a step as those behind `repeat=2`.
    fn behind_repeat(records: Vec<SampleRecord>) -> Vec<ControlRecord> {
        let control =
            |sample| ControlRecord { baseline: Baseline::repeat(2), sample: SampleRecord { step: 1, ..sample } };
        records.into_iter().map(control).collect()
    }

    const T: bool = true;
    const F: bool = false;

    fn two_seeds() -> Vec<SampleRecord> {
        [
            step(7, 0, &[T, F, F, F]),
            step(7, 1, &[T, T, F, F]),
            step(7, 2, &[T, T, T, F]),
            step(3, 0, &[T, F, F, F]),
            step(3, 1, &[T, T, T, T]),
            step(3, 2, &[T, F, T, T]),
        ]
        .concat()
    }

    #[test]
    fn every_step_is_counted_by_sum_by_token_and_by_character() {
        // Per token the second choice of the second example wins: -3 / 3.
        let records = [record(0, 0, 0, 0, [-1.0, -9.0]), record(0, 0, 1, 1, [-2.0, -3.0])];
        let analysis = analyse(&records);
        let scores = &analysis.steps[0];
        assert_eq!((scores.n, scores.correct, scores.accuracy), (2, 1, 0.5));
        assert_eq!((scores.accuracy_tokens, scores.accuracy_norm), (1.0, 0.5));
        assert_eq!((scores.macro_f1, scores.versus_icl), (None, None));
        assert!(analyse(&[]).steps.is_empty());
    }

    #[test]
    fn steps_are_compared_with_in_context_learning_of_the_same_seed() {
        let analysis = analyse(&two_seeds());
        let order: Vec<(u64, u32)> = analysis.steps.iter().map(|scores| (scores.seed, scores.step)).collect();
        assert_eq!(order, [(7, 0), (7, 1), (7, 2), (3, 0), (3, 1), (3, 2)]);
        let versus = |seed, step| {
            let versus = analysis.step(seed, step).unwrap().versus_icl;
            versus.map(|versus| (versus.wins, versus.losses, versus.difference, format!("{:.9}", versus.p_value)))
        };
        assert_eq!(versus(7, 0), Some((0, 1, -0.25, "1.000000000".into())));
        assert_eq!(versus(7, 1), None);
        assert_eq!(versus(7, 2), Some((1, 0, 0.25, "1.000000000".into())));
        assert_eq!(versus(3, 0), Some((0, 3, -0.75, "0.250000000".into())));
    }

    #[test]
    fn pairs_are_made_by_example_and_not_by_order() {
        let mut records = two_seeds();
        records.reverse();
        let analysis = analyse(&records);
        assert_eq!(analysis.step(3, 2), analyse(&two_seeds()).step(3, 2));
    }

    #[test]
    fn seeds_have_a_mean_and_a_spread() {
        let analysis = analyse(&two_seeds());
        let last = &analysis.over_seeds[2];
        assert_eq!((last.step, last.accuracy.seeds, last.accuracy.mean), (2, 2, 0.75));
        assert_eq!(last.accuracy.sd, Some(0.0));
        assert_eq!(last.difference.unwrap().mean, 0.0);
        let icl = &analysis.over_seeds[1];
        assert_eq!((icl.accuracy.min, icl.accuracy.max, icl.difference), (0.5, 1.0, None));
        assert!((icl.accuracy.sd.unwrap() - 0.125f64.sqrt()).abs() < 1e-15);
        assert_eq!(analysis.result.unwrap().mean, 0.75);
        assert!(analyse(&step(0, 1, &[T])).over_seeds.is_empty());
    }

    #[test]
    fn a_result_stands_at_the_selected_step_or_at_the_last() {
        let labels = ["no", "yes"].map(Untrusted::from);
        let selected = [SelectedRecord { seed: 7, step: 1 }];
        let known = Known { labels: &labels, selected: &selected, ..Known::default() };
        let analysis = Analysis::new(&two_seeds(), &known).unwrap();
        let expected =
            [ResultStep { seed: 7, step: 1, selected: true }, ResultStep { seed: 3, step: 2, selected: false }];
        assert_eq!(analysis.results, expected);
        assert!(analysis.is_selected(7, 1) && !analysis.is_selected(3, 2));
        // Seed 7 takes example 2 for 1 and example 3 for 0; seed 3 takes example 1 for 0.
        assert_eq!(analysis.confusion.as_ref().unwrap().counts, [vec![3, 1], vec![2, 2]]);
        assert_eq!(analysis.step(7, 1).unwrap().macro_f1, Some(0.5));
        assert_eq!(analyse(&two_seeds()).confusion, None);
    }

    /// Seed 3 is better by a quarter at step 2, its result; seed 7 stands at step 1.
    #[test]
    fn a_seed_at_step_1_differs_by_nothing_from_in_context_learning() {
        let mut records = two_seeds();
        let better = [step(3, 1, &[T, T, F, F]), step(3, 2, &[T, T, T, F])].concat();
        records.splice(16.., better);
        let selected = [SelectedRecord { seed: 7, step: 1 }, SelectedRecord { seed: 3, step: 2 }];
        let analysis = Analysis::new(&records, &Known { selected: &selected, ..Known::default() }).unwrap();
        let results: Vec<&StepScores> = analysis.at_results().collect();
        let over = SeedsScores::at_results(&results).unwrap();
        let difference = over.difference.unwrap();
        assert_eq!((difference.seeds, difference.mean, difference.min, difference.max), (2, 0.125, 0.0, 0.25));
        let in_nats = over.right_loglik_difference.unwrap();
        let of_seed_3 = analysis.step(3, 2).unwrap().right_loglik_versus_icl.unwrap().difference;
        assert!(of_seed_3 > 0.0);
        assert_eq!((in_nats.seeds, in_nats.mean), (2, of_seed_3 / 2.0));
        // Step 1 over the seeds is in-context learning itself.
        assert_eq!(analysis.over_seeds[1].difference, None);
    }

    #[test]
    fn choices_that_are_no_classes_have_no_confusion() {
        let labels = ["a", "b", "c"].map(Untrusted::from);
        let analysis = Analysis::new(&two_seeds(), &Known { labels: &labels, ..Known::default() }).unwrap();
        assert_eq!((analysis.confusion, analysis.steps[0].macro_f1), (None, None));
    }

    #[test]
    fn baselines_are_compared_with_in_context_learning_of_the_same_seed() {
        let mut baselines = behind_repeat([step(7, 1, &[T, T, T, F]), step(3, 1, &[F, T, T, T])].concat());
        let of = |baselines: &[ControlRecord]| {
            let controls = Controls { baselines: baselines.to_vec(), content_free: Vec::new() };
            Analysis::new(&two_seeds(), &Known { controls: Some(&controls), ..Known::default() })
        };
        let analysis = of(&baselines).unwrap();
        let differences: Vec<(u64, f64)> = (analysis.baselines.iter())
            .map(|found| (found.scores.seed, found.scores.versus_icl.unwrap().difference))
            .collect();
        assert_eq!(differences, [(7, 0.25), (3, -0.25)]);
        let over = &analysis.baselines_over_seeds[0];
        assert_eq!((over.baseline, over.scores.accuracy.mean), (Baseline::Repeat(2), 0.75));
        // They are no steps: nothing else changes.
        assert_eq!(analysis.steps, analyse(&two_seeds()).steps);
        assert_eq!(analysis.oracle, analyse(&two_seeds()).oracle);

        let half = baselines.pop().unwrap();
        let analysis = of(&baselines).unwrap();
        assert_eq!(analysis.baselines.len(), 1);
        assert_eq!(
            analysis.unfinished_baselines,
            [UnfinishedBaseline { seed: 3, baseline: Baseline::Repeat(2), n: 3 }]
        );
        let refused = |change: &dyn Fn(&mut ControlRecord)| {
            let mut bad = half.clone();
            change(&mut bad);
            let error = of(&[&baselines[..], &[bad]].concat()).unwrap_err();
            assert_eq!(error.file(), "baselines.jsonl");
            error.to_string()
        };
        assert_eq!(
            refused(&|bad| bad.sample.index = 9),
            "line 8: expected an example that seed 3 scores at its steps, got example 9"
        );
        assert_eq!(
            refused(&|bad| bad.sample.index = 0),
            "line 8: expected the name \"row-0\" for example 0, as in samples.jsonl, got \"row-3\""
        );
        assert_eq!(
            refused(&|bad| *bad = baselines[4].clone()),
            "line 8: expected example 0 of seed 3 once behind repeat=2, got it again"
        );
        assert_eq!(
            refused(&|bad| bad.baseline = None),
            "line 8: expected a record behind a baseline, got one of step 1"
        );
    }

    #[test]
    fn content_free_queries_calibrate_the_step_that_they_are_scored_behind() {
        let labels = ["no", "yes"].map(Untrusted::from);
        let query = |step, index, loglik| ControlRecord { baseline: None, sample: record(7, step, index, 0, loglik) };
        // Both choices of the examples are 8 apart: with 9 all are taken for the second class, with 7 none is.
        let content_free = vec![
            query(1, 0, [-1.0, -10.0]),
            query(1, 1, [-1.0, -10.0]),
            query(2, 0, [-1.0, -8.0]),
            query(2, 1, [-1.0, -8.0]),
        ];
        let of = |content_free: &[ControlRecord]| {
            let controls = Controls { baselines: Vec::new(), content_free: content_free.to_vec() };
            let known =
                Known { labels: &labels, controls: Some(&controls), content_free_queries: 2, ..Known::default() };
            Analysis::new(&two_seeds(), &known)
        };
        let contextual = |analysis: &Analysis, step| analysis.step(7, step).unwrap().calibrated.unwrap().contextual;
        let analysis = of(&content_free).unwrap();
        assert_eq!([0, 1, 2].map(|step| contextual(&analysis, step)), [None, Some(0.5), Some(0.75)]);
        // Not all of them.
        assert_eq!(contextual(&of(&content_free[..3]).unwrap(), 2), None);
        let error = of(&[&content_free[..], &[query(2, 2, [-1.0, -8.0])]].concat()).unwrap_err();
        assert_eq!(
            (error.file(), error.to_string().as_str()),
            ("content-free.jsonl", "line 5: expected a content-free query below 2, got 2")
        );
        let error = of(&[&content_free[..], &content_free[..1]].concat()).unwrap_err().to_string();
        assert_eq!(error, "line 5: expected content-free query 0 once at step 1 of seed 7, got it again");
        // A run that goes on with an older version's plan, which has no such queries, may have stopped before it let go of them.
        let controls = Controls { baselines: Vec::new(), content_free };
        let without = Known { labels: &labels, controls: Some(&controls), ..Known::default() };
        let analysis = Analysis::new(&two_seeds(), &without).unwrap();
        assert_eq!([0, 1, 2].map(|step| contextual(&analysis, step)), [None; 3]);
    }

    /// DESIGN, invariant 5: what was on disk is enough.
    #[test]
    fn an_analysis_of_the_written_lines_is_the_analysis() {
        let records = two_seeds();
        let text: String = records.iter().map(|record| record.line().unwrap() + "\n").collect();
        assert_eq!(analyse(&parse_all(text.as_bytes()).unwrap().records), analyse(&records));
    }

    #[test]
    fn the_oracle_is_the_first_best_of_several_steps() {
        let analysis = analyse(&two_seeds());
        let found: Vec<(u64, u32, f64)> =
            analysis.oracle.iter().map(|best| (best.seed, best.step, best.accuracy)).collect();
        assert_eq!(found, [(7, 2, 0.75), (3, 1, 1.0)]);
        // Both steps have the mean 0.75.
        assert_eq!(analysis.oracle_of_means, Some(OracleMean { step: 1, mean: 0.75 }));
        let check = |steps: &[(u32, usize)], expected: Option<u32>| {
            let of =
                |&(at, correct): &(u32, usize)| step(0, at, &[[T].repeat(correct), [F].repeat(9 - correct)].concat());
            let records: Vec<SampleRecord> = steps.iter().flat_map(of).collect();
            assert_eq!(analyse(&records).oracle.first().map(|best| best.step), expected, "{steps:?}");
        };
        check(&[(0, 9), (1, 5), (2, 7), (3, 7)], Some(2));
        check(&[(0, 9), (3, 5)], None);
        check(&[], None);
    }

    #[test]
    fn a_step_that_is_not_whole_is_set_apart() {
        let mut records = two_seeds();
        records.pop();
        let analysis = analyse(&records);
        assert_eq!(analysis.unfinished, [UnfinishedStep { seed: 3, step: 2, n: 3, of: 4 }]);
        assert_eq!(analysis.step(3, 2), None);
        assert_eq!(analysis.results[1], ResultStep { seed: 3, step: 1, selected: false });
        let all = Analysis::new(&records, &Known { rows: &[(7, 5), (3, 5)], ..Known::default() }).unwrap();
        assert_eq!((all.steps.len(), all.unfinished.len()), (0, 6));
        // Without a whole step 1 there is nothing to compare with.
        let icl: Vec<SampleRecord> = records.into_iter().filter(|r| (r.seed, r.step, r.index) != (7, 1, 0)).collect();
        assert_eq!(analyse(&icl).step(7, 2).unwrap().versus_icl, None);
    }

    /// What is looked up for each seed, step or line is not looked for among all of them.
    #[test]
    fn many_seeds_in_turns_take_no_longer_than_their_lines() {
        let seeds = 100_000;
        let records: Vec<SampleRecord> =
            (0..2).flat_map(|at| (0..seeds).map(move |seed| record(seed, at, 0, 0, [-1.0, -9.0]))).collect();
        let selected: Vec<SelectedRecord> = (0..seeds).map(|seed| SelectedRecord { seed, step: 1 }).collect();
        let rows: Vec<(u64, usize)> = (0..seeds).map(|seed| (seed, 1)).collect();
        let started = std::time::Instant::now();
        let analysis =
            Analysis::new(&records, &Known { selected: &selected, rows: &rows, ..Known::default() }).unwrap();
        assert_eq!(analysis.at_results().count(), analysis.results.len());
        assert!(analysis.steps.iter().all(|step| analysis.is_selected(step.seed, step.step) == (step.step == 1)));
        assert_eq!((analysis.steps.len(), analysis.result.unwrap().seeds), (200_000, 100_000));
        assert!(started.elapsed() < std::time::Duration::from_secs(60), "{:?}", started.elapsed());
    }

    #[test]
    fn records_of_no_one_run_are_refused_by_their_line() {
        let check = |records: &[SampleRecord], message: &str| {
            let error = Analysis::new(records, &Known::default()).expect_err(message);
            assert_eq!(error.to_string(), message);
        };
        let good = two_seeds();
        let twice = [&good[..], &good[5..6]].concat();
        check(&twice, "line 25 repeats line 6: seed 7, step 1, example 1");
        let changed = |change: &dyn Fn(&mut SampleRecord)| {
            let mut records = good.clone();
            change(&mut records[9]);
            records
        };
        let answer = changed(&|record| record.answer = 0);
        check(&answer, "line 10: expected the answer 1 for example 1, as in line 2, got 0");
        let name = changed(&|record| record.id = "row-\u{202e}".into());
        check(&name, r#"line 10: expected the name "row-1" for example 1, as in line 2, got "row-\u{202e}""#);
        let choices = changed(&|record| record.loglik.push(-20.0));
        check(&choices, "line 10: expected the number of choices 2 for example 1, as in line 2, got 3");
        let index = changed(&|record| record.index = 17);
        check(&index, "line 10: example 17 is scored at step 2 of seed 7 and not at its step 0");
    }
}
