//! The real executable, in folders of its own: stdout, stderr, status and files together.

#[path = "../support_hub/mod.rs"]
// Its faults and counts are for the tests of the store.
#[allow(dead_code)]
mod support_hub;

#[path = "../support_data/mod.rs"]
mod support_data;

mod author;
mod backtrace;
mod cache;
mod context_diff;
mod data;
mod definition;
mod description;
mod folders;
mod good;
mod groups;
mod hostile;
mod hostile_contexts;
mod hostile_files;
mod input;
mod limits;
mod memory;
mod models;
mod mutual_information;
mod plugin;
mod predict;
mod process;
mod report;
mod resume;
mod rows;
mod scored_contexts;
mod settings;
mod shell;
mod support;
mod task_import;
mod task_new;
mod terminal;
mod terminal_text;
mod your_task;
