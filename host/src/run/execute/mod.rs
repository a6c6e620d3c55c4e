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
pub mod saving;
mod scoring;
mod seeds;
mod selection;
mod stop;
mod tuned_model;
pub mod tuning;
mod unconditional;
mod watched_step;
