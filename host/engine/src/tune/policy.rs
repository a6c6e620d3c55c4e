//! How steps are taken, and how many tokens of examples run together when an optimizer asks.

use super::positions::Positions;

/// Tokens of queries that run together for a likelihood at most, but for a query that has more.
pub(super) const LIKELIHOOD_TOKENS: usize = 1024;
/// Tokens of queries that run together for a gradient at most: all their states are there at once.
pub(super) const GRADIENT_TOKENS: usize = 256;

/// How steps are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepPolicy {
    /// Which positions the passes from step 2 on have.
    pub positions: Positions,
    /// To take an update that has a NaN or an infinity in it.
    pub allow_nonfinite: bool,
    /// Tokens of examples that run together at most while an optimizer's question is answered, but for an example that has
    /// more; a likelihood runs 1024 at most, a gradient 256.
    pub batch_tokens: usize,
}

impl StepPolicy {
    /// The published method; an update that is not finite ends it.
    pub const PUBLISHED: Self =
        Self { positions: Positions::Continue, allow_nonfinite: false, batch_tokens: LIKELIHOOD_TOKENS };
}
