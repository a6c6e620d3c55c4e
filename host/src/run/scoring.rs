//! Queries scored batch by batch into a journal.

use std::sync::atomic::{AtomicBool, Ordering};

use super::RunError;
use super::journal::Journal;
use super::observer::{Event, Observer};
use super::record::called;
use super::render::Query;
use ft_engine::model::decoder::{Batch, TokenTree};
use ft_engine::model::{Decoder, ModelError};
use ft_engine::score::{self, ChoiceScore, Extended, Prefix, QueryTokens};
use ft_engine::tune::{State, first_not_finite};
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

/// What stands before the queries.
#[derive(Clone, Copy)]
pub enum Over<'a> {
    /// Nothing: zero-shot.
    Nothing {
        /// The token that the model expects at the beginning of a text.
        bos: Option<u32>,
    },
    /// Demonstrations after some step.
    Demonstrations {
        /// Their state.
        state: &'a State,
        /// The number of their tokens.
        length: usize,
    },
}

impl<'a> Over<'a> {
    fn step(&self) -> u32 {
        match self {
            Self::Nothing { .. } => 0,
            Self::Demonstrations { state, .. } => state.step as u32,
        }
    }

    fn prefix(&self) -> Prefix<'a> {
        match self {
            Self::Nothing { .. } => Prefix::ZERO_SHOT,
            Self::Demonstrations { state, length } => {
                Prefix { past: Some(&state.cache), last: Some(&state.last), first_position: *length }
            }
        }
    }

    fn tokens(&self, query: &Query) -> QueryTokens {
        match self {
            // Something has to predict a span that starts at a query's first token.
            Self::Nothing { bos: Some(bos) } if query.tokens.starts_with_span() => query.tokens.after(*bos),
            _ => query.tokens.clone(),
        }
    }
}

impl Scoring<'_> {
    /// Scores all queries and adds them to the journal; those that an earlier process scored are taken from
    /// it. `None`: stopped before the end.
    ///
    /// # Errors
    /// The model's, a score that is not a number, a full disk.
    pub fn score(
        &self,
        journal: &mut Journal<SampleRecord>,
        seed: u64,
        over: Over<'_>,
        queries: &[&Query],
    ) -> Result<Option<Vec<SampleRecord>>, RunError> {
        let mut tokens: Vec<QueryTokens> = queries.iter().map(|query| over.tokens(query)).collect();
        let start = score::shared_start(&tokens).to_vec();
        if !start.is_empty() {
            tokens = tokens.iter().map(|query| query.without_start(start.len())).collect();
        }
        let mut extended = None;
        let step = over.step();
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
                if extended.is_none() && !start.is_empty() {
                    extended = Some(Extended::new(self.decoder, over.prefix(), &start)?);
                }
                let prefix = extended.as_ref().map_or(over.prefix(), Extended::prefix);
                let scores = score::score(self.decoder, prefix, &tokens[batch.clone()])?;
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
        let pass = self.decoder.forward(Batch { trees: &trees, first_position: 0, past: None, wanted: &[0] })?;
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
