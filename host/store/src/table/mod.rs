//! Rows of data sets, whatever their file's format, one JSON object each.

mod array;
mod csv;
mod error;
mod files;
mod format;
mod json;
mod jsonl;
mod kind;
mod object;
mod packing;
mod parquet;
mod quoting;
mod rows;
mod scanner;
pub(crate) mod shards;
mod text;

pub use error::{OneObject, RowError, RowProblem, Unit};
pub use files::{RowPlace, TableFile, TableReader};
pub use format::Format;
pub use kind::{FileKind, kind_of_file};
pub use quoting::Quoting;
pub use rows::{ClassColumn, TableSummary};
