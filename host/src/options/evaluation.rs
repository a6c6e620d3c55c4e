//! What is scored.

use super::parse;
use super::score_steps::ScoreSteps;

options! {
    /// Which evaluation rows are scored, and at which steps.
    pub struct EvaluationOptions {
        /// Score only the first N evaluation rows that are not left out; prefer `--sample`, since many splits are
        /// sorted.
        #[arg(long, value_name = "N")]
        limit: Option<usize>, parse parse::at_least_one, affects Results;

        /// Also score evaluation rows that are demonstrations, which are left out by default.
        #[arg(long)]
        allow_overlap: bool, affects Results;

        /// Which steps to score besides zero-shot and step 1: `all`, `last`, or a list like 5,10,15 [default: all].
        #[arg(long, value_name = "STEPS")]
        score_steps: Option<ScoreSteps>, default ScoreSteps::All, affects Results;
    }
}
