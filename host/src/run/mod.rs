//! From what a user wants to what came of it: a [`RunConfig`] becomes a [`Plan`] (everything that can be checked before
//! weights are read), and a plan an [`Outcome`] (`samples.jsonl` and `results.json`, written as results come).

mod config;
mod data;
mod error;
mod execute;
mod folder;
pub mod memory;
mod model;
mod observer;
mod plan;
mod record;

pub use config::{RunConfig, ScoreSteps};
pub use error::{RunError, RunErrorKind};
pub use execute::{Outcome, execute};
pub use model::{describe_model, open_weights};
pub use observer::{Event, Observer};
pub use plan::{Plan, prepare};
