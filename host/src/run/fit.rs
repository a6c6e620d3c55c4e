//! Whether demonstrations and queries fit into the model's positions.

use super::RunError;
use super::config::RunConfig;
use super::draw::{Draw, Query};
use crate::tune::Positions;

/// Passes after the first need twice the demonstrations' positions, scoring the demonstrations' and the longest query's.
///
/// # Errors
/// What does not fit, with the numbers.
pub fn check(config: &RunConfig, limit: Option<usize>, draws: &[Draw], queries: &[Query]) -> Result<(), RunError> {
    let Some(limit) = limit else { return Ok(()) };
    for draw in draws {
        let scored = draw.queries.iter().map(|place| &queries[*place]);
        check_one(config, limit, draw.record.demonstration_ids.len(), scored)?;
        for fold in &draw.held_out {
            check_one(config, limit, fold.ids.len(), fold.queries.iter())?;
        }
    }
    Ok(())
}

fn check_one<'a>(
    config: &RunConfig,
    limit: usize,
    length: usize,
    queries: impl Iterator<Item = &'a Query>,
) -> Result<(), RunError> {
    let (needed, what, hint) = match config.positions {
        Positions::Continue if config.steps > 1 => (
            2 * length,
            format!("a second pass over the demonstrations' {length} tokens"),
            "ask for fewer `--shots`, or set `--positions restart`, which runs every pass at the first positions",
        ),
        _ => (length, format!("a pass over the demonstrations' {length} tokens"), "ask for fewer `--shots`"),
    };
    if needed > limit {
        return Err(RunError::ContextTooLong { what, example: None, needed, limit, hint });
    }
    let longest = queries.max_by_key(|query| query.tokens.longest());
    match longest {
        Some(query) if length + query.tokens.longest() > limit => Err(RunError::ContextTooLong {
            what: format!("a query of {} tokens after the demonstrations' {length}", query.tokens.longest()),
            example: Some(query.id.clone()),
            needed: length + query.tokens.longest(),
            limit,
            hint: "ask for fewer `--shots`, or take a model with a longer context",
        }),
        _ => Ok(()),
    }
}
