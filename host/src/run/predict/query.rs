//! Questions as the model gets them.

use crate::run::error::RunError;
use crate::run::inputs::model::OpenModel;
use crate::run::plan::fit;
use crate::run::plan::text_bound::TextBound;
use crate::run::plan::usable::Unusable;
use ft_engine::score::QueryTokens;
use ft_engine::task::example::RenderedChoice;
use ft_sandbox::PluginError;

/// The tokens of the choices that the task renders, which fit behind so many positions.
///
/// # Errors
/// A failure of the plugin or the tokenizer that is not about this one question; within the result why it cannot be scored.
pub(super) fn of_rendered(
    rendered: Result<Vec<RenderedChoice>, PluginError>,
    model: &OpenModel,
    positions: usize,
) -> Result<Result<QueryTokens, Unusable>, RunError> {
    let choices = match rendered {
        Ok(choices) => choices,
        Err(error) => return Ok(Err(Unusable::of_prompt(error)?)),
    };
    let limit = model.family.config.max_positions;
    if let Err(too_much) = TextBound::new(limit, &model.tokenizer).query(&choices) {
        return Ok(Err(Unusable::TooMuchText(too_much)));
    }
    let tokens = match QueryTokens::encode(&model.tokenizer, &choices) {
        Ok(Ok(tokens)) => tokens,
        Ok(Err(empty)) => return Ok(Err(Unusable::NothingToScore(empty))),
        Err(error) => return Ok(Err(Unusable::of_tokens(error)?)),
    };
    if let Some(too_long) = fit::query(limit, positions, tokens.longest()) {
        return Ok(Err(too_long));
    }
    model.check_ids(tokens.choices.iter().flat_map(|choice| &choice.ids))?;
    Ok(Ok(tokens))
}
