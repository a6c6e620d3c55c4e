//! What a run can be told: each option once, with its help, its value in a run file, its default, and what of a finished
//! run another value changes.
//!
//! Options stand in groups ([`TaskOptions`], [`TuneOptions`], ...), which are sets of flags ([`clap::Args`]) and sets of keys
//! of a TOML table (serde) at the same time; a command or a file takes the groups that it needs. [`RunOptions`] is all of
//! them. Sources are laid one over the other by [`OptionGroup::overlay`]: flags over the run file over the defaults.
//!
//! `docs/how-to/flag.md` says how an option is added.

#[macro_use]
mod define;

mod baselines;
mod compute;
mod contexts;
mod evaluation;
mod held_out;
mod limits;
mod model;
mod optimizer;
mod output;
pub(crate) mod parse;
mod paths;
mod published;
mod run_file;
mod run_options;
mod score_steps;
mod seeds;
mod select;
mod task;
mod tune;
mod tuned_before;
mod value;

pub use baselines::Baselines;
pub use compute::{ComputeOptions, MOST_THREADS};
pub use contexts::{CacheDTypeOptions, ContextOptions};
pub use define::{Declared, Effect, OptionGroup, OptionName};
pub use evaluation::EvaluationOptions;
pub use held_out::{HELD_OUT_ROWS, HeldOut};
pub use limits::{LimitOptions, LimitTable, LimitTables};
pub use model::{HubCacheOptions, ModelOptions, NetworkOptions};
pub use optimizer::{DigestOptions, OptimizerOptions};
pub use output::OutputOptions;
pub use paths::PathKind;
pub use published::{NotPublished, PublishedOptions};
pub use run_file::{PrintError, RunFileError};
pub use run_options::RunOptions;
pub use score_steps::ScoreSteps;
pub use seeds::{SeedAndSeeds, SeedOptions, Seeds};
pub use select::{OtherSelection, Select, SelectBy, SelectionOptions};
pub use task::{DataOptions, RowOptions, TaskOptions};
pub use tune::TuneOptions;
pub use tuned_before::TuningOptions;
