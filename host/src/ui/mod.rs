//! What is printed: progress, tables, text from elsewhere made harmless.

pub mod context;
pub(crate) mod data;
pub(crate) mod models;
pub mod plugin;
pub(crate) mod predict;
pub(crate) mod progress;
pub(crate) mod prompt;
pub mod report;
pub(crate) mod run;
pub mod screen;
pub(crate) mod style;
pub(crate) mod table;
pub(crate) mod task;
pub(crate) mod text;
pub(crate) mod usage;
