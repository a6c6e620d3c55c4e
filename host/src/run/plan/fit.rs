//! Whether demonstrations and queries fit into the model's positions.

use super::error::DrawError;
use super::usable::Unusable;
use ft_engine::tune::Positions;

/// A model's positions, and what the passes over demonstrations need of them.
#[derive(Clone, Copy, Debug)]
pub(in crate::run) struct Room {
    /// The model's positions, where they are bounded.
    pub limit: Option<usize>,
    /// Which positions the passes from step 2 on have; `None` where there is no step 2.
    pub further_passes: Option<Positions>,
}

impl Room {
    /// Room for whatever is asked for.
    pub const UNBOUNDED: Self = Self { limit: None, further_passes: None };
}

/// Holds demonstrations of `length` tokens to the room that there is: passes after the first need twice their positions
/// where they go on. `longest` gives the name and the tokens of the longest of several demonstrations.
///
/// # Errors
/// [`DrawError::ContextTooLong`], with the numbers.
pub(super) fn demonstrations(
    room: Room,
    length: usize,
    longest: impl FnOnce() -> Option<(String, usize)>,
) -> Result<(), DrawError> {
    let Some(limit) = room.limit else { return Ok(()) };
    let (needed, what, hint) = match room.further_passes {
        Some(Positions::Continue) => (
            2 * length,
            format!("a second pass over the demonstrations' {length} tokens"),
            "ask for fewer `--shots` or another `--seed`, or set `--positions restart`, which runs every pass at the first \
             positions",
        ),
        Some(Positions::Restart) | None => (
            length,
            format!("a pass over the demonstrations' {length} tokens"),
            "ask for fewer `--shots` or another `--seed`",
        ),
    };
    if needed <= limit {
        return Ok(());
    }
    Err(DrawError::ContextTooLong { what, longest: longest(), needed, limit, hint })
}

/// Why a query of so many tokens has no room behind the demonstrations' tokens, if it has none.
pub(in crate::run) fn query(limit: Option<usize>, demonstrations: usize, tokens: usize) -> Option<Unusable> {
    let limit = limit.filter(|limit| demonstrations.saturating_add(tokens) > *limit)?;
    Some(Unusable::TooLong { tokens, demonstrations, limit })
}
