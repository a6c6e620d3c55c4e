//! What a run leaves behind, as values and text. Opens nothing: texts come in and go out, readers and writers are handed in.
//!
//! - [`files`]: the records of `samples.jsonl`, `trace.jsonl`, `results.json` and `group.json`, as they are written and read.
//! - [`analysis`]: the numbers that follow from them, of one run, of two and of a group.
//! - [`present`]: tables, reports and exports.
//!
//! Each uses only those above it.

#![warn(missing_docs)]
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]
#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod analysis;
pub mod files;
pub mod present;
