//! From what a user wants to what came of it: a [`RunConfig`] becomes a [`Plan`] (everything that can be checked before
//! weights are read), and a plan an [`Outcome`] (`samples.jsonl` and `results.json`, written as results come).

mod class_names;
mod classes;
mod config;
mod data;
mod default_optimizer;
mod draw;
mod dry_step;
mod error;
mod evaluation;
mod execute;
#[cfg(test)]
mod fake_model;
mod fit;
mod folder;
#[doc(hidden)]
pub mod fuzzing;
mod held_out;
mod hint;
mod inputs;
mod iterate;
mod journal;
mod kind;
mod memory;
mod model;
mod notes;
mod observer;
mod plan;
mod plan_diff;
mod plugins;
mod preview;
mod record;
mod recorder;
mod render;
mod rows;
mod scoring;
mod seeds;
mod selection;
mod shown;
mod stop;
mod text_bound;
mod tuned_model;
mod usable;
mod usage;

pub use class_names::OtherClasses;
pub use config::{RunConfig, RunOverrides, TaskConfig, with_plugins};
pub use data::{SplitExamples, read_split};
pub use error::RunError;
pub use execute::{Outcome, execute};
pub use kind::RunErrorKind;
pub use model::{describe_model, open_weights};
pub use observer::{Event, Observer, Observers};
pub use plan::{Plan, prepare};
pub use plugins::{Configured, PluginSpec, Plugins, find_plugin, resolve_options};
pub use preview::{ChoicePreview, Preview, PreviewRequest, preview, task_sources};
pub use usable::Unusable;
pub use usage::PluginUsage;
