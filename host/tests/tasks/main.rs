//! The ten tasks, through their components.

mod demonstrations;
mod malformed;
mod sample;
mod support;
