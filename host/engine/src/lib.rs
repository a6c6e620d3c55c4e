//! Forward tuning ("Deep-Thinking", arXiv 2305.13016) over a language model that this process owns.
//!
//! The modules are layers; each uses only what stands below it, and `tests/layers.rs` of the host checks that.
//!
//! - [`tune`]: the Deep-Thinking loop over a key/value cache; never sees text.
//! - [`score`]: log-likelihoods of continuations over a shared cache.
//! - [`model`]: one decoder for all families, weights, tokenizer.
//! - [`metrics`]: accuracies and intervals: pure numbers.
//! - [`task`]: examples, sampling, prompts: pure values.
//! - [`text`]: text of strangers, told apart by its type and made fit to be shown.
//!
//! Nothing here opens a file, asks a clock, reads the environment, uses the network or prints: bytes come in, values go
//! out. Clippy holds it to that; see `clippy.toml` beside the manifest.

#![warn(missing_docs)]
#![deny(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]
#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod metrics;
pub mod model;
pub mod score;
pub mod task;
pub mod text;
pub mod tune;
