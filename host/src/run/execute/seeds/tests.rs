//! The outer loop over a table of numbers, with its real journals in a folder.

mod controls;
mod saved_context;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use super::super::execution::{Found, concluded};
use super::super::fake_model::{ALONE, FakeModel, REPEATED, TEXT_START, Table, alone, query};
use super::super::stop::StopFlag;
use super::*;
use crate::diagnosis::{Diagnosis, Fault};
use crate::options::{HeldOut, Select};
use crate::run::folder::out_folder::{FurtherJournals, OutFolder, beginning, earlier};
use crate::run::observer::Observer;
use crate::run::plan::baseline::BaselineContext;
use crate::run::plan::held_out::{Chosen, Fold};
use crate::run::plan::usable::UnusableRows;
use ft_engine::model::ModelError;
use ft_engine::task::example::{Split, TextLength};
use ft_engine::tune::Demonstrations;
use ft_engine::tune::StepReport;
use ft_record::files::controls::Baseline;
use ft_record::files::schema::{ContentFreeRecord, DrawRecord, PlanRecord, StepRecord};
use ft_record::files::trace::TraceRecord;

/// A plan as a run of the first version wrote it, without its seeds.
const PLAN: &str = include_str!("../../first_plan.json");

/// Rows that every seed scores, and rows that are held out.
const ROWS: u32 = 3;
const HELD_OUT: [u32; 2] = [20, 21];

/// The first row of content-free queries.
const CONTENT_FREE: u32 = 40;

/// A run of some seeds in a folder.
struct Setup {
    seeds: Vec<u64>,
    select: Select,
    score_steps: Vec<usize>,
    allow_nonfinite: bool,
    baselines: Vec<u32>,
    /// The tokens of the description.
    description: &'static [u32],
    /// How many content-free queries there are.
    content_free: u32,
    /// To score the choices without their queries too.
    mutual_information: bool,
}

impl Setup {
    /// One seed, four steps, all of them scored, and nothing besides.
    fn new(select: Select) -> Self {
        Self {
            seeds: vec![0],
            select,
            score_steps: vec![1, 2, 3, 4],
            allow_nonfinite: false,
            baselines: Vec::new(),
            description: &[],
            content_free: 0,
            mutual_information: false,
        }
    }

    /// What a seed draws: demonstrations that begin with its number and 1, and the rows of all seeds.
    fn draw(&self, seed: u64) -> Draw {
        let ids = vec![seed as u32 + 1, 7];
        let held_out = matches!(self.select, Select::HeldOut(_));
        let queries = || HELD_OUT.map(asked).to_vec();
        let demonstrations = Demonstrations::of_tokens(ids.clone());
        let folds = held_out.then(|| Fold { demonstrations: demonstrations.clone(), queries: queries() });
        let unusable = UnusableRows::of(Split::Demonstrations);
        let of_baseline = |times: &u32| BaselineContext::new(Baseline::Repeat(*times), &ids, 0);
        let baselines = self.baselines.iter().map(of_baseline).collect();
        Draw {
            record: DrawRecord {
                seed,
                demonstrations: "".into(),
                demonstration_ids: ids,
                demonstration_rows: Vec::new(),
                held_out_rows: Vec::new(),
                overlapping_rows: Vec::new(),
                unusable_rows: Vec::new(),
                scored_rows: None,
            },
            queries: (0..ROWS as usize).collect(),
            evaluation_rows: ROWS as usize,
            baselines,
            limited: false,
            other_answers: 0,
            demonstrations,
            held_out: Chosen { rows: Vec::new(), folds: folds.into_iter().collect(), overlapping: 0, unusable },
        }
    }

    /// Goes on in the folder, or begins there.
    fn run(&self, folder: &Path, model: &mut FakeModel<'_>, observer: &dyn Observer) -> Result<Found, RunError> {
        self.done(folder, model, observer, |run, draws| run.all_seeds(draws))
    }

