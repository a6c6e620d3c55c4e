//! The ten tasks, through their components.

mod definitions;
mod demonstrations;
mod malformed;
mod sample;
mod support;
#[path = "../support_data/mod.rs"]
mod support_data;
