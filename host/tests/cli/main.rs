//! The real executable, in folders of its own: stdout, stderr, status and files together.

mod author;
mod data;
mod good;
mod hostile;
mod input;
mod limits;
mod memory;
mod models;
mod plugin;
mod process;
mod report;
mod resume;
mod settings;
mod support;
