//! Files, folders, the hub, the environment: the only place in the host that reads or writes them.
//!
//! What comes in is checked here (sizes, digests, the form of rows), so that the crates above work on whole data;
//! what goes out is written so that a crash or a full disk never leaves half a file under a final name.
//!
//! - [`machine`]: the environment, every variable read once, and what this machine has to give.
//! - [`fs`]: files: read within bounds, written whole, locked, mapped, digested; this host's own cache folder.
//! - [`models`]: what `--model` means, and which files make a model.
//! - [`hub`]: models and data sets of the Hugging Face Hub, and their way to this machine's disk.
//! - [`table`]: rows of JSON lines, CSV, Parquet, ...
//! - [`datasets`]: where a data set's rows come from.
//! - [`plugin_path`]: where plugins are looked for. [`hub_id`]: how a repository is named. [`progress`]: who is told.
//!
//! Nothing here knows what a tensor, a prompt or a plugin is, and nothing prints.

#![warn(missing_docs)]
#![deny(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]

pub mod datasets;
pub mod fs;
pub mod hub;
pub mod hub_id;
pub mod machine;
pub mod models;
pub mod plugin_path;
pub mod progress;
pub mod table;
