//! Whether demonstrations and queries fit into the model's positions.

use super::RunError;
use super::config::RunConfig;
use super::usable::Unusable;
use ft_engine::tune::Positions;

/// Passes after the first need twice the demonstrations' positions. `longest` gives the name and the tokens of the longest of
/// several demonstrations.
///
/// # Errors
/// What does not fit, with the numbers.
pub fn demonstrations(
    config: &RunConfig,
    limit: Option<usize>,
    length: usize,
    longest: impl FnOnce() -> Option<(String, usize)>,
) -> Result<(), RunError> {
    let Some(limit) = limit else { return Ok(()) };
    let (needed, what, hint) = match config.positions {
        Positions::Continue if config.steps > 1 => (
            2 * length,
            format!("a second pass over the demonstrations' {length} tokens"),
            "ask for fewer `--shots` or another `--seed`, or set `--positions restart`, which runs every pass at the first \
             positions",
        ),
        _ => (
            length,
            format!("a pass over the demonstrations' {length} tokens"),
            "ask for fewer `--shots` or another `--seed`",
        ),
    };
    if needed <= limit {
        return Ok(());
    }
    Err(RunError::ContextTooLong { what, longest: longest(), needed, limit, hint })
}

/// Scoring needs the demonstrations' positions and the query's.
pub fn query(limit: Option<usize>, demonstrations: usize, tokens: usize) -> Option<Unusable> {
    let limit = limit.filter(|limit| demonstrations + tokens > *limit)?;
    Some(Unusable::TooLong { tokens, demonstrations, limit })
}
