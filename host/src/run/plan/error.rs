//! Why there is no plan: what is drawn cannot be shown or scored, or it is more than there is room for.

use super::text_bound::{LongDemonstrations, LongDescription, MOST_TOKENS};
use super::usable::UnusableRow;
use crate::diagnosis::{Diagnosis, Fault};
use ft_engine::model::saved_context::HalfFormat;
use ft_engine::text::size;
use ft_record::files::schema::MemoryRecord;

/// Rows that a seed draws, and that cannot be shown or scored.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// A row that is beyond the last.
    #[error("expected a row of the evaluation split from 0 to {}, got row {index}", .rows.saturating_sub(1))]
    NoSuchRow {
        /// The row that was asked for, from 0.
        index: usize,
        /// Rows of the split.
        rows: usize,
    },
    /// A row that cannot be scored.
    #[error(transparent)]
    Unusable(#[from] UnusableRow),
    /// All evaluation rows are left out.
    #[error("nothing is left to score with seed {seed}: {}{}", left_out(*.rows, "evaluation row", *.overlapping, "demonstrations too", *.unusable), .first.as_ref().map(|first| format!(", first {first}")).unwrap_or_default())]
    NothingToScore {
        /// The seed that drew the rows.
        seed: u64,
        /// The rows that it drew.
        rows: usize,
        /// Those that are demonstrations too.
        overlapping: usize,
        /// Those that cannot be used.
        unusable: usize,
        /// The first of these, and why.
        first: Option<String>,
    },
    /// All rows to select the step by are left out.
    #[error("nothing is left to select the step by: {}", left_out(*.rows, "held-out row", *.overlapping, "demonstrations or evaluation rows too", *.unusable))]
    NothingHeldOut {
        /// The rows that were drawn.
        rows: usize,
        /// Those that are demonstrations or evaluation rows too.
        overlapping: usize,
        /// Those that cannot be used.
        unusable: usize,
    },
    /// Leave-one-out with a single demonstration.
    #[error("expected two demonstrations or more for leave-one-out, got one")]
    NothingToLeaveOut,
    /// Demonstrations without a token.
    #[error("expected demonstrations of one token or more, got the text {text:?}")]
    EmptyDemonstrations {
        /// The demonstrations' text.
        text: String,
    },
    /// Demonstrations that are too long to be tokenized.
    #[error(transparent)]
    TooMuchText(#[from] LongDemonstrations),
    /// A description that is too long to be tokenized.
    #[error(transparent)]
    LongDescription(#[from] LongDescription),
    /// Queries that come to too many tokens together.
    #[error(
        "expected queries of at most {MOST_TOKENS} tokens together, got more with example `{id}`, of {choices} choices"
    )]
    TooManyTokens {
        /// The example that is too much.
        id: String,
        /// How many choices the example has.
        choices: usize,
    },
    /// A query of more tokens than are shown.
    #[error(
        "expected choices of at most {most} tokens together to show, got more with example `{id}`, of {choices} choices"
    )]
    TooManyPieces {
        /// The id of the example.
        id: String,
        /// How many choices the example has.
        choices: usize,
        /// The tokens that are shown.
        most: usize,
    },
    /// More positions are needed than the model has.
    #[error("expected at most {limit} positions, got {needed} for {what}{}", .longest.as_ref().map(|(id, tokens)| format!(" (the longest demonstration is `{id}`, with {tokens} tokens)")).unwrap_or_default())]
    ContextTooLong {
        /// What needs them.
        what: String,
        /// The longest of several demonstrations, with its tokens.
        longest: Option<(String, usize)>,
        /// How many positions it needs.
        needed: usize,
        /// Positions of the model.
        limit: usize,
        /// What would help.
        hint: &'static str,
    },
}

/// Why none of `rows` rows is left.
fn left_out(rows: usize, what: &str, overlapping: usize, role: &str, unusable: usize) -> String {
    let plural = if rows == 1 { "" } else { "s" };
    let reasons = [(overlapping, role), (unusable, "unusable")].into_iter().filter(|(count, _)| *count > 0);
    let reasons: Vec<String> = reasons.map(|(count, reason)| format!("{count} {reason}")).collect();
    format!("expected rows to keep, got {rows} {what}{plural} to leave out ({})", reasons.join(", "))
}

