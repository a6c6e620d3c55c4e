//! Queries scored batch by batch into a journal.

use std::sync::atomic::{AtomicBool, Ordering};

use super::RunError;
use super::journal::Journal;
use super::observer::{Event, Observer};
use super::record::called;
use super::render::Query;
use ft_engine::model::decoder::{Batch, TokenTree};
use ft_engine::model::{Context, Decoder, ModelError};
use ft_engine::score::{self, ChoiceScore, QueryTokens};
use ft_engine::tune::first_not_finite;
use ft_record::samples::{Choice, Place, SampleError, SampleRecord};
use ft_record::schema::PluginRecord;

/// What scoring needs besides the queries.
#[derive(Clone, Copy)]
pub struct Scoring<'a> {
    /// The model.
    pub decoder: &'a Decoder,
    /// Query tokens that run together.
    pub batch_tokens: usize,
    /// Told of every batch.
    pub observer: &'a dyn Observer,
    /// What made the caches from step 2 on.
    pub optimizer: &'a PluginRecord,
    /// When it becomes true, scoring ends at the next batch.
    pub stop: &'a AtomicBool,
}

impl Scoring<'_> {
    /// Scores all queries behind a context and adds them to the journal; those that an earlier process scored are taken
    /// from it. `None`: stopped before the end.
    ///
    /// # Errors
    /// Propagates model errors; a score that is not a number, a full disk.
    pub fn score(
        &self,
        journal: &mut Journal<SampleRecord>,
        seed: u64,
        context: &Context,
        queries: &[&Query],
    ) -> Result<Option<Vec<SampleRecord>>, RunError> {
        let mut tokens: Vec<QueryTokens> = queries.iter().map(|query| query.tokens.behind(context)).collect();
        let shared_start = score::shared_start(&tokens).to_vec();
        if !shared_start.is_empty() {
            tokens = tokens.iter().map(|query| query.without_start(shared_start.len())).collect();
        }
        // Made when the first query is computed: a journal may know them all.
        let mut extended = None;
        let step = context.step() as u32;
        let mut records = Vec::with_capacity(queries.len());
        for batch in score::batches(&tokens, self.batch_tokens) {
            if self.stopped() {
                return Ok(None);
            }
            let place = |query: &Query| Place { seed, step, index: query.index };
            let first = records.len();
            while records.len() < batch.end
                && let Some(record) = journal.recall(&place(queries[records.len()]))?
            {
                records.push(record);
            }
            if records.len() < batch.end {
                // The whole batch, also where a part of it is known: the same batch gives the same bits.
                if extended.is_none() && !shared_start.is_empty() {
                    extended = Some(score::extended(self.decoder, context, &shared_start)?);
                }
                let scores = score::score(self.decoder, extended.as_ref().unwrap_or(context), &tokens[batch.clone()])?;
                for (query, scores) in queries[batch.clone()].iter().zip(scores).skip(records.len() - first) {
                    let record = match self.sample(place(query), query, &scores) {
                        Err(RunError::Sample { source: SampleError::NotFinite { .. }, .. }) if step <= 1 => {
                            return Err(self.own_failure(query)?.into());
                        }
                        record => record?,
                    };
                    journal.add(&record)?;
                    records.push(record);
                }
            }
            self.observer.event(Event::Scored(batch.len()));
        }
        Ok(Some(records))
    }

    /// What is wrong with a model that gives no number before an optimizer has had a part in anything. The demonstrations'
    /// own cache is finite, or there would be no step 1.
    fn own_failure(&self, query: &Query) -> Result<ModelError, RunError> {
        let ids = query.tokens.choices.first().map(|choice| choice.ids.as_slice()).unwrap_or_default();
        let trees = [TokenTree::chain(ids)];
        let pass = self.decoder.forward(Batch::after(&Context::zero_shot(None), &trees, &[0]))?;
        Ok(ModelError::NotFinitePass { layer: first_not_finite(&pass.cache)? })
    }

    fn sample(&self, place: Place, query: &Query, scores: &[ChoiceScore]) -> Result<SampleRecord, RunError> {
        let choices: Vec<Choice> = (scores.iter().zip(&query.characters))
            .map(|(score, &characters)| Choice { loglik: score.loglik, tokens: score.tokens, characters })
            .collect();
        SampleRecord::new(place, query.id.clone(), query.answer, &choices).map_err(|source| RunError::Sample {
            plugin: called(self.optimizer),
            id: query.id.clone(),
            step: place.step as usize,
            source,
        })
    }

    /// Whether the user wants the run to end.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}
