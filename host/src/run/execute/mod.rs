//! Carrying out a plan: seed by seed, step by step.

mod baselines;
mod content_free;
pub mod error;
pub mod execution;
#[cfg(test)]
mod fake_model;
pub mod group;
mod iterate;
mod recorder;
pub mod saved_context;
pub mod saving;
mod scoring;
mod scoring_model;
mod seeds;
mod selection;
mod step_queries;
mod stop;
mod tuned_model;
pub mod tuning;
mod unconditional;
mod watched_step;
