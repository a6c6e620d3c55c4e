//! What a run finds, written down as it is found: the journals, `results.json`, and who is told of it.

use std::collections::{BTreeMap, BTreeSet};

use super::iterate::Step;
use crate::run::error::RunError;
use crate::run::folder::error::FolderError;
use crate::run::folder::journal::{Journal, TracePlace};
use crate::run::folder::out_folder::{Beginning, OutFolder};
use crate::run::observer::{Event, Observer};
use crate::run::plan::draw::Draw;
use ft_engine::text::Untrusted;
use ft_engine::tune::LayerNorms;
use ft_record::files::controls::{Baseline, ControlRecord, Controls};
use ft_record::files::results::{GrowingResults, StepSeconds};
use ft_record::files::samples::SampleRecord;
use ft_record::files::schema::{PlanRecord, ResultsRecord, SelectedRecord, StepRecord};
use ft_record::files::scores::StepScores;
use ft_record::files::trace::{LayerTrace, TraceRecord};
use ft_record::files::unconditional::UnconditionalRecord;

/// What `results.json` of an earlier process says that the journals do not.
#[derive(Default)]
struct Earlier {
    /// The result steps of seeds that came to their end.
    selected: BTreeMap<u64, u32>,
    seconds: BTreeMap<(u64, u32), StepSeconds>,
    /// What was found out about seeds, as it is told; under `None` without a seed's name.
    notes: BTreeMap<Option<u64>, Vec<String>>,
    baseline_seconds: BTreeMap<(u64, Baseline), StepSeconds>,
}

impl Earlier {
    fn of(beginning: &Beginning, plan: &PlanRecord) -> Self {
        let Beginning::Continue(results) = beginning else { return Self::default() };
        let planned: BTreeSet<&Untrusted> = plan.notes.iter().collect();
        let mut notes: BTreeMap<Option<u64>, Vec<String>> = BTreeMap::new();
        for note in results.plan.notes.iter().filter(|note| !planned.contains(note)) {
            let named = note.raw().strip_prefix("seed ").and_then(|rest| rest.split_once(": ")?.0.parse().ok());
            notes.entry(named).or_default().push(note.raw().clone());
        }
        let seconds = |step: &StepRecord| StepSeconds { step: step.step_seconds, score: step.score_seconds };
        Self {
            selected: results.selected.iter().map(|selected| (selected.seed, selected.step)).collect(),
            seconds: results.steps.iter().map(|step| ((step.scores.seed, step.scores.step), seconds(step))).collect(),
            baseline_seconds: (results.baselines.iter())
                .map(|of| ((of.step.scores.seed, of.baseline), seconds(&of.step)))
                .collect(),
            notes,
        }
    }
}

/// Writes down what a run finds.
pub(super) struct Recorder<'a> {
    folder: OutFolder,
    results: GrowingResults,
    earlier: Earlier,
    observer: &'a dyn Observer,
    /// Whether numbers that are not finite are gone on with; no journal can hold them.
    allow_nonfinite: bool,
}

impl<'a> Recorder<'a> {
    /// Goes on in a folder as it was begun, with nothing found so far.
    ///
    /// # Errors
    /// I/O errors, e.g. a full disk.
    pub fn new(
        folder: OutFolder,
        beginning: &Beginning,
        plan: PlanRecord,
        observer: &'a dyn Observer,
        allow_nonfinite: bool,
    ) -> Result<Self, RunError> {
        let earlier = Earlier::of(beginning, &plan);
        let results = GrowingResults::new(plan);
        let recorder = Self { folder, results, earlier, observer, allow_nonfinite };
        recorder.folder.update(recorder.results.record())?;
        Ok(recorder)
    }

    /// The journal of the queries' scores.
    pub fn samples(&mut self) -> &mut Journal<SampleRecord> {
        &mut self.folder.samples
    }

    /// The journal of the held-out examples' scores, where the step is chosen by them.
    pub fn held_out(&mut self) -> Option<&mut Journal<SampleRecord>> {
        self.folder.held_out.as_mut()
    }

