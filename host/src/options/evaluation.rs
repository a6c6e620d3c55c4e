//! What is scored.

use super::baselines::Baselines;
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

        /// Also score the queries behind baselines without tuning: `repeat=2,4` shows the demonstrations 2 times in a row
        /// in one pass, and 4 times.
        #[arg(long, value_name = "repeat=N,...")]
        baseline: Option<Baselines>, affects Results;

        /// Also score each row's choices once without its query, and tell the accuracy by mutual information: by what the query
        /// adds to a choice's log-likelihood.
        #[arg(long)]
        mutual_information: bool, affects Results;
    }
}
