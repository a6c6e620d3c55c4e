//! What goes wrong in the tokenizer library, as an error of the model.

use crate::model::ModelError;
use crate::model::catch_panic::catch_panic;

pub(super) fn failed(error: impl std::fmt::Display) -> ModelError {
    ModelError::Tokenizer(error.to_string())
}

/// Runs a part of the tokenizer library, which panics over some malformed files, and over texts that some files' rules do
/// not cover, instead of returning an error.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, ModelError>) -> Result<T, ModelError> {
    catch_panic(work).unwrap_or_else(|message| Err(failed(format!("it gave up: {message}"))))
}
