//! Carrying out a plan.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use super::config::{RunConfig, Select};
use super::draw::Draw;
use super::folder::{self, Beginning, OutFolder};
use super::observer::{Event, Observer};
use super::plan::{Plan, optimizer_usage};
use super::render::Query;
use super::scoring::Scoring;
use super::tuner::{Tuner, Tuning};
use super::usage::PluginUsage;
use super::{RunError, RunErrorKind, record, selection};
use ft_engine::model::Context;
use ft_engine::model::decoder::Placement;
use ft_engine::tune::{LayerNorms, State, StepPolicy, Verdict, pseudo_gradient_norm};
use ft_record::samples::{Place, SampleError, SampleRecord};
use ft_record::schema::{ResultsRecord, SelectedRecord, StepRecord};
use ft_record::scores::StepScores;
use ft_sandbox::OptimizerPlugin;
use ft_sandbox::options::OptionSetting;

/// What came of a run.
pub struct Outcome {
    /// What was written to `results.json`.
    pub results: ResultsRecord,
    /// All records.
    pub records: Vec<SampleRecord>,
    /// The folder of the results.
    pub folder: PathBuf,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// What the plugins used.
    pub usage: Vec<PluginUsage>,
}

/// Seconds for a step's pass and update, and for scoring.
#[derive(Clone, Copy, Default)]
struct Times {
    step: f64,
    score: f64,
}

/// Reads the weights and carries out a plan. When `stop` becomes true, the run ends at the next batch and keeps what it has.
/// What an earlier process did of the same plan is not done again.
///
/// # Errors
/// Failures of the model, the optimizer or the disk; what was scored before is in the folder.
pub fn execute(plan: Plan, observer: &Arc<dyn Observer>, stop: &AtomicBool) -> Result<Outcome, RunError> {
    let usage = plan.usage();
    if let Beginning::Continue(earlier) = &plan.beginning
        && earlier.complete
    {
        let records = folder::samples(&plan.config.out)?;
        let expected: usize = earlier.steps.iter().map(|step| step.scores.n).sum();
        if records.len() == expected {
            let path = plan.config.out.display();
            observer.event(Event::Note(&format!(
                "this run is in `{path}` already, complete; nothing was computed (`--restart` does it anew)"
            )));
            let results = ResultsRecord::clone(earlier);
            return Ok(Outcome { results, records, folder: plan.config.out, interrupted: false, usage });
        }
    }
    observer.event(Event::LoadingWeights);
    let placement = Placement { device: plan.device.clone(), dtype: plan.dtype, weights: plan.config.weights };
    let decoder = plan.model.load(&placement)?;
    // From here on nothing is read of them: these weights are those of the digests.
    plan.model_files.check()?;
    // After the weights: a model that cannot be read must not set an earlier run aside.
    let held_out = matches!(plan.config.select, Select::HeldOut(_));
    let (folder, moved) = OutFolder::open(&plan.config.out, &plan.beginning, held_out)?;
    if let Some(moved) = moved {
        observer.event(Event::Note(&format!("the samples of an earlier run are kept as `{}`", moved.display())));
    }
    let task_usage = plan.task_usage.clone();
    let Plan { config, optimizer, optimizer_options, model, queries, draws, score_steps, record, beginning, .. } = plan;
    let of_caches = record.optimizer.clone();
    let results = ResultsRecord { complete: false, plan: record, selected: Vec::new(), steps: Vec::new() };
    let scoring = Scoring {
        decoder: &decoder,
        batch_tokens: config.batch_tokens,
        observer: observer.as_ref(),
        optimizer: &of_caches,
        stop,
    };
    let mut run = Run {
        config: &config,
        bos: model.tokenizer.bos(),
        optimizer,
        optimizer_options,
        queries: &queries,
        score_steps,
        folder,
        scoring,
        results,
        records: Vec::new(),
        places: HashMap::new(),
        earlier: Earlier::of(&beginning),
    };
    run.announce(&draws);
    if !run.folder.samples.replays() {
        run.folder.write(&run.results)?;
    }
    let done = match run.all_seeds(&draws) {
        // The optimizer's call was ended by the user's wish to stop.
        Err(error) if error.kind() == RunErrorKind::Interrupted => false,
        done => done?,
    };
    run.results.complete = done;
    run.folder.write(&run.results)?;
    let Run { results, records, optimizer, .. } = run;
    let usage = vec![task_usage, optimizer_usage(&optimizer, &config)];
    Ok(Outcome { results, records, folder: config.out, interrupted: !done, usage })
}

