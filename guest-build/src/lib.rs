//! How a guest's sources become a component: the one way that `cargo xtask plugins` and `ft-host plugin build` share.
//!
//! - [`Compiler`]: which compiler builds Rust guests; found, or got.
//! - [`Cargo`]: a call of cargo for guests, and the core modules that come of it.
//! - [`component`]: a core module becomes a component.
//! - [`python`]: a module in Python becomes a component.
//! - [`process`]: how other programs are called, so that none is taken from the current folder.
//! - [`BuildError`]: what went wrong, and what to do next.

mod cargo;
mod compiler;
pub mod component;
mod error;
pub mod process;
pub mod python;

pub use cargo::{Cargo, Module};
pub use compiler::Compiler;
pub use error::BuildError;
