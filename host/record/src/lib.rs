//! What a run leaves behind, as values and text: sample records, what is computed from them, and how that is shown.
//! Opens nothing: texts come in and go out, readers and writers are handed in.

#![warn(missing_docs)]
#![forbid(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]
#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

pub mod analysis;
pub mod compare;
pub mod differences;
pub mod escape;
pub mod export;
pub mod format;
pub mod lines;
pub mod overview;
pub mod results;
pub mod run_report;
pub mod samples;
pub mod schema;
pub mod scores;
pub mod table_model;
pub mod trace;
