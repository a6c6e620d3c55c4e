//! Queries scored behind a context, batch by batch, into a journal.

use super::error::StepError;
use super::scoring_model::ScoringModel;
use super::stop::StopFlag;
use crate::run::error::RunError;
use crate::run::folder::journal::{Journal, SampleLine};
use crate::run::observer::{Event, Observer};
use crate::run::plan::render::Query;
use ft_engine::model::Context;
use ft_engine::score::{self, ChoiceScore, Parted, QueryTokens};
use ft_record::files::controls::{Baseline, ControlRecord};
use ft_record::files::samples::{Choice, Place, SampleError, SampleRecord};
use ft_record::files::unconditional::UnconditionalRecord;

/// What queries of a seed are scored behind.
#[derive(Clone, Copy)]
pub(super) struct Behind<'a> {
    /// The seed.
    pub seed: u64,
    /// What the model has read.
    pub context: &'a Context,
    /// What is read once for all queries.
    pub start: Start<'a>,
}

/// Tokens that queries have in common at their start, read once for all of them.
#[derive(Clone, Copy)]
pub(super) enum Start<'a> {
    /// What all of the queries start with, behind tokens that stand before every query: a description where there are no
    /// demonstrations; none otherwise, since the context has them.
    OfQueries {
        /// What stands before every query.
        before: &'a [u32],
    },
    /// What queries of the task start with. One that starts otherwise is read whole.
    OfTask(&'a [u32]),
}

impl<'a> Behind<'a> {
    /// What the model has read, and nothing else.
    pub fn context(seed: u64, context: &'a Context) -> Self {
        Self { seed, context, start: Start::OfQueries { before: &[] } }
    }
}

/// How queries are scored.
#[derive(Clone, Copy)]
pub(super) struct Scorer<'a> {
    /// The most query tokens that run together, but for a query that has more by itself.
    pub batch_tokens: usize,
    /// Told of every batch.
    pub observer: &'a dyn Observer,
    /// Ends scoring at the next batch.
    pub stop: StopFlag<'a>,
}

impl Scorer<'_> {
    /// Scores all queries behind a context into the journal; those that it has already are not computed again.
    ///
    /// # Errors
    /// Failures of the model; [`StepError::Sample`] where a score is no number, with all queries before it in the journal;
    /// a full disk; [`RunError::Interrupted`].
    pub fn score(
        self,
        model: &impl ScoringModel,
        journal: &mut Journal<SampleRecord>,
        behind: Behind<'_>,
        queries: &[&Query],
    ) -> Result<Vec<SampleRecord>, RunError> {
        self.score_lines(model, (journal, ()), behind, queries)
    }

    /// Scores all queries behind a context, that of a step or of a baseline, into a journal of controls, as [`Self::score`] does.
    ///
    /// # Errors
    /// Those of [`Self::score`].
    pub fn score_control(
        self,
        model: &impl ScoringModel,
        tagged: (&mut Journal<ControlRecord>, Option<Baseline>),
        behind: Behind<'_>,
        queries: &[&Query],
    ) -> Result<Vec<ControlRecord>, RunError> {
        self.score_lines(model, tagged, behind, queries)
    }

    /// Scores choices without their queries into their journal, as [`Self::score`] does.
    ///
    /// # Errors
    /// Those of [`Self::score`].
    pub fn score_unconditional(
        self,
        model: &impl ScoringModel,
        journal: &mut Journal<UnconditionalRecord>,
        behind: Behind<'_>,
        queries: &[&Query],
    ) -> Result<Vec<UnconditionalRecord>, RunError> {
        self.score_lines(model, (journal, ()), behind, queries)
    }

    fn score_lines<L: SampleLine>(
        self,
        model: &impl ScoringModel,
        (journal, tag): (&mut Journal<L>, L::Tag),
        Behind { seed, context, start }: Behind<'_>,
        queries: &[&Query],
    ) -> Result<Vec<L>, RunError> {
        let before = match start {
            Start::OfQueries { before } => before,
            Start::OfTask(_) => &[],
        };
        let tokens = queries.iter().map(|query| match before {
            [] => query.tokens.behind(context),
            // It is read once, and no query has a copy of it.
            _ => query.tokens.clone(),
        });
        let tokens: Vec<QueryTokens> = tokens.collect();
        let in_common = match start {
            Start::OfQueries { .. } => score::shared_start(&tokens),
            Start::OfTask(start) => start,
        };
        let shared_start = [before, in_common].concat();
        let parted = Parted::new(&tokens, in_common);
        // Those of another form, a row without its first field for example, are read whole.
        let Parted { rest, has_start } = &parted;
        // Extended when the first batch is computed: the journal may have them all.
        let mut extended: Option<Context> = None;
        let step = context.step() as u32;
        let mut records = Vec::with_capacity(queries.len());
        for batch in parted.batches(self.batch_tokens) {
            self.stop.check()?;
            let of_batch = &queries[batch.clone()];
            let places: Vec<Place> = of_batch.iter().map(|query| Place { seed, step, index: query.index }).collect();
            let lines: Vec<L::Place> = places.iter().map(|place| L::place_of(tag, *place)).collect();
            let scored = journal.batch(&lines, || {
                // What stands before all queries is read for all of them.
                let has_start = has_start[batch.start] || !before.is_empty();
                if extended.is_none() && has_start {
                    extended = Some(model.extend(context, &shared_start)?);
                }
                let behind = extended.as_ref().filter(|_| has_start).unwrap_or(context);
                let scores = model.score(behind, &rest[batch.clone()])?;
                let samples = of_batch.iter().zip(&places).zip(scores);
                Ok(samples.map(|((query, place), scores)| Ok(L::of(tag, sample(model, *place, query, &scores)?))))
            })?;
            records.extend(scored);
            self.observer.event(Event::Scored(batch.len()));
        }
        Ok(records)
    }
}

fn sample(
    model: &impl ScoringModel,
    place: Place,
    query: &Query,
    scores: &[ChoiceScore],
) -> Result<SampleRecord, RunError> {
    let choices: Vec<Choice> = (scores.iter().zip(&query.lengths))
        .map(|(score, &length)| Choice { loglik: score.loglik, tokens: score.tokens, length })
        .collect();
    SampleRecord::new(place, query.id.clone(), query.answer, &choices).map_err(|source| match source {
        // The optimizer has no part in zero-shot and step 1.
        SampleError::NotFinite { .. } if place.step <= 1 => model.fault(&query.tokens),
        source => {
            let (plugin, id, step) = (model.optimizer(), query.id.clone(), place.step as usize);
            StepError::Sample { plugin, id, step, source }.into()
        }
    })
}
