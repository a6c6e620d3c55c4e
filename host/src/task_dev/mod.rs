//! For those who describe a task in a text file: a definition (TOML) that the component `template` interprets.
//!
//! - [`new`]: a file of rows becomes a definition: what `task new` does.
//! - [`import`]: task files of lm-evaluation-harness become definitions: what `task import` does.

pub mod import;
pub mod new;
mod text;
