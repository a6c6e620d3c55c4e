//! What scoring asks of a model behind a context, wherever that comes from.

use crate::run::error::RunError;
use ft_engine::model::decoder::{Batch, TokenTree};
use ft_engine::model::{Context, Decoder, ModelError};
use ft_engine::score::{self, ChoiceScore, QueryTokens};
use ft_engine::tune::first_not_finite;
use ft_record::files::schema::PluginRecord;

/// A model that scores queries behind contexts.
pub(super) trait ScoringModel {
    /// The context with these tokens, one or more, read behind it.
    ///
    /// # Errors
    /// A failure of the model.
    fn extend(&self, context: &Context, tokens: &[u32]) -> Result<Context, RunError>;

    /// The scores of every choice of queries that are one batch behind the context, in the queries' and the choices' order.
    ///
    /// # Errors
    /// A failure of the model.
    fn score(&self, context: &Context, queries: &[QueryTokens]) -> Result<Vec<Vec<ChoiceScore>>, RunError>;

    /// What is wrong with a model that gives a query no number before an optimizer has had a part in anything.
    fn fault(&self, query: &QueryTokens) -> RunError;

    /// What messages call the optimizer.
    fn optimizer(&self) -> String;
}

/// A decoder behind contexts that an optimizer made, in this run or before.
pub(super) struct ScoredDecoder<'a> {
    pub decoder: &'a Decoder,
    optimizer: PluginRecord,
}

impl<'a> ScoredDecoder<'a> {
    /// Behind contexts of this optimizer.
    pub fn new(decoder: &'a Decoder, optimizer: &PluginRecord) -> Self {
        Self { decoder, optimizer: optimizer.clone() }
    }
}

impl ScoringModel for ScoredDecoder<'_> {
    fn extend(&self, context: &Context, tokens: &[u32]) -> Result<Context, RunError> {
        Ok(score::extended(self.decoder, context, tokens)?)
    }

    fn score(&self, context: &Context, queries: &[QueryTokens]) -> Result<Vec<Vec<ChoiceScore>>, RunError> {
        Ok(score::score(self.decoder, context, queries)?)
    }

    /// The demonstrations' own cache is finite, or there would be no step 1: it is a pass over the query that is not.
    fn fault(&self, query: &QueryTokens) -> RunError {
        let ids = query.choices.first().map(|choice| choice.ids.as_slice()).unwrap_or_default();
        let trees = [TokenTree::chain(ids)];
        let pass = self.decoder.forward(Batch::after(&Context::zero_shot(None), &trees, &[0]));
        match pass.and_then(|pass| first_not_finite(&pass.cache)) {
            Ok(layer) => ModelError::NotFinitePass { layer }.into(),
            Err(error) => error.into(),
        }
    }

    fn optimizer(&self) -> String {
        let PluginRecord { name, version, file, .. } = &self.optimizer;
        format!("{} {} ({})", name.harmless(), version.harmless(), file.harmless())
    }
}
