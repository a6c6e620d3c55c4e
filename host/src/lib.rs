//! The program `ft-host`: forward tuning ("Deep-Thinking", arXiv 2305.13016) over a language model that this host owns.
//!
//! The modules are layers; each uses only what stands below it, and `tests/layers.rs` checks that.
//!
//! - [`cli`]: the command line.
//! - [`ui`]: what is printed: progress, tables, hints.
//! - [`plugin_dev`]: new plugins: scaffolds, builds, checks.
//! - [`task_dev`]: definitions of tasks as text files: new ones of rows, imports.
//! - [`run`]: a configuration becomes a plan (all that can be checked before weights are read), a plan an outcome.
//! - [`context`]: saved contexts in their folders.
//! - [`diagnosis`]: whose fault an error is that ends a command, and what to do next.
//! - [`options`]: what a run can be told, each option once, as a flag and in a run file.
//!
//! Below them stand crates: `ft-record` (`results.json`, `samples.jsonl`, what follows from them), `ft-sandbox` (tasks and
//! meta-optimizers as WebAssembly components; the only place that knows wasmtime), `ft-store` (files, folders, the hub, the
//! environment) and `ft-engine` (the model, the tuning loop, the scorer, as a library for any program).

#![warn(missing_docs)]
#![forbid(unsafe_code)]
// Text reaches a terminal by `cli::terminal` alone, which takes pages; see `ui::screen`.
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]

pub mod cli;
pub mod context;
pub mod diagnosis;
pub mod options;
pub mod plugin_dev;
pub mod run;
pub mod serve;
pub mod task_dev;
pub mod ui;
