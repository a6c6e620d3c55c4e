//! Which step is the result.

use std::fmt;
use std::str::FromStr;

use super::held_out::HeldOut;
use super::parse;

options! {
    /// How the step that is the result is chosen.
    pub struct SelectionOptions supersedes by one_way {
        /// Which step is the result: the `last`, the one with the largest log-likelihood of `held-out` examples, or the
        /// one at which the cache has `converged` [default: held-out, or last if a seed has one demonstration or only
        /// step 1 is scored].
        #[arg(long, value_parser = parse::one_of::<SelectBy>(SelectBy::ALL.map(SelectBy::as_str)))]
        select: Option<SelectBy>, affects Results;

        /// The examples of `--select held-out`, which this implies: `leave-one-out` for the demonstrations themselves,
        /// or a number of further rows of their split [default: leave-one-out, or 32 rows if there is one
        /// demonstration].
        #[arg(long, value_name = "leave-one-out|N")]
        held_out: Option<HeldOut>, affects Results;

        /// With `--select converged`: stop when the norm of the pseudo-gradient over the whole cache is below this (see
        /// trace.jsonl); without it the optimizer decides.
        #[arg(long, value_name = "NORM")]
        until_norm: Option<f64>, parse parse::positive, affects Results;
    }
}

/// One way to select the step replaces another, with what belongs to it; held-out examples name their way by themselves.
fn one_way(above: &SelectionOptions, below: &mut SelectionOptions) {
    if above.select.is_some() || above.held_out.is_some() {
        *below = SelectionOptions::default();
    }
}

impl SelectionOptions {
    /// The way that these ask for; `None` where they leave it to what is drawn.
    ///
    /// # Errors
    /// An option that belongs to another way.
    pub fn resolve(&self) -> Result<Option<Select>, OtherSelection> {
        let contradiction = |flag, belongs_to| Err(OtherSelection { flag, belongs_to, selected: self.select });
        match (self.select, self.held_out, self.until_norm) {
            (None | Some(SelectBy::HeldOut), Some(held_out), None) => Ok(Some(Select::HeldOut(held_out))),
            (Some(SelectBy::HeldOut), None, None) => Ok(Some(Select::HeldOut(HeldOut::Either))),
            (Some(SelectBy::Converged), None, until_norm) => Ok(Some(Select::Converged { until_norm })),
            (Some(SelectBy::Last), None, None) => Ok(Some(Select::Last)),
            (None, None, None) => Ok(None),
            (None | Some(SelectBy::HeldOut), _, Some(_)) => contradiction("until-norm", SelectBy::Converged),
            (Some(SelectBy::Last | SelectBy::Converged), Some(_), _) => contradiction("held-out", SelectBy::HeldOut),
            (Some(SelectBy::Last), None, Some(_)) => contradiction("until-norm", SelectBy::Converged),
        }
    }
}

/// An option of one way to select the step, with another way or none.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("`--{flag}`: expected `--select {belongs_to}`, got {}", .selected.map_or("none".to_owned(), |by| format!("`--select {by}`")))]
pub struct OtherSelection {
    /// The option's flag, without its `--`.
    pub flag: &'static str,
    /// The way that it belongs to.
    pub belongs_to: SelectBy,
    /// The way that is asked for; `None` where none is named.
    pub selected: Option<SelectBy>,
}

/// What `--select` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectBy {
    /// The last step.
    Last,
    /// Examples that are no part of the evaluation.
    HeldOut,
    /// That the cache has settled.
    Converged,
}

impl SelectBy {
    /// All ways.
    pub(crate) const ALL: [SelectBy; 3] = [SelectBy::Last, SelectBy::HeldOut, SelectBy::Converged];

    /// The word for it on the command line and in results.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::HeldOut => "held-out",
            Self::Converged => "converged",
        }
    }
}

impl fmt::Display for SelectBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SelectBy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse::word(text, Self::ALL, Self::as_str)
    }
}

/// How the step whose scores are the result is chosen, without a look at the evaluation split's answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Select {
    /// The last one.
    Last,
    /// The one at which examples that are no part of the evaluation have the highest likelihood.
    HeldOut(HeldOut),
    /// The one at which the iteration has settled: the optimizer says so, or the pseudo-gradient's norm falls below a bound.
    Converged {
        /// The bound, on the norm over the whole cache.
        until_norm: Option<f64>,
    },
}

impl fmt::Display for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = match self {
            Self::Last => SelectBy::Last,
            Self::HeldOut(_) => SelectBy::HeldOut,
            Self::Converged { .. } => SelectBy::Converged,
        };
        f.write_str(by.as_str())
    }
}
