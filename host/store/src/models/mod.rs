//! What `--model` means, and which files make a model. Looks at the disk, never at the network.

pub mod catalogue;
pub(crate) mod error;
pub mod files;
pub(crate) mod folder;
pub(crate) mod gguf;
mod gguf_parts;
pub mod names;
pub mod source;
pub mod weight_files;