    /// Does something with a run that goes on in the folder, or begins there.
    fn done(
        &self,
        folder: &Path,
        model: &mut FakeModel<'_>,
        observer: &dyn Observer,
        what: impl FnOnce(&mut Run<'_, FakeModel<'_>>, &[Draw]) -> Result<(), RunError>,
    ) -> Result<Found, RunError> {
        let draws: Vec<Draw> = self.seeds.iter().map(|seed| self.draw(*seed)).collect();
        let mut plan: PlanRecord = serde_json::from_str(PLAN).unwrap();
        plan.draw = draws[0].record.clone();
        plan.further_draws = draws[1..].iter().map(|draw| draw.record.clone()).collect();
        let queries = self.content_free as usize;
        plan.content_free = (queries > 0).then(|| ContentFreeRecord { made_by: "host".into(), queries });
        let beginning = beginning(folder, earlier(folder, false)?, &plan)?;
        let further = FurtherJournals {
            held_out: matches!(self.select, Select::HeldOut(_)),
            baselines: !self.baselines.is_empty(),
            content_free: queries > 0,
            unconditional: self.mutual_information,
        };
        let (folder, _) = OutFolder::open(folder, &beginning, further)?;
        let of_content_free = |place| Query { index: place as usize, ..asked(CONTENT_FREE + place) };
        let content_free: Vec<Query> = (0..self.content_free).map(of_content_free).collect();
        let stop = StopFlag(model.stop);
        let queries: Vec<Query> = (0..ROWS).map(asked).collect();
        let alone = |row| Query { tokens: alone(row), ..asked(row) };
        let unconditional: Vec<Query> = (0..if self.mutual_information { ROWS } else { 0 }).map(alone).collect();
        let mut run = Run {
            shared_start: &[],
            saver: None,
            step_contexts: Box::new(|_| None),
            model,
            bos: None,
            description: self.description,
            schedule: Schedule {
                select: self.select,
                steps: 4,
                score_steps: self.score_steps.iter().copied().collect(),
                allow_nonfinite: self.allow_nonfinite,
            },
            queries: &queries,
            content_free: &content_free,
            unconditional: Unconditional { queries: &unconditional, text_start: Some(TEXT_START) },
            scorer: Scorer { batch_tokens: 2, observer, stop },
            recorder: Recorder::new(folder, &beginning, plan, observer, self.allow_nonfinite)?,
        };
        let ran = what(&mut run, &draws);
        concluded(run, ran)
    }

    /// A whole run with this table in a folder of its own.
    fn whole(&self, table: Table) -> Result<Found, RunError> {
        let stop = AtomicBool::new(false);
        let mut model = FakeModel { description: self.description, ..FakeModel::new(table, &stop) };
        self.run(tempfile::tempdir().unwrap().path(), &mut model, &Silent)
    }
}

/// A query whose first choice is right.
fn asked(row: u32) -> Query {
    Query {
        index: row as usize,
        id: row.to_string(),
        answer: 0,
        tokens: query(row),
        lengths: vec![TextLength { characters: 1, bytes: 1 }; 2],
    }
}

/// Listens to nothing.
struct Silent;

