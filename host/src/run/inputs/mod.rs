//! What a run is made of, each read by itself: its configuration, plugins, rows, and the model without its weights.

pub mod class_names;
pub mod classes;
pub mod config;
mod context_options;
pub mod data;
mod default_optimizer;
pub mod definition;
pub mod error;
pub mod group;
pub mod model;
pub mod plugins;
pub mod rows;
pub mod scored_split;
pub mod tuned_with;