    /// The journal of the scores behind baselines, where there are any.
    pub fn baselines(&mut self) -> Option<&mut Journal<ControlRecord>> {
        self.folder.baselines.as_mut()
    }

    /// The journal of the content-free queries' scores, where there are any.
    pub fn content_free(&mut self) -> Option<&mut Journal<ControlRecord>> {
        self.folder.content_free.as_mut()
    }

    /// The journal of choices without their queries, where they are scored.
    pub fn unconditional(&mut self) -> Option<&mut Journal<UnconditionalRecord>> {
        self.folder.unconditional.as_mut()
    }

    /// Records the scores of the choices of all examples without their queries, before any step is recorded.
    pub fn unconditional_scored(&mut self, records: Vec<UnconditionalRecord>) {
        self.results.add_unconditional(records);
    }

    /// The samples of a seed's step that has been recorded; none of another.
    pub fn samples_of(&self, seed: u64, step: u32) -> &[SampleRecord] {
        self.results.samples_of(seed, step)
    }

    /// The step that an earlier process found to be the result of a seed.
    pub fn earlier_result(&self, seed: u64) -> Option<u32> {
        self.earlier.selected.get(&seed).copied()
    }

    /// Takes over everything of a seed that an earlier process brought to its end, step by step. `rows` are the rows that
    /// the seed scores, in their order, and `result` is the step that is its result.
    ///
    /// # Errors
    /// [`FolderError::ForeignLine`] for lines that are not those of the seed's rows, [`FolderError::NoResult`] without those of
    /// the result.
    pub fn recall_seed(&mut self, draw: &Draw, rows: &[usize], result: u32) -> Result<(), RunError> {
        let seed = draw.record.seed;
        self.recall_content_free(seed)?;
        let mut last: Option<u32> = None;
        while let Some(records) = self.folder.samples.recall_step(seed) {
            let Some(found) = records.last() else { break };
            let step = found.step;
            if let Some(last) = last.filter(|last| *last >= step) {
                return Err(self.folder.samples.foreign(&format!("a step behind {last}"), found).into());
            }
            last = Some(step);
            let of_step = || records.iter().map(|record| record.index);
            if of_step().eq(rows.iter().copied()) {
                self.observer.event(Event::Scored(records.len()));
                self.add(records, StepSeconds::default());
            } else if !(self.allow_nonfinite && of_step().eq(rows.iter().copied().take(records.len()))) {
                // Where such numbers are allowed, a step whose scores are not finite ends with the last that is.
                return Err(self
                    .folder
                    .samples
                    .foreign(&format!("step {step}, with the rows of seed {seed}"), found)
                    .into());
            }
        }
        if self.samples_of(seed, result).is_empty() {
            return Err(
                FolderError::NoResult { path: self.folder.samples.path().to_owned(), seed, step: result }.into()
            );
        }
        for record in self.folder.trace.recall_while(|place| place.seed == seed) {
            self.observer.event(Event::Traced(&record));
        }
        if let Some(held_out) = &mut self.folder.held_out {
            held_out.recall_while(|place| place.seed == seed);
        }
        let named = self.names_seeds().then_some(seed);
        self.earlier.notes.remove(&named).unwrap_or_default().into_iter().for_each(|note| self.results.note(note));
        self.recall_baselines(draw, rows)
    }

    /// Takes over the content-free queries' scores of a seed that came to its end; an earlier version had none.
    fn recall_content_free(&mut self, seed: u64) -> Result<(), RunError> {
        let Some(journal) = &mut self.folder.content_free else { return Ok(()) };
        let queries = self.results.record().plan.content_free.as_ref().map_or(0, |of| of.queries);
        let mut last: Option<(Option<Baseline>, u32)> = None;
        while let Some(records) = journal.recall_context(seed) {
            let Some(found) = records.last() else { break };
            let context = (found.baseline, found.sample.step);
            let is_prefix = records.iter().map(|record| record.sample.index).eq(0..records.len());
            let is_whole = records.len() == queries || (self.allow_nonfinite && records.len() < queries);
            if last.is_some_and(|last| last >= context) || !is_prefix || !is_whole {
                let expected = format!("content-free queries of seed {seed}, each once behind each step and baseline");
                return Err(journal.foreign(&expected, found).into());
            }
            last = Some(context);
            if records.len() == queries {
                self.observer.event(Event::Scored(queries));
                self.results.add_content_free(records);
            }
        }
        Ok(())
    }

