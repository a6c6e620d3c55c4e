//! From what a user wants to what came of it: a [`RunConfig`] becomes a [`Plan`] (everything that can be checked before
//! weights are read), and a plan an [`Outcome`] (`samples.jsonl` and `results.json`, written as results come).
//!
//! Four rooms, each of which uses only those before it: `inputs` (plugins, rows, the model's files), `folder` (what an
//! earlier process left), `plan` (what each seed draws, and whether it can be scored), `execute`. Beside them stand `preview`, which
//! shows a prompt, `predict`, which uses a saved context, and `token_texts`, which reads the tokens of one; they use the first
//! three.

mod error;
mod execute;
mod folder;
#[doc(hidden)]
pub mod fuzzing;
mod inputs;
mod observer;
mod plan;
mod predict;
mod preview;
mod token_texts;
mod usage;

pub use error::RunError;
pub use execute::execution::{Outcome, execute};
pub use execute::group::{GroupOutcome, execute_group};
pub use execute::saved_context::execute_context;
pub use execute::saving::SavedSeed;
pub use execute::tuning::{TuneOutcome, tune};
pub use folder::error::FolderError;
pub use inputs::class_names::OtherClasses;
pub use inputs::config::{Purpose, RunConfig, RunOverrides, TaskConfig, with_plugins};
pub use inputs::data::{SplitExamples, read_split};
pub use inputs::definition::{Definition, TaskFile, find_task};
pub use inputs::error::{ConfigError, PluginRequestError, SplitError, TunedWithError};
pub use inputs::model::{ModelDescription, describe_model, open_weights};
pub use inputs::plugins::{Configured, PluginSpec, Plugins, find_plugin, resolve_options};
pub use observer::{Event, Observer, Observers};
pub use plan::context_plan::ContextPlan;
pub use plan::group::GroupPlan;
pub use plan::prepare::{Plan, Prepared, prepare, prepare_single};
pub use plan::usable::Unusable;
pub use plan::weights::SharedWeights;
pub use predict::{
    Calibrate, Calibrated, PredictError, PredictRequest, Prediction, Predictor, PreparedQuery, PreparedRow,
    RowPrediction,
};
pub use preview::{ChoicePreview, Preview, PreviewRequest, preview, task_sources};
pub use token_texts::token_texts;
pub use usage::PluginUsage;
