//! Carrying out a plan.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::folder::OutFolder;
use super::observer::{Event, Observer};
use super::plan::{Plan, Query};
use super::{RunError, record};
use crate::model::Decoder;
use crate::model::decoder::Placement;
use crate::report::samples::{Choice, Place, SampleRecord};
use crate::report::schema::{PluginRecord, ResultsRecord};
use crate::report::summary::{StepSummary, summarize};
use crate::score::{self, Prefix, QueryTokens};
use crate::tune::{State, TuneError, Verdict};

/// What came of a run.
pub struct Outcome {
    /// What was written to `results.json`.
    pub results: ResultsRecord,
    /// Every step whose queries are all scored, with the seconds of its pass and scoring.
    pub steps: Vec<(StepSummary, f64)>,
    /// The folder of the results.
    pub folder: PathBuf,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
}

struct Run<'a> {
    plan: Plan,
    decoder: Decoder,
    folder: OutFolder,
    observer: &'a dyn Observer,
    stop: &'a AtomicBool,
    results: ResultsRecord,
    steps: Vec<(StepSummary, f64)>,
}

/// Reads the weights and carries out a plan. When `stop` becomes true, the run ends at the next batch and keeps what it has.
///
/// # Errors
/// Failures of the model, the optimizer or the disk; what was scored before is in the folder.
pub fn execute(plan: Plan, observer: &Arc<dyn Observer>, stop: &AtomicBool) -> Result<Outcome, RunError> {
    observer.event(Event::LoadingWeights);
    let placement = Placement { device: plan.device.clone(), dtype: plan.dtype, weights: plan.config.weights };
    let decoder = plan.model.load(&placement)?;
    // After the weights: a model that cannot be read must not set an earlier run aside.
    let (folder, earlier) = OutFolder::start(&plan.config.out)?;
    if let Some(earlier) = earlier {
        observer.event(Event::Note(&format!("the samples of an earlier run are kept as `{}`", earlier.display())));
    }
    let results = ResultsRecord { complete: false, plan: plan.record.clone(), steps: Vec::new() };
    let mut run = Run { plan, decoder, folder, observer: observer.as_ref(), stop, results, steps: Vec::new() };
    run.folder.write(&run.results)?;
    let finished = run.all_steps()?;
    run.results.complete = finished;
    run.folder.write(&run.results)?;
    Ok(Outcome { folder: run.plan.config.out, results: run.results, steps: run.steps, interrupted: !finished })
}

impl Run<'_> {
    /// Gives whether the run came to its end.
    fn all_steps(&mut self) -> Result<bool, RunError> {
        let last_step = self.plan.score_steps.last().copied().unwrap_or(1);
        let queries = self.plan.queries.len() * (1 + self.plan.score_steps.len());
        self.observer.event(Event::Started { queries, last_step });
        self.observer.event(Event::Step(0));
        if !self.zero_shot()? {
            return Ok(false);
        }
        let ids = self.plan.record.demonstration_ids.clone();
        let mut state: Option<State> = None;
        for step in 1..=last_step {
            if self.stopped() {
                return Ok(false);
            }
            self.observer.event(Event::Step(step));
            let started = Instant::now();
            let next = match &state {
                None => State::first(&self.decoder, &ids)?,
                Some(state) => {
                    let optimizer = &mut self.plan.optimizer;
                    let next = state.next(&self.decoder, &ids, self.plan.config.positions, optimizer);
                    next.map_err(|error| blame(error, &self.plan.record.optimizer))?
                }
            };
            let seconds = started.elapsed().as_secs_f64();
            let converged = next.verdict == Verdict::Converged;
            if converged && step < last_step {
                self.note(format!(
                    "the optimizer holds the cache to have converged at step {step}; later steps were not run"
                ));
            }
            if (converged || self.plan.score_steps.contains(&step)) && !self.score(&next, ids.len(), seconds)? {
                return Ok(false);
            }
            if converged {
                break;
            }
            state = Some(next);
        }
        Ok(true)
    }

    fn zero_shot(&mut self) -> Result<bool, RunError> {
        let bos = self.plan.model.tokenizer.bos();
        let tokens: Vec<QueryTokens> = self
            .plan
            .queries
            .iter()
            .map(|query| match bos {
                // Something has to predict a span that starts at a query's first token.
                Some(bos) if query.tokens.starts_with_span() => query.tokens.after(bos),
                _ => query.tokens.clone(),
            })
            .collect();
        self.score_queries(0, Prefix::ZERO_SHOT, &tokens, 0.0)
    }

    fn score(&mut self, state: &State, length: usize, step_seconds: f64) -> Result<bool, RunError> {
        let tokens: Vec<QueryTokens> = self.plan.queries.iter().map(|query| query.tokens.clone()).collect();
        let prefix = Prefix { past: Some(&state.cache), last: Some(&state.last), first_position: length };
        self.score_queries(state.step, prefix, &tokens, step_seconds)
    }

    /// Scores all queries in one step and adds the step to the results; gives whether all of them were scored.
    fn score_queries(
        &mut self,
        step: usize,
        prefix: Prefix<'_>,
        tokens: &[QueryTokens],
        step_seconds: f64,
    ) -> Result<bool, RunError> {
        let started = Instant::now();
        let mut records = Vec::with_capacity(tokens.len());
        for batch in score::batches(tokens, self.plan.config.batch_tokens) {
            if self.stopped() {
                return Ok(false);
            }
            let scores = score::score(&self.decoder, prefix, &tokens[batch.clone()])?;
            let count = batch.len();
            for (query, scores) in self.plan.queries[batch].iter().zip(scores) {
                let record = sample(self.plan.config.seed, step, query, &scores)?;
                self.folder.add(&record)?;
                records.push(record);
            }
            self.observer.event(Event::Scored(count));
        }
        let score_seconds = started.elapsed().as_secs_f64();
        for summary in summarize(&records) {
            self.results.steps.push(record::step(&summary, step_seconds, score_seconds));
            self.steps.push((summary, step_seconds + score_seconds));
        }
        self.folder.write(&self.results)?;
        Ok(true)
    }

    fn note(&mut self, note: String) {
        self.observer.event(Event::Note(&note));
        self.results.plan.notes.push(note);
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

/// Failures of the plugin itself name it already; what the loop found wrong with its update does not.
fn blame(error: TuneError, PluginRecord { name, version, file, .. }: &PluginRecord) -> RunError {
    match error {
        TuneError::UpdateCount { .. } | TuneError::UpdateForm { .. } | TuneError::NotFinite { .. } => {
            RunError::BadUpdate { plugin: format!("{name} {version} ({file})"), source: error }
        }
        error => error.into(),
    }
}

fn sample(seed: u64, step: usize, query: &Query, scores: &[score::ChoiceScore]) -> Result<SampleRecord, RunError> {
    let choices: Vec<Choice> = (scores.iter().zip(&query.characters))
        .map(|(score, &characters)| Choice { loglik: score.loglik, tokens: score.tokens, characters })
        .collect();
    let place = Place { seed, step: step as u32, index: query.index };
    SampleRecord::new(place, query.id.clone(), query.answer, &choices).map_err(|source| RunError::Sample {
        id: query.id.clone(),
        step,
        source,
    })
}
