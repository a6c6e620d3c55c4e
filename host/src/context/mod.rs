//! Saved contexts in their folders: written whole, opened and held to their records, compared.
//!
//! A folder has `context.json` ([`ContextRecord`]) and `context.safetensors` ([`SavedContext`]). What a context is saved for,
//! and whether it fits what is to be done with it, its users say.
//!
//! [`ContextRecord`]: ft_record::files::context::ContextRecord
//! [`SavedContext`]: ft_engine::model::saved_context::SavedContext

mod error;
mod folder;
#[cfg(test)]
pub(crate) mod testing;

pub use error::ContextError;
pub use folder::ContextFolder;
