//! Options of the Deep-Thinking steps.

use super::parse;
use ft_engine::tune::Positions;

/// Steps in the paper.
pub(super) const STEPS: usize = 15;

options! {
    /// How the cache is tuned.
    pub struct TuneOptions {
        /// Deep-Thinking steps; step 1 is plain in-context learning [default: 15].
        #[arg(long, value_name = "N", display_order = 290)]
        steps: Option<usize>, parse parse::steps, default STEPS, affects Results;

        /// Position ids of the passes from step 2 on: `continue` after the first pass, as published, or `restart` at 0
        /// [default: continue].
        #[arg(long, value_parser = parse::one_of::<Positions>(Positions::ALL.map(Positions::as_str)))]
        positions: Option<Positions>, default Positions::Continue, affects Results;

        /// Continue with a cache that contains NaN or infinity, for research; a step without a prediction is left out,
        /// and the results have a note.
        #[arg(long)]
        allow_nonfinite: bool, affects Results;
    }
}