    /// Takes over the scores behind the baselines of a seed that came to its end. Where numbers that are not finite are allowed, a
    /// baseline that has some ends with the last row that has none, or is not there.
    fn recall_baselines(&mut self, draw: &Draw, rows: &[usize]) -> Result<(), RunError> {
        let seed = draw.record.seed;
        for baseline in draw.baselines.iter().map(|context| context.baseline) {
            let Some(journal) = &mut self.folder.baselines else { return Ok(()) };
            let records = match self.allow_nonfinite {
                true => journal.recall_while(|place| (place.place.seed, place.baseline) == (seed, Some(baseline))),
                false => journal.recall_context(seed).unwrap_or_default(),
            };
            let of_rows = || records.iter().map(|record| record.sample.index);
            let is_begun = of_rows().eq(rows.iter().copied().take(records.len()));
            if self.allow_nonfinite && records.len() < rows.len() && is_begun {
                continue;
            }
            let Some(found) = records.last() else {
                return Err(FolderError::NoBaseline { path: journal.path().to_owned(), seed, baseline }.into());
            };
            if found.baseline != Some(baseline) || !of_rows().eq(rows.iter().copied()) {
                return Err(journal.foreign(&format!("{baseline}, with the rows of seed {seed}"), found).into());
            }
            self.observer.event(Event::Scored(records.len()));
            let samples = records.into_iter().map(|record| record.sample).collect();
            self.add_baseline(baseline, samples, StepSeconds::default());
        }
        let Some(journal) = &mut self.folder.baselines else { return Ok(()) };
        match journal.recall_context(seed).as_deref() {
            Some([.., elsewhere]) => {
                Err(journal.foreign(&format!("what comes after the baselines of seed {seed}"), elsewhere).into())
            }
            _ => Ok(()),
        }
    }

    /// Records how far a step moved the cache, and gives what was recorded. Step 1 moves none.
    ///
    /// # Errors
    /// I/O errors, e.g. a full disk.
    pub fn trace(&mut self, seed: u64, tokens: usize, step: &Step<'_>) -> Result<Option<TraceRecord>, RunError> {
        // JSON has no numbers that are not finite.
        if step.state.step() == 1 || (self.allow_nonfinite && !has_finite_norms(step)) {
            return Ok(None);
        }
        let place = TracePlace { seed, step: step.state.step() as u32 };
        let record = self.folder.trace.entry(&place, || Ok(trace_record(seed, tokens, step)))?;
        self.observer.event(Event::Traced(&record));
        Ok(Some(record))
    }

    /// What the run will do, with what was found out about it.
    pub fn plan(&self) -> &PlanRecord {
        &self.results.record().plan
    }

    /// The scores of a seed's step that has been recorded.
    pub fn scores_of(&self, selected: SelectedRecord) -> Option<StepScores> {
        let SelectedRecord { seed, step } = selected;
        let mut steps = self.results.record().steps.iter().map(|record| &record.scores);
        steps.find(|scores| (scores.seed, scores.step) == (seed, step)).cloned()
    }

    /// Records a step whose queries are all scored; each step of a seed once.
    ///
    /// # Errors
    /// I/O errors, e.g. a full disk.
    pub fn scored(&mut self, records: Vec<SampleRecord>, measured: StepSeconds) -> Result<(), RunError> {
        self.add(records, measured);
        self.folder.update(self.results.record())
    }

