//! Runs as they are shown: tables as texts in cells, numbers with as many digits as they can bear, and reports in several
//! formats.

pub mod contexts;
pub mod escape;
pub mod export;
pub mod facts;
pub mod format;
pub mod group;
pub mod overview;
pub mod table_model;
