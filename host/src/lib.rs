//! Forward tuning ("Deep-Thinking", arXiv 2305.13016) over a language model that this host owns.
//!
//! The modules are layers; each uses only what stands below it, and `tests/layers.rs` checks that.
//!
//! - [`cli`]: the command line; the only place that knows clap and anyhow.
//! - [`ui`]: what is printed: progress, tables, hints.
//! - [`author`]: new plugins: scaffolds, builds, checks.
//! - [`run`]: a configuration becomes a plan (all that can be checked before weights are read), a plan an outcome.
//! - [`report`]: `results.json`, `samples.jsonl`.
//! - [`plugin`]: tasks and meta-optimizers as sandboxed WebAssembly components; the only place that knows wasmtime.
//! - [`store`]: files, folders, the hub, the environment; the only place that reads or writes them.
//! - [`tune`]: the Deep-Thinking loop over a key/value cache; never sees text.
//! - [`score`]: log-likelihoods of continuations over a shared cache.
//! - [`model`]: one decoder for all families, weights, tokenizer.
//! - [`metrics`]: accuracies and intervals: pure numbers.
//! - [`task`]: examples, sampling, prompts: pure values.
//! - [`text`]: text of strangers, told apart by its type and made fit to be shown.

#![warn(missing_docs)]
#![deny(unsafe_code)]
// Text reaches a terminal by `cli::terminal` alone, which takes pages; see `ui::screen`.
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]

pub mod author;
pub mod cli;
pub mod metrics;
pub mod model;
pub mod plugin;
pub mod report;
pub mod run;
pub mod score;
pub mod store;
pub mod task;
pub mod text;
pub mod tune;
pub mod ui;
