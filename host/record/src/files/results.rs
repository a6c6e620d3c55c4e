//! `results.json` as it grows, step by step: every number of it follows from the sample records that are added.

use std::collections::HashMap;
use std::ops::Range;

use super::controls::{Baseline, ControlRecord, Controls};
use super::samples::{Place, SampleRecord};
use super::schema::{BaselineRecord, PlanRecord, ResultsRecord, SelectedRecord, StepRecord};
use super::scores::{Beside, StepScores};
use super::unconditional::{Unconditional, UnconditionalRecord};

/// The time that a step took, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StepSeconds {
    /// Seconds of the pass and the update; 0 for zero-shot.
    pub step: f64,
    /// Seconds of scoring the queries.
    pub score: f64,
}

impl StepSeconds {
    fn record(self, scores: StepScores) -> StepRecord {
        StepRecord { scores, step_seconds: self.step, score_seconds: self.score }
    }
}

/// The results of a run that goes on, and the records that they follow from.
pub struct GrowingResults {
    results: ResultsRecord,
    samples: Vec<SampleRecord>,
    /// Where the samples of a seed's step are.
    of_step: HashMap<(u64, u32), Range<usize>>,
    controls: Controls,
    /// Where the content-free records behind a seed's step or baseline are.
    content_free: HashMap<(u64, u32, Option<Baseline>), Range<usize>>,
    /// The unconditional log-likelihoods; `None` until they are added.
    unconditional: Option<Unconditional>,
}

impl GrowingResults {
    /// The results of a plan of which nothing has been done.
    pub fn new(plan: PlanRecord) -> Self {
        let (selected, steps, baselines) = (Vec::new(), Vec::new(), Vec::new());
        Self {
            results: ResultsRecord { complete: false, plan, selected, steps, baselines },
            samples: Vec::new(),
            of_step: HashMap::new(),
            controls: Controls::default(),
            content_free: HashMap::new(),
            unconditional: None,
        }
    }

    /// What there is so far, as it is written to `results.json`.
    pub fn record(&self) -> &ResultsRecord {
        &self.results
    }

    /// The samples of a seed's step, in the order in which they were scored; none where it has not been added.
    pub fn samples_of(&self, seed: u64, step: u32) -> &[SampleRecord] {
        self.of_step.get(&(seed, step)).and_then(|place| self.samples.get(place.clone())).unwrap_or_default()
    }

    /// Adds the unconditional records of all examples, before any step is added.
    pub fn add_unconditional(&mut self, records: Vec<UnconditionalRecord>) {
        self.unconditional = Some(records.iter().map(|record| (record.index, record.loglik.clone())).collect());
        self.controls.unconditional = records;
    }

    /// Adds the records of all content-free queries behind one step or baseline of a seed, before that is added itself.
    pub fn add_content_free(&mut self, records: Vec<ControlRecord>) {
        let Some(first) = records.first() else { return };
        let (start, key) = (self.controls.content_free.len(), (first.sample.seed, first.sample.step, first.baseline));
        self.controls.content_free.extend(records);
        self.content_free.insert(key, start..self.controls.content_free.len());
    }

    /// Adds a step whose queries are all scored, and gives its record; `None` where it has no query. Each step of a seed is
    /// added once. With step 1 the zero-shot step of its seed gets its comparison with it.
    pub fn add(&mut self, samples: Vec<SampleRecord>, seconds: StepSeconds) -> Option<&StepRecord> {
        let Place { seed, step, .. } = samples.first()?.place();
        let first = self.samples.len();
        self.samples.extend(samples);
        self.of_step.insert((seed, step), first..self.samples.len());
        let scores = self.scores(seed, step)?;
        self.results.steps.push(seconds.record(scores));
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

    /// Adds a baseline of a seed behind which all queries are scored, after the seed's step 1, and gives its record; `None`
    /// where it has no query. Each baseline of a seed is added once.
    pub fn add_baseline(
        &mut self,
        baseline: Baseline,
        samples: Vec<SampleRecord>,
        seconds: StepSeconds,
    ) -> Option<&BaselineRecord> {
        let seed = samples.first()?.seed;
        let icl = self.samples_of(seed, 1).iter().collect::<Vec<_>>();
        let scores = self.scores_of(&samples, &icl, Some(baseline))?;
        self.results.baselines.push(BaselineRecord { baseline, step: seconds.record(scores) });
        let records = samples.into_iter().map(|sample| ControlRecord { baseline: Some(baseline), sample });
        self.controls.baselines.extend(records);
        self.results.baselines.last()
    }

    fn scores(&self, seed: u64, step: u32) -> Option<StepScores> {
        let icl: Vec<&SampleRecord> = if step == 1 { Vec::new() } else { self.samples_of(seed, 1).iter().collect() };
        self.scores_of(self.samples_of(seed, step), &icl, None)
    }

    fn scores_of(
        &self,
        samples: &[SampleRecord],
        icl: &[&SampleRecord],
        baseline: Option<Baseline>,
    ) -> Option<StepScores> {
        let first = samples.first()?;
        let place = self.content_free.get(&(first.seed, first.step, baseline)).cloned().unwrap_or_default();
        let content_free: Vec<&SampleRecord> =
            self.controls.content_free.get(place).unwrap_or_default().iter().map(|record| &record.sample).collect();
        let beside = Beside {
            icl,
            content_free: &content_free,
            classes: self.results.plan.labels.len(),
            unconditional: self.unconditional.as_ref(),
        };
        StepScores::of(&samples.iter().collect::<Vec<_>>(), beside)
    }

    /// Says which step is the result of a seed.
    pub fn select(&mut self, selected: SelectedRecord) {
        self.results.selected.push(selected);
    }

    /// Adds what restricts the results, to be shown wherever they are.
    pub fn note(&mut self, note: String) {
        self.results.plan.notes.push(note.into());
    }

    /// The results, complete or not, the samples of all steps in the order in which they were added, and what was scored besides.
    pub fn finish(mut self, complete: bool) -> (ResultsRecord, Vec<SampleRecord>, Controls) {
        self.results.complete = complete;
        (self.results, self.samples, self.controls)
    }
}