impl Observer for Silent {
    fn event(&self, _event: Event<'_>) {}
}

const HELD_OUT_ROWS: Select = Select::HeldOut(HeldOut::Rows(2));

/// Right at step 2 alone; held-out examples are likeliest at step 3.
fn table(demonstrations: u32, step: usize, row: u32) -> f64 {
    let seed = f64::from(demonstrations) / 64.0;
    match (step, row >= HELD_OUT[0]) {
        (3, true) | (2, false) => -0.25 - seed,
        _ => -2.0 - f64::from(row) / 16.0 - seed,
    }
}

fn steps(found: &Found) -> Vec<u32> {
    found.results.steps.iter().map(|step| step.scores.step).collect()
}

fn notes(found: &Found) -> Vec<&str> {
    found.results.plan.notes.iter().map(|note| note.raw().as_str()).collect()
}

fn selected(found: &Found) -> Vec<u32> {
    found.results.selected.iter().map(|selected| selected.step).collect()
}

#[test]
fn the_last_step_is_the_result_and_every_step_is_compared_with_the_first() {
    let found = Setup::new(Select::Last).whole(table).unwrap();
    assert!(!found.interrupted && found.results.complete);
    assert_eq!((steps(&found), selected(&found)), (vec![0, 1, 2, 3, 4], vec![4]));
    let correct: Vec<usize> = found.results.steps.iter().map(|step| step.scores.correct).collect();
    assert_eq!(correct, [0, 0, 3, 0, 0]);
    let differences: Vec<Option<f64>> =
        found.results.steps.iter().map(|step| step.scores.versus_icl.map(|versus| versus.difference)).collect();
    assert_eq!(differences, [Some(0.0), None, Some(1.0), Some(0.0), Some(0.0)]);
    assert_eq!(found.records.len(), 5 * ROWS as usize);
}

/// The model fails where a zero-shot query has anything else before it, or another query has it.
#[test]
fn a_description_stands_before_zero_shot_queries_and_is_read_once() {
    let setup = |description, content_free| {
        let setup = Setup { baselines: vec![2], content_free, ..Setup::new(HELD_OUT_ROWS) };
        Setup { description, ..setup }.whole(table).unwrap().records
    };
    for content_free in 0..3 {
        assert_eq!(setup(&[5, 6, 5], content_free), setup(&[], content_free));
    }
}

#[test]
fn steps_that_are_not_asked_for_are_not_scored_but_for_the_last() {
    let few = Setup { score_steps: vec![1, 3], ..Setup::new(Select::Last) };
    assert_eq!(steps(&few.whole(table).unwrap()), [0, 1, 3]);
    let to_the_end = Setup { score_steps: vec![1], ..Setup::new(Select::Converged { until_norm: None }) };
    assert_eq!(steps(&to_the_end.whole(table).unwrap()), [0, 1, 4]);
}

#[test]
fn held_out_examples_choose_the_step_that_is_then_scored() {
    let found = Setup { score_steps: vec![1], ..Setup::new(HELD_OUT_ROWS) }.whole(table).unwrap();
    assert_eq!((steps(&found), selected(&found)), (vec![0, 1, 3], vec![3]));
}

#[test]
fn an_iteration_that_settles_ends_and_says_so() {
    let (stop, folder) = (AtomicBool::new(false), tempfile::tempdir().unwrap());
    let mut model = FakeModel { converges_at: 2, ..FakeModel::new(table, &stop) };
    let found = Setup::new(Select::Last).run(folder.path(), &mut model, &Silent).unwrap();
    assert_eq!((steps(&found), selected(&found)), (vec![0, 1, 2], vec![2]));
    assert_eq!(notes(&found), ["the cache has converged at step 2; later steps were not run"]);

    let folder = tempfile::tempdir().unwrap();
    let mut model = FakeModel { norm: |step| 1.0 / step as f64, ..FakeModel::new(table, &stop) };
    let until = Setup::new(Select::Converged { until_norm: Some(0.4) });
    let found = until.run(folder.path(), &mut model, &Silent).unwrap();
    assert_eq!((steps(&found), selected(&found)), (vec![0, 1, 2, 3], vec![3]));

    let found = Setup::new(Select::Converged { until_norm: Some(0.4) }).whole(table).unwrap();
    assert_eq!(notes(&found), ["the cache has not converged within 4 steps; the last one is taken"]);
    assert_eq!(selected(&found), [4]);
}

#[test]
fn an_optimizer_that_has_converged_stays_the_likeliest_for_held_out_examples() {
    let (stop, folder) = (AtomicBool::new(false), tempfile::tempdir().unwrap());
    // Step 3 would be the likeliest, and is never taken.
    let mut model = FakeModel { converges_at: 2, ..FakeModel::new(table, &stop) };
    let found = Setup::new(HELD_OUT_ROWS).run(folder.path(), &mut model, &Silent).unwrap();
    assert_eq!((steps(&found), selected(&found)), (vec![0, 1, 2], vec![1]));
}

#[test]
fn scores_that_are_not_finite_end_the_run_or_leave_a_step_out() {
    let at_the_end = |demonstrations, step, row| match (step, row) {
        (4, 1) => f64::NAN,
        _ => table(demonstrations, step, row),
    };
    let error = Setup::new(Select::Last).whole(at_the_end).map(drop).unwrap_err();
    assert!(
        matches!(&error, RunError::Step(StepError::Sample { step: 4, id, plugin, .. }) if id == "1" && plugin.starts_with("table"))
    );
    assert_eq!(error.fault(), Fault::Plugin);
    let found = Setup { allow_nonfinite: true, ..Setup::new(Select::Last) }.whole(at_the_end).unwrap();
    assert_eq!((steps(&found), selected(&found)), (vec![0, 1, 2, 3], vec![3]));
    assert_eq!(notes(&found), ["step 4 is left out: the scores of example `1` are not finite"]);
    // No optimizer had a part in it.
    let first_steps: [Table; 2] =
        [|_, step, _| if step == 0 { f64::NAN } else { 0.0 }, |_, step, _| if step == 1 { f64::NAN } else { 0.0 }];
    for first in first_steps {
        let error = Setup { allow_nonfinite: true, ..Setup::new(Select::Last) }.whole(first).map(drop).unwrap_err();
        assert!(matches!(error, RunError::Model(ModelError::NotFinitePass { layer: Some(0) })), "{error}");
    }
}

/// Numbers that look random; from step 2 on some are none.
fn scattered(demonstrations: u32, step: usize, row: u32) -> f64 {
    let mixed = (demonstrations * 7919 + step as u32 * 104_729 + row * 1_299_709).wrapping_mul(2_654_435_761) >> 16;
    if step > 1 && mixed.is_multiple_of(11) { f64::NAN } else { -f64::from(mixed % 256) / 32.0 }
}

/// The sums of the right choices of a seed's held-out examples by step, where all of them have a number.
fn held_out_sums(folder: &Path, seed: u64) -> BTreeMap<u32, f64> {
    let text = std::fs::read_to_string(folder.join("held-out.jsonl")).unwrap();
    let mut of_step: BTreeMap<u32, Vec<f64>> = BTreeMap::new();
    for record in text.lines().map(|line| SampleRecord::parse(line).unwrap()).filter(|record| record.seed == seed) {
        of_step.entry(record.step).or_default().push(record.loglik[record.answer]);
    }
    let whole = of_step.into_iter().filter(|(_, scores)| scores.len() == HELD_OUT.len());
    whole.map(|(step, scores)| (step, scores.iter().sum())).collect()
}

#[test]
fn no_result_is_less_likely_for_held_out_examples_than_in_context_learning() {
    let (mut in_context, mut unscored) = (0, 0);
    for (converges_at, score_steps) in [(0, vec![1, 2, 3, 4]), (0, vec![1]), (3, vec![1, 4]), (2, vec![1, 2, 3, 4])] {
        let (stop, folder) = (AtomicBool::new(false), tempfile::tempdir().unwrap());
        let mut model = FakeModel { converges_at, ..FakeModel::new(scattered, &stop) };
        let seeds: Vec<u64> = (0..60).collect();
        let setup = Setup { seeds, score_steps, allow_nonfinite: true, ..Setup::new(HELD_OUT_ROWS) };
        let found = setup.run(folder.path(), &mut model, &Silent).unwrap();
        assert_eq!(found.results.selected.len(), 60);
        for SelectedRecord { seed, step } in &found.results.selected {
            let sums = held_out_sums(folder.path(), *seed);
            assert!(sums[step] >= sums[&1], "seed {seed}, step {step}: {sums:?}");
            let is_scored = |step: u32| {
                found.results.steps.iter().any(|record| (record.scores.seed, record.scores.step) == (*seed, step))
            };
            assert!(is_scored(*step), "seed {seed}, step {step}");
            let likeliest =
                sums.iter().filter(|(step, _)| is_scored(**step)).map(|(_, sum)| *sum).fold(sums[step], f64::max);
            assert_eq!(sums[step], likeliest, "seed {seed}, step {step}: {sums:?}");
            let note = format!("seed {seed}: {IN_CONTEXT}");
            assert_eq!(notes(&found).contains(&note.as_str()), *step == 1, "seed {seed}");
            in_context += usize::from(*step == 1);
            unscored += usize::from(sums.iter().any(|(other, sum)| !is_scored(*other) && sum > &sums[step]));
        }
    }
    assert!(in_context > 10 && unscored > 10, "{in_context} {unscored}");
}

#[test]
fn a_step_that_held_out_examples_have_no_number_at_is_not_selected() {
    let nowhere = |demonstrations, step, row| match (step, row >= HELD_OUT[0]) {
        (3, true) if row == HELD_OUT[1] => f64::NAN,
        _ => table(demonstrations, step, row),
    };
    let error = Setup::new(HELD_OUT_ROWS).whole(nowhere).map(drop).unwrap_err();
    assert!(matches!(&error, RunError::Step(StepError::Sample { step: 3, id, .. }) if id == "21"), "{error}");
    let found = Setup { allow_nonfinite: true, ..Setup::new(HELD_OUT_ROWS) }.whole(nowhere).unwrap();
    assert_eq!((steps(&found), selected(&found)), (vec![0, 1, 2, 3, 4], vec![1]));
    let told = "step 3 is not selected: the scores of a held-out example are not finite";
    assert_eq!(notes(&found), [told, IN_CONTEXT]);
}

#[test]
fn what_the_optimizer_says_is_traced_as_far_as_it_is_a_number() {
    let (stop, folder) = (AtomicBool::new(false), tempfile::tempdir().unwrap());
    let report = |step| StepReport {
        loss: Some(if step == 3 { f64::NAN } else { 1.5 / step as f64 }),
        accepted: (step != 4).then_some(step == 2),
    };
    let mut model = FakeModel { report, passes: 6, ..FakeModel::new(table, &stop) };
    Setup::new(Select::Last).run(folder.path(), &mut model, &Silent).unwrap();
    let trace = std::fs::read_to_string(folder.path().join("trace.jsonl")).unwrap();
    let told = trace.lines().map(|line| TraceRecord::parse(line).unwrap());
    let told: Vec<_> = told.map(|record| (record.step, record.passes, record.loss, record.accepted)).collect();
    let expected =
        [(2, Some(6), Some(0.75), Some(true)), (3, Some(6), None, Some(false)), (4, Some(6), Some(0.375), None)];
    assert_eq!(told, expected);
    // An optimizer that says nothing leaves lines as they were before.
    let folder = tempfile::tempdir().unwrap();
    Setup::new(Select::Last).run(folder.path(), &mut FakeModel::new(table, &stop), &Silent).unwrap();
    let trace = std::fs::read_to_string(folder.path().join("trace.jsonl")).unwrap();
    assert!(["passes", "loss", "accepted"].iter().all(|key| !trace.contains(key)), "{trace}");
}

#[test]
fn norms_that_are_not_finite_are_not_traced() {
    let (stop, folder) = (AtomicBool::new(false), tempfile::tempdir().unwrap());
    let norm = |step| if step == 3 { f64::INFINITY } else { 1.0 };
    let mut model = FakeModel { norm, ..FakeModel::new(table, &stop) };
    let allowing = Setup { allow_nonfinite: true, ..Setup::new(Select::Last) };
    allowing.run(folder.path(), &mut model, &Silent).unwrap();
    let trace = std::fs::read_to_string(folder.path().join("trace.jsonl")).unwrap();
    let steps: Vec<bool> = [2, 3, 4].map(|step| trace.contains(&format!("\"step\":{step},"))).to_vec();
    assert_eq!(steps, [true, false, true]);
}

#[test]
fn seeds_that_score_the_same_rows_share_zero_shot() {
    let (stop, folder) = (AtomicBool::new(false), tempfile::tempdir().unwrap());
    let mut model = FakeModel { converges_at: 3, ..FakeModel::new(table, &stop) };
    let three = Setup { seeds: vec![4, 0, 2], ..Setup::new(Select::Last) };
    let found = three.run(folder.path(), &mut model, &Silent).unwrap();
    assert_eq!(model.zero_shot.get(), ROWS as usize);
    let zero_shot = |seed| found.records.iter().filter(move |record| (record.seed, record.step) == (seed, 0));
    let scores = |seed| zero_shot(seed).map(|record| record.loglik.clone()).collect::<Vec<_>>();
    assert_eq!(zero_shot(4).count(), ROWS as usize);
    assert!(scores(4) == scores(0) && scores(4) == scores(2));
    let of_seed = |seed: u64| format!("seed {seed}: the cache has converged at step 3; later steps were not run");
    assert_eq!(notes(&found), [4, 0, 2].map(of_seed));
}

/// What a run leaves in its folder, without the times; nothing for a file that is not there.
fn left(folder: &Path) -> [String; 6] {
    let further = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap();
    let without_seconds = |line: &str| {
        let mut record: serde_json::Value = serde_json::from_str(line).unwrap();
        record.as_object_mut().unwrap().remove("seconds").unwrap();
        format!("{record}\n")
    };
    [
        read("samples.jsonl"),
        read("held-out.jsonl"),
        further("baselines.jsonl"),
        further("content-free.jsonl"),
        further("unconditional.jsonl"),
        read("trace.jsonl").lines().map(without_seconds).collect(),
    ]
}

/// The results without the times.
fn without_times(found: &Found) -> String {
    let mut results = found.results.clone();
    let behind_baselines = results.baselines.iter_mut().map(|baseline| &mut baseline.step);
    for step in results.steps.iter_mut().chain(behind_baselines) {
        (step.step_seconds, step.score_seconds) = (0.0, 0.0);
    }
    serde_json::to_string(&results).unwrap()
}

#[test]
fn a_run_that_is_stopped_in_any_call_goes_on_to_the_same_end() {
    let setup = Setup { seeds: vec![5, 1], baselines: vec![2, 4], content_free: 3, ..Setup::new(HELD_OUT_ROWS) };
    let setup = Setup { mutual_information: true, ..setup };
    stopped_in_any_call(&setup, table);
    // With notes on seeds, and lines that are not there.
    let setup = Setup { allow_nonfinite: true, ..setup };
    stopped_in_any_call(&setup, scattered);
}

fn stopped_in_any_call(setup: &Setup, table: Table) {
    let (never, whole) = (AtomicBool::new(false), tempfile::tempdir().unwrap());
    let mut model = FakeModel::new(table, &never);
    let expected = setup.run(whole.path(), &mut model, &Silent).unwrap();
    let calls = model.calls.get();
    assert!(calls > 30, "{calls}");
    assert_eq!(notes(&expected).iter().any(|note| note.starts_with("seed 5: ")), setup.allow_nonfinite);
    for stops_in in 1..calls {
        let (stop, folder) = (AtomicBool::new(false), tempfile::tempdir().unwrap());
        let mut stopped = FakeModel { stops_in, ..FakeModel::new(table, &stop) };
        let found = setup.run(folder.path(), &mut stopped, &Silent).unwrap();
        assert!(found.interrupted && !found.results.complete, "call {stops_in}");
        let before = left(folder.path());
        for (before, whole) in before.iter().zip(left(whole.path())).take(5) {
            assert!(whole.starts_with(before.as_str()), "call {stops_in}");
        }
        let mut model = FakeModel::new(table, &never);
        let found = setup.run(folder.path(), &mut model, &Silent).unwrap();
        assert!(!found.interrupted, "call {stops_in}");
        assert_eq!(left(folder.path()), left(whole.path()), "call {stops_in}");
        assert_eq!(without_times(&found), without_times(&expected), "call {stops_in}");
        assert_eq!(found.records, expected.records, "call {stops_in}");
        assert_eq!(found.controls, expected.controls, "call {stops_in}");
        assert!(model.calls.get() <= calls, "call {stops_in}");
    }
}

/// Keeps what it is told.
#[derive(Default)]
struct Told(Mutex<Vec<String>>);

impl Observer for Told {
    fn event(&self, event: Event<'_>) {
        let told = match event {
            Event::StepScored { record: StepRecord { scores, .. }, .. } => {
                format!("{} of {} at {}", scores.correct, scores.n, scores.step)
            }
            Event::Traced(trace) => format!("moved {}", trace.layers[0].update[0]),
            Event::BaselineScored(found) => format!("{} right behind {}", found.step.scores.correct, found.baseline),
            Event::Selected(selected) => format!("selected {}", selected.step),
            _ => return,
        };
        self.0.lock().unwrap().push(told);
    }
}

#[test]
fn observers_are_told_the_records() {
    let (stop, folder) = (AtomicBool::new(false), tempfile::tempdir().unwrap());
    let setup = Setup { score_steps: vec![1, 2], ..Setup::new(Select::Last) };
    let expected = ["0 of 3 at 0", "0 of 3 at 1", "moved 0.5", "3 of 3 at 2", "selected 2"];
    let (first, second) = (std::sync::Arc::new(Told::default()), std::sync::Arc::new(Told::default()));
    let both = crate::run::Observers(vec![first.clone(), second.clone()]);
    setup.run(folder.path(), &mut FakeModel::new(table, &stop), &both).unwrap();
    for told in [first, second] {
        assert_eq!(*told.0.lock().unwrap(), expected);
    }
    // Nothing is computed, and all is told again.
    let told = Told::default();
    let mut model = FakeModel::new(table, &stop);
    setup.run(folder.path(), &mut model, &told).unwrap();
    assert_eq!(model.calls.get(), 0);
    assert_eq!(*told.0.lock().unwrap(), ["0 of 3 at 0", "0 of 3 at 1", "3 of 3 at 2", "moved 0.5", "selected 2"]);
}
