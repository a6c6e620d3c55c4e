//! The machine and its user: environment variables, and how much memory there is.

pub mod environment;
mod expand;
pub mod memory;
