//! What helps where there is no run, or no whole one.

use super::error::RunError;
use super::plan::usable::Unusable;
use ft_engine::tune::TuneError;
use ft_sandbox::{Failure, PluginError};
use ft_store::datasets::location::DataError;
use ft_store::table::RowError;

/// What helps against single bad rows.
const SKIP: &str = "`--skip-bad-rows` leaves such rows out and counts them";

/// What makes numbers that are not finite.
const BLOWN_UP: &str = "a step size that is too large makes a cache blow up, and so does a rule that divides by what does not \
                        change (the values of layer 0 never do); the earlier steps are kept";

impl RunError {
    /// What to do next, where something is known to help.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Plugin(error) => match error.failure() {
                Failure::Rows(source) => source.downcast_ref().map_or(Some(SKIP.into()), rows_hint),
                _ => error.hint(),
            },
            Self::Rows(error) | Self::Data(DataError::Row(error)) => rows_hint(error),
            Self::Tune(TuneError::Optimizer { source, .. }) => source.downcast_ref::<PluginError>()?.hint(),
            Self::BadUpdate { source, .. } if matches!(**source, TuneError::NotFinite { .. }) => Some(BLOWN_UP.into()),
            Self::BadUpdate { .. } => Some("this is a bug in the plugin; please report it to its author".into()),
            Self::Option { source, .. } => Some(source.hint()),
            Self::Tune(TuneError::Model(error)) | Self::Model(error) => error.hint().map(str::to_owned),
            Self::Fetch(error) => error.hint(),
            Self::Data(error) => error.hint(),
            Self::File(error) => error.hint(),
            _ => self.own_hint(),
        }
    }

    /// What helps against what only a run can find wrong.
    fn own_hint(&self) -> Option<String> {
        match self {
            Self::Rejected { message, takes_none, .. } => {
                let folder = message.ends_with("the column is missing").then_some("is `--data` the right folder?");
                // Where all rows are like that, nothing would be left.
                let hints = folder.into_iter().chain((!takes_none).then_some(SKIP));
                Some(hints.collect::<Vec<_>>().join(" ")).filter(|hint| !hint.is_empty())
            }
            Self::CountedFromOne { .. } => {
                Some("classes count from 0, and this file's seem to count from 1: write each as one less".into())
            }
            Self::OtherClasses(_) => Some(
                "the names are the file's own, under `huggingface` in its footer: bring the numbers into the task's \
                 order, or go on with `--force` where the names are what is wrong"
                    .into(),
            ),
            Self::Sampling { .. } => Some("ask for fewer `--shots`".into()),
            Self::ContextTooLong { hint, .. } => Some((*hint).into()),
            Self::TooMuchText { .. } => Some("ask for fewer `--shots` or another `--seed`".into()),
            Self::TooManyTokens { .. } => Some("score fewer rows with `--sample N`".into()),
            Self::Unusable { reason, .. } => Some(match &**reason {
                Unusable::TooLong { .. } | Unusable::TooMuchText(_) => format!("{SKIP}; fewer `--shots` or a model with a longer context take more of them"),
                _ => SKIP.into(),
            }),
            Self::NothingToScore { overlapping: 1.., .. } => Some(
                "name other rows with `--data evaluation=FILE`, or score demonstrations too with `--allow-overlap`".into(),
            ),
            Self::NothingHeldOut { .. } => Some("hold out more rows with `--held-out N`, or take `--select last`".into()),
            Self::Memory { .. } => Some(
                "`--weights quantized` takes about a quarter of f32, `--dtype bf16` half, a smaller `--batch-tokens` less for \
                 states, `--sample N` less for records; `--force` runs anyway"
                    .into(),
            ),
            Self::NoOptimizer { .. } => {
                Some("name one with `--optimizer FILE`: the paper's is `plugins/momentum.wasm` of this project, built by `cargo xtask \
                     plugins`, and `ft-host plugin new optimizer NAME` makes one".into())
            }
            Self::PluginFolder { folder } => {
                Some(format!("`ft-host plugin build {}` makes a plugin of its sources, and prints its file", folder.display()))
            }
            Self::NoPlugin { .. } => Some(
                "`ft-host plugin list` shows the plugins that are there; `FT_PLUGIN_PATH` names further folders".into(),
            ),
            Self::Digest { found, .. } => {
                Some(format!("look at it with `ft-host plugin inspect`; if it is to run, add `--require-digest {found}`"))
            }
            Self::NoSuchStep { .. } => Some("raise `--steps` or change `--score-steps`".into()),
            Self::Changed { .. } => Some(
                "go on with the settings that it had, name another folder with `--out`, or set it aside with `--restart`"
                    .into(),
            ),
            Self::TooManySteps { .. } => Some("score fewer steps with `--score-steps`, or make a run for some of the seeds".into()),
            Self::Journal { .. } | Self::ForeignLine { .. } | Self::NoRecords { .. } => {
                Some("set the run aside with `--restart`, or name another folder with `--out`".into())
            }
            Self::NothingToLeaveOut => {
                Some("ask for more `--shots`, or hold out rows of the demonstrations' split with `--held-out 32`".into())
            }
            Self::Sample { .. } => Some(BLOWN_UP.into()),
            _ => None,
        }
    }
}

/// What helps against a row that cannot be read.
fn rows_hint(error: &RowError) -> Option<String> {
    match (error.hint(), error.can_be_skipped()) {
        (Some(hint), true) => Some(format!("{hint}; {SKIP}")),
        (None, true) => Some(SKIP.into()),
        (hint, false) => hint,
    }
}
