//! What benches are made of.
//!
//! - [`rounds`]: cases that are timed in turns.
//! - [`figures`]: what is made of times, as a table and as JSON.
//! - [`machine`]: what it ran on.
//! - [`model`]: a model of a real one's shape that needs nothing from outside.
//! - [`queries`]: queries of a task's shape.

pub mod figures;
pub mod machine;
pub mod model;
pub mod queries;
pub mod rounds;

/// What a measurement gives, or why it could not be made.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;
