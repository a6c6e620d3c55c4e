//! `results.json` as it grows, step by step: every number of it follows from the sample records that are added.

use std::collections::HashMap;
use std::ops::Range;

use super::samples::{Place, SampleRecord};
use super::schema::{PlanRecord, ResultsRecord, SelectedRecord, StepRecord};
use super::scores::StepScores;

/// The time that a step took, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepSeconds {
    /// Seconds of the pass and the update; 0 for zero-shot.
    pub step: f64,
    /// Seconds of scoring the queries.
    pub score: f64,
}

/// The results of a run that goes on, and the samples that they follow from.
pub struct GrowingResults {
    results: ResultsRecord,
    samples: Vec<SampleRecord>,
    /// Where the samples of a seed's step are.
    of_step: HashMap<(u64, u32), Range<usize>>,
}

impl GrowingResults {
    /// The results of a plan of which nothing has been done.
    pub fn new(plan: PlanRecord) -> Self {
        let results = ResultsRecord { complete: false, plan, selected: Vec::new(), steps: Vec::new() };
        Self { results, samples: Vec::new(), of_step: HashMap::new() }
    }

    /// What there is so far, as it is written to `results.json`.
    pub fn record(&self) -> &ResultsRecord {
        &self.results
    }

    /// The samples of a seed's step, in the order in which they were scored; none where it has not been added.
    pub fn samples_of(&self, seed: u64, step: u32) -> &[SampleRecord] {
        self.of_step.get(&(seed, step)).and_then(|place| self.samples.get(place.clone())).unwrap_or_default()
    }

    /// Adds a step whose queries are all scored, and gives its record; `None` where it has no query. Each step of a seed is
    /// added once. With step 1 the zero-shot step of its seed gets its comparison with it.
    pub fn add(&mut self, samples: Vec<SampleRecord>, seconds: StepSeconds) -> Option<&StepRecord> {
        let Place { seed, step, .. } = samples.first()?.place();
        let first = self.samples.len();
        self.samples.extend(samples);
        self.of_step.insert((seed, step), first..self.samples.len());
        let scores = self.scores(seed, step)?;
        self.results.steps.push(StepRecord { scores, step_seconds: seconds.step, score_seconds: seconds.score });
        if step == 1 {
            let zero_shot = self.scores(seed, 0);
            let mut earlier = self.results.steps.iter_mut().rev();
            let compared = earlier.find(|earlier| (earlier.scores.seed, earlier.scores.step) == (seed, 0));
            if let (Some(compared), Some(scores)) = (compared, zero_shot) {
                compared.scores = scores;
            }
        }
        self.results.steps.last()
    }

    fn scores(&self, seed: u64, step: u32) -> Option<StepScores> {
        let of = |step: u32| -> Vec<&SampleRecord> { self.samples_of(seed, step).iter().collect() };
        StepScores::of(&of(step), &of(1), self.results.plan.labels.len())
    }

    /// Says which step is the result of a seed.
    pub fn select(&mut self, selected: SelectedRecord) {
        self.results.selected.push(selected);
    }

    /// Adds what restricts the results, to be shown wherever they are.
    pub fn note(&mut self, note: String) {
        self.results.plan.notes.push(note.into());
    }

    /// The results, complete or not, and the samples of all steps in the order in which they were added.
    pub fn finish(mut self, complete: bool) -> (ResultsRecord, Vec<SampleRecord>) {
        self.results.complete = complete;
        (self.results, self.samples)
    }
}