/// What `results.json` of an earlier process says that the journals do not.
#[derive(Default)]
struct Earlier {
    /// The chosen steps of seeds that came to their end.
    selected: BTreeMap<u64, u32>,
    times: BTreeMap<(u64, u32), Times>,
}

impl Earlier {
    fn of(beginning: &Beginning) -> Self {
        let Beginning::Continue(results) = beginning else { return Self::default() };
        let times = |step: &StepRecord| Times { step: step.step_seconds, score: step.score_seconds };
        Self {
            selected: results.selected.iter().map(|selected| (selected.seed, selected.step)).collect(),
            times: results.steps.iter().map(|step| ((step.scores.seed, step.scores.step), times(step))).collect(),
        }
    }
}

struct Run<'a> {
    config: &'a RunConfig,
    bos: Option<u32>,
    optimizer: OptimizerPlugin,
    optimizer_options: Vec<OptionSetting>,
    queries: &'a [Query],
    score_steps: BTreeSet<usize>,
    folder: OutFolder,
    scoring: Scoring<'a>,
    results: ResultsRecord,
    records: Vec<SampleRecord>,
    /// Where the records of a seed's step are.
    places: HashMap<(u64, u32), Range<usize>>,
    earlier: Earlier,
}

impl Run<'_> {
    fn announce(&self, draws: &[Draw]) {
        let held_out = |draw: &Draw| draw.held_out.folds.iter().map(|fold| fold.queries.len()).sum::<usize>();
        let of_draw =
            |draw: &Draw| draw.queries.len() * (1 + self.score_steps.len()) + held_out(draw) * self.config.steps;
        self.scoring
            .observer
            .event(Event::Started { queries: draws.iter().map(of_draw).sum(), last_step: self.last_step(None) });
    }

    /// Gives whether the run came to its end.
    fn all_seeds(&mut self, draws: &[Draw]) -> Result<bool, RunError> {
        for draw in draws {
            let seed = draw.record.seed;
            if draws.len() > 1 {
                self.scoring.observer.event(Event::Seed(seed));
            }
            let step = match self.earlier.selected.get(&seed).copied() {
                Some(step) => {
                    self.recall_seed(draw, step)?;
                    step
                }
                None => match self.one_seed(draw, &draws[0])? {
                    Some(step) => step as u32,
                    None => return Ok(false),
                },
            };
            self.results.selected.push(SelectedRecord { seed, step });
            self.write()?;
        }
        Ok(true)
    }

    /// Takes over everything of a seed that an earlier process brought to its end, step by step.
    ///
    /// # Errors
    /// Lines that are not those of the seed's rows, or none of the step that is its result.
    fn recall_seed(&mut self, draw: &Draw, result: u32) -> Result<(), RunError> {
        let seed = draw.record.seed;
        let rows: Vec<usize> = draw.queries.iter().map(|place| self.queries[*place].index).collect();
        let mut last: Option<u32> = None;
        while let Some(Place { step, .. }) = self.folder.samples.next_place().filter(|place| place.seed == seed) {
            let records = self.folder.samples.recall_while(|place| (place.seed, place.step) == (seed, step));
            if let Some(last) = last.filter(|last| *last >= step)
                && let Some(found) = records.last()
            {
                return Err(self.folder.samples.foreign(&format!("a step behind {last}"), found));
            }
            last = Some(step);
            let of_step = || records.iter().map(|record| record.index);
            if of_step().eq(rows.iter().copied()) {
                self.scoring.observer.event(Event::Scored(records.len()));
                self.add(records, Times::default());
            } else if let Some(found) = records.last()
                // A step whose scores are not finite ends with the last that is.
                && !(self.config.allow_nonfinite && of_step().eq(rows.iter().copied().take(records.len())))
            {
                return Err(self.folder.samples.foreign(&format!("step {step}, with the rows of seed {seed}"), found));
            }
        }
        if !self.places.contains_key(&(seed, result)) {
            return Err(RunError::NoRecords { path: self.folder.samples.path().to_owned(), seed, step: result });
        }
        self.folder.trace.recall_while(|place| place.0 == seed);
        if let Some(held_out) = &mut self.folder.held_out {
            held_out.recall_while(|place| place.seed == seed);
        }
        Ok(())
    }

    /// Gives the step that is the seed's result; `None`: stopped before the end.
    fn one_seed(&mut self, draw: &Draw, first: &Draw) -> Result<Option<usize>, RunError> {
        let seed = draw.record.seed;
        if !self.zero_shot(draw, first)? {
            return Ok(None);
        }
        let chosen = match self.config.select {
            Select::HeldOut(_) => match self.choose(draw)? {
                Some(step) => Some(step),
                None => return Ok(None),
            },
            Select::Last | Select::Converged { .. } => None,
        };
        let queries: Vec<&Query> = draw.queries.iter().map(|place| &self.queries[*place]).collect();
        let ids = &draw.record.demonstration_ids;
        let last_step = self.last_step(chosen);
        let scoring = self.scoring;
        let mut tuner = Tuner::new(scoring.decoder, ids, self.policy());
        let mut last_scored = 1;
        for step in 1..=last_step {
            if scoring.stopped() {
                return Ok(None);
            }
            scoring.observer.event(Event::Step(step));
            let (state, seconds) = tuner.advance(&mut self.tuning())?;
            if step > 1 {
                self.trace(seed, state, ids.len(), seconds)?;
            }
            let settled = self.settled(state);
            let wanted = self.score_steps.contains(&step) || chosen == Some(step) || step == last_step;
            if settled || wanted {
                let started = Instant::now();
                match scoring.score(&mut self.folder.samples, seed, &state.context, &queries) {
                    Ok(Some(records)) => {
                        self.scored(records, Times { step: seconds, score: started.elapsed().as_secs_f64() })?;
                        last_scored = step;
                    }
                    Ok(None) => return Ok(None),
                    Err(RunError::Sample { source: SampleError::NotFinite { .. }, id, .. })
                        if self.config.allow_nonfinite =>
                    {
                        self.note(
                            seed,
                            format!("step {step} is left out: the scores of example `{id}` are not finite"),
                        );
                    }
                    Err(error) => return Err(error),
                }
            }
            if settled {
                if step < last_step {
                    self.note(seed, format!("the cache has converged at step {step}; later steps were not run"));
                }
                return Ok(Some(chosen.map_or(last_scored, |chosen| chosen.min(last_scored))));
            }
        }
        if matches!(self.config.select, Select::Converged { .. }) {
            self.note(seed, format!("the cache has not converged within {last_step} steps; the last one is taken"));
        }
        // A step that could not be scored is no result; see `--allow-nonfinite`.
        Ok(Some(chosen.map_or(last_scored, |chosen| chosen.min(last_scored))))
    }

    /// Zero-shot does not depend on the demonstrations: seeds that score the same rows share it.
    fn zero_shot(&mut self, draw: &Draw, first: &Draw) -> Result<bool, RunError> {
        let seed = draw.record.seed;
        self.scoring.observer.event(Event::Step(0));
        if seed != first.record.seed && draw.queries == first.queries {
            let mut records: Vec<SampleRecord> = of_step(&self.records, &self.places, (first.record.seed, 0)).to_vec();
            for record in &mut records {
                record.seed = seed;
                if self.folder.samples.recall(&record.place())?.is_none() {
                    self.folder.samples.add(record)?;
                }
            }
            self.scoring.observer.event(Event::Scored(records.len()));
            self.scored(records, Times::default())?;
            return Ok(true);
        }
        let queries: Vec<&Query> = draw.queries.iter().map(|place| &self.queries[*place]).collect();
        let started = Instant::now();
        let context = Context::zero_shot(self.bos);
        let Some(records) = self.scoring.score(&mut self.folder.samples, seed, &context, &queries)? else {
            return Ok(false);
        };
        self.scored(records, Times { step: 0.0, score: started.elapsed().as_secs_f64() })?;
        Ok(true)
    }

    fn choose(&mut self, draw: &Draw) -> Result<Option<usize>, RunError> {
        self.scoring.observer.event(Event::Choosing);
        let (scoring, steps) = (self.scoring, self.config.steps);
        // Taken out for the call: the journal and the optimizer are both parts of `self`.
        let Some(mut journal) = self.folder.held_out.take() else { return Ok(Some(steps)) };
        let chosen = selection::choose(draw, steps, &mut self.tuning(), scoring, &mut journal);
        self.folder.held_out = Some(journal);
        chosen
    }

    fn tuning(&mut self) -> Tuning<'_> {
        Tuning {
            policy: self.policy(),
            optimizer: &mut self.optimizer,
            options: &self.optimizer_options,
            name: &self.results.plan.optimizer,
        }
    }

    fn policy(&self) -> StepPolicy {
        StepPolicy { positions: self.config.positions, allow_nonfinite: self.config.allow_nonfinite }
    }

    fn last_step(&self, chosen: Option<usize>) -> usize {
        let scored = self.score_steps.last().copied().unwrap_or(1);
        match self.config.select {
            Select::Converged { .. } => self.config.steps,
            Select::Last | Select::HeldOut(_) => scored.max(chosen.unwrap_or(1)),
        }
    }

    /// Whether later steps would change nothing of note.
    fn settled(&self, state: &State) -> bool {
        let small = match self.config.select {
            Select::Converged { until_norm: Some(bound) } => {
                state.step() > 1 && pseudo_gradient_norm(&state.norms) < bound
            }
            _ => false,
        };
        small || state.verdict == Verdict::Converged
    }

    fn trace(&mut self, seed: u64, state: &State, tokens: usize, seconds: f64) -> Result<(), RunError> {
        let numbers = |norms: &LayerNorms| [norms.pseudo_gradient, norms.update, norms.cache];
        if self.config.allow_nonfinite && !state.norms.iter().flat_map(numbers).flatten().all(f64::is_finite) {
            // JSON has no such numbers.
            return Ok(());
        }
        let record = record::trace(seed, state, tokens, seconds);
        match self.folder.trace.recall(&(seed, state.step() as u32))? {
            Some(_) => Ok(()),
            None => self.folder.trace.add(&record),
        }
    }

    /// Adds a step that is scored whole, and writes down what came of it.
    fn scored(&mut self, records: Vec<SampleRecord>, measured: Times) -> Result<(), RunError> {
        self.add(records, measured);
        self.write()
    }

    /// Adds a step that is scored whole; each step of a seed is added once.
    fn add(&mut self, records: Vec<SampleRecord>, measured: Times) {
        let Some(Place { seed, step, .. }) = records.first().map(SampleRecord::place) else { return };
        let first = self.records.len();
        self.records.extend(records);
        self.places.insert((seed, step), first..self.records.len());
        let of =
            |step: u32| -> Vec<&SampleRecord> { of_step(&self.records, &self.places, (seed, step)).iter().collect() };
        let (icl, classes) = (of(1), self.results.plan.labels.len());
        if let Some(scores) = StepScores::of(&of(step), &icl, classes) {
            let times = self.earlier.times.get(&(seed, step)).copied().unwrap_or(measured);
            self.results.steps.push(StepRecord { scores, step_seconds: times.step, score_seconds: times.score });
        }
        if step != 1 {
            return;
        }
        // Zero-shot comes before what it is compared with.
        let mut steps = self.results.steps.iter_mut().rev();
        if let Some(zero_shot) = steps.find(|other| (other.scores.seed, other.scores.step) == (seed, 0))
            && let Some(scores) = StepScores::of(&of(0), &icl, classes)
        {
            zero_shot.scores = scores;
        }
    }

    /// Writes `results.json`, unless an earlier process has written a later one.
    fn write(&self) -> Result<(), RunError> {
        if self.folder.samples.replays() { Ok(()) } else { self.folder.write(&self.results) }
    }

    fn note(&mut self, seed: u64, note: String) {
        let note = if self.config.seeds.len() > 1 { format!("seed {seed}: {note}") } else { note };
        self.scoring.observer.event(Event::Note(&note));
        self.results.plan.notes.push(note.into());
    }
}

/// The records of a seed's step; none where it has not been added.
fn of_step<'a>(
    records: &'a [SampleRecord],
    places: &HashMap<(u64, u32), Range<usize>>,
    step: (u64, u32),
) -> &'a [SampleRecord] {
    places.get(&step).and_then(|place| records.get(place.clone())).unwrap_or_default()
}
