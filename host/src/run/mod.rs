//! From what a user wants to what came of it: a [`RunConfig`] becomes a [`Plan`] (everything that can be checked before
//! weights are read), and a plan an [`Outcome`] (`samples.jsonl` and `results.json`, written as results come).

mod changes;
mod class_names;
mod classes;
mod config;
mod data;
mod draw;
mod error;
mod evaluation;
mod execute;
mod fit;
mod folder;
#[doc(hidden)]
pub mod fuzzing;
mod held_out;
mod hint;
mod journal;
pub mod memory;
mod model;
mod notes;
mod observer;
mod plan;
mod plugins;
mod preview;
mod record;
mod rehearsal;
mod render;
mod rows;
mod scoring;
mod selection;
mod text_bound;
mod tuner;
mod usable;
mod usage;

pub use class_names::OtherClasses;
pub use config::{HeldOut, MOST_STEPS, RunConfig, ScoreSteps, Seeds, Select, TaskConfig};
pub use data::{SplitExamples, read_split};
pub use error::{RunError, RunErrorKind};
pub use execute::{Outcome, execute};
pub use model::{describe_model, open_weights};
pub use observer::{Event, Observer};
pub use plan::{Plan, prepare};
pub use plugins::{Plugins, find_plugin, resolve as resolve_options};
pub use preview::{ChoicePreview, Preview, preview, task_sources};
pub use usable::Unusable;
pub use usage::PluginUsage;
