//! The tokens that queries of a task start with, as far as its demonstrations' split shows: they are read once for all queries.
//!
//! Not the queries that a run scores say it: a score would then depend, by rounding, on which rows stand beside its own, and one
//! behind a saved context, whose queries are not known beforehand, would be another than the run's.

use std::path::Path;

use super::fit;
use super::render::Renderer;
use crate::run::error::RunError;
use crate::run::inputs::error::TunedWithError;
use crate::run::inputs::model::OpenModel;
use crate::run::inputs::rows::Rows;
use ft_engine::score;

/// Rows of the split that are looked at, as queries, all over it: many splits are sorted.
const ROWS: usize = 16;

/// The tokens that all of [`ROWS`] rows of the demonstrations' split start with as queries, up to the first that is scored. None
/// where fewer than two of them can be rendered.
///
/// # Errors
/// A failure of the plugin or the tokenizer that is not about a single row.
pub(super) fn of_task(renderer: &mut Renderer<'_>, rows: &Rows) -> Result<Vec<u32>, RunError> {
    let examples = &rows.demonstrations.examples;
    let looked_at = examples.len().min(ROWS);
    let mut queries = Vec::with_capacity(looked_at);
    for index in (0..looked_at).map(|place| place * examples.len() / looked_at) {
        if let (Ok(query), _) = renderer.query(index, &examples[index])? {
            queries.push(query.tokens);
        }
    }
    Ok(score::shared_start(&queries).to_vec())
}

/// Tokens of a shared start at most: more are no prompt's.
const MOST: usize = 1 << 16;

/// Holds the shared start of a saved context's record, which is in `folder` and may be anybody's, to the model, behind so many
/// positions.
///
/// # Errors
/// [`TunedWithError::Unknown`] for tokens that the model does not have, or more than it has positions for.
pub(in crate::run) fn check_recorded(
    folder: &Path,
    model: &OpenModel,
    positions: usize,
    start: &[u32],
) -> Result<(), TunedWithError> {
    let too_long = fit::query(model.family.config.max_positions, positions, start.len()).is_some();
    if start.len() <= MOST && !too_long && model.check_ids(start).is_ok() {
        return Ok(());
    }
    let (folder, found) = (folder.to_owned(), format!("{} tokens", start.len()));
    Err(TunedWithError::Unknown { folder, what: "a shared start of tokens that the model has room for", found })
}