impl Diagnosis for DrawError {
    fn fault(&self) -> Fault {
        match self {
            Self::Unusable(error) => error.fault(),
            _ => Fault::Input,
        }
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unusable(error) => return error.hint(),
            Self::ContextTooLong { hint, .. } => (*hint).into(),
            Self::TooMuchText(_) => "ask for fewer `--shots` or another `--seed`".into(),
            Self::LongDescription(_) => "give a shorter `--description`; an empty one leaves out the task's own".into(),
            Self::TooManyTokens { .. } => "score fewer rows with `--sample N`".into(),
            Self::NothingToScore { overlapping: 1.., .. } => {
                "name other rows with `--data evaluation=FILE`, or score demonstrations too with `--allow-overlap`"
                    .into()
            }
            Self::NothingHeldOut { .. } => "hold out more rows with `--held-out N`, or take `--select last`".into(),
            Self::NothingToLeaveOut => {
                "ask for more `--shots`, or hold out rows of the demonstrations' split with `--held-out 32`".into()
            }
            Self::NoSuchRow { .. }
            | Self::NothingToScore { .. }
            | Self::EmptyDemonstrations { .. }
            | Self::TooManyPieces { .. } => return None,
        })
    }
}

/// A plan that cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// Half precision for contexts of a run that is not in single.
    #[error("expected a run in f32 for `--cache-dtype {asked}`, got one in {held}")]
    CacheDType {
        /// The number format that was asked for.
        asked: HalfFormat,
        /// The run's.
        held: &'static str,
    },
    /// A task of a group that is a group itself.
    #[error("expected a single task, got the group `{name}` of {subtasks} tasks")]
    GroupInGroup {
        /// The inner group's name.
        name: String,
        /// How many tasks it has.
        subtasks: usize,
    },
    /// A configuration without a seed.
    #[error("expected a seed, got none")]
    NoSeed,
    /// A step to score that is beyond the last.
    #[error("expected steps to score from 1 to {steps}, got {step}")]
    NoSuchStep {
        /// The step that was asked for, from 1.
        step: usize,
        /// The number of steps.
        steps: usize,
    },
    /// More seeds, steps and baselines than a file of results holds.
    #[error(
        "expected at most {most} scored steps and baselines over all seeds, got {seeds} seeds with {steps} scored steps and \
         baselines each"
    )]
    TooManySteps {
        /// The most scored steps and baselines that a file of results holds.
        most: u64,
        /// How many seeds the run has.
        seeds: usize,
        /// The scored steps and baselines of each.
        steps: usize,
    },
    /// A model whose files name no token behind which a text stands by itself.
    #[error(
        "`--mutual-information`: expected a model whose tokenizer names a token for a text's beginning or end, got none in `{model}`"
    )]
    NoTextStart {
        /// What the user calls the model.
        model: String,
    },
    /// The run would take more memory than there is.
    #[error(
        "`{model}` needs about {} of memory (weights {}, keys and values {}, states {}, records {}), and {place} has {}",
        size(.memory.total), size(.memory.weights), size(.memory.cache), size(.memory.activations), size(.memory.records),
        size(*.available)
    )]
    Memory {
        /// What the user calls the model.
        model: String,
        /// Where the memory is.
        place: &'static str,
        /// What it is needed for.
        memory: Box<MemoryRecord>,
        /// Bytes that there are.
        available: u64,
    },
}

impl Diagnosis for PlanError {
    fn fault(&self) -> Fault {
        Fault::Input
    }

    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoSeed => return None,
            Self::CacheDType { .. } => "leave out `--cache-dtype`: keys and values have 16 bits already".into(),
            Self::GroupInGroup { .. } => "run that group by itself, or choose one of its tasks".into(),
            Self::NoSuchStep { .. } => "raise `--steps` or change `--score-steps`".into(),
            Self::TooManySteps { .. } => {
                "score fewer steps with `--score-steps`, ask for fewer `--baseline`, or make a run for some of the seeds".into()
            }
            Self::NoTextStart { .. } => {
                "name one as `bos_token` or `eos_token` in the `tokenizer_config.json` beside the model's tokenizer".into()
            }
            Self::Memory { .. } => {
                "`--weights quantized` takes about a quarter of f32, `--dtype bf16` half, a smaller `--batch-tokens` less for \
                 states, `--sample N` less for records; `--force` runs anyway"
                    .into()
            }
        })
    }
}