    /// Records the content-free queries' scores behind a step or a baseline, before that is recorded.
    pub fn content_free_scored(&mut self, records: Vec<ControlRecord>) {
        self.results.add_content_free(records);
    }

    /// Records a baseline behind which all queries are scored; each baseline of a seed once.
    ///
    /// # Errors
    /// I/O errors, e.g. a full disk.
    pub fn baseline_scored(
        &mut self,
        baseline: Baseline,
        records: Vec<ControlRecord>,
        measured: StepSeconds,
    ) -> Result<(), RunError> {
        self.add_baseline(baseline, records.into_iter().map(|record| record.sample).collect(), measured);
        self.folder.update(self.results.record())
    }

    fn add_baseline(&mut self, baseline: Baseline, samples: Vec<SampleRecord>, measured: StepSeconds) {
        let Some(seed) = samples.first().map(|sample| sample.seed) else { return };
        let seconds = self.earlier.baseline_seconds.get(&(seed, baseline)).copied().unwrap_or(measured);
        if let Some(record) = self.results.add_baseline(baseline, samples, seconds) {
            self.observer.event(Event::BaselineScored(record));
        }
    }

    fn add(&mut self, records: Vec<SampleRecord>, measured: StepSeconds) {
        let Some(place) = records.first().map(SampleRecord::place) else { return };
        let seconds = self.earlier.seconds.get(&(place.seed, place.step)).copied().unwrap_or(measured);
        let Some(step) = self.results.add(records, seconds).cloned() else { return };
        let samples = self.results.samples_of(place.seed, place.step);
        self.observer.event(Event::StepScored { record: &step, samples });
    }

    /// Records which step is the result of a seed.
    ///
    /// # Errors
    /// I/O errors, e.g. a full disk.
    pub fn select(&mut self, selected: SelectedRecord) -> Result<(), RunError> {
        self.results.select(selected);
        self.observer.event(Event::Selected(&selected));
        self.folder.update(self.results.record())
    }

    /// Whether notes on a seed name it: there are several.
    fn names_seeds(&self) -> bool {
        !self.results.record().plan.further_draws.is_empty()
    }

    /// Adds a note on a seed to the results, which names the seed where there are several.
    pub fn note(&mut self, seed: u64, note: &str) {
        let note = if self.names_seeds() { format!("seed {seed}: {note}") } else { note.to_owned() };
        self.observer.event(Event::Note(&note));
        self.results.note(note);
    }

    /// Writes the results, which are complete or not, for the last time, and gives them with all records.
    ///
    /// # Errors
    /// I/O errors, e.g. a full disk.
    pub fn finish(self, complete: bool) -> Result<(ResultsRecord, Vec<SampleRecord>, Controls), RunError> {
        let (results, samples, controls) = self.results.finish(complete);
        if complete {
            self.folder.write(&results)?
        } else {
            self.folder.update(&results)?
        }
        Ok((results, samples, controls))
    }
}

/// Whether how far a step moved the cache can be written down.
pub(super) fn has_finite_norms(step: &Step<'_>) -> bool {
    let numbers = |norms: &LayerNorms| [norms.pseudo_gradient, norms.update, norms.cache];
    step.state.norms.iter().flat_map(numbers).flatten().all(f64::is_finite)
}

/// How far a step of a seed moved the cache of so many tokens.
pub(super) fn trace_record(seed: u64, tokens: usize, step: &Step<'_>) -> TraceRecord {
    let layer = |norms: &LayerNorms| LayerTrace {
        pseudo_gradient: norms.pseudo_gradient,
        update: norms.update,
        cache: norms.cache,
    };
    let Step { state, seconds, .. } = *step;
    TraceRecord {
        seed,
        step: state.step() as u32,
        tokens,
        seconds,
        passes: u32::try_from(state.passes).ok().filter(|passes| *passes > 0),
        // JSON has no numbers that are not finite.
        loss: state.report.loss.filter(|loss| loss.is_finite()),
        accepted: state.report.accepted,
        layers: state.norms.iter().map(layer).collect(),
    }
}
