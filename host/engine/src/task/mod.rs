//! Examples, sampling and prompts: pure values, no file, clock or randomness of its own.

pub mod example;
pub mod overlap;
pub mod prompt;
pub(crate) mod python_random;
pub mod sampling;
