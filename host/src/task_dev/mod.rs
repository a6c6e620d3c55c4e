//! For those who describe a task in a text file: a definition (TOML) that the component `template` interprets.
//!
//! - [`new`]: a file of rows becomes a definition: what `task new` does.

pub mod new;
