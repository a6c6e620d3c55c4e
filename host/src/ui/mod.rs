//! What is printed: progress, tables, text from elsewhere made harmless.

pub mod models;
pub mod plugin;
pub mod progress;
pub mod prompt;
pub mod report;
pub mod screen;
pub mod style;
pub mod table;
pub mod text;
pub mod usage;
