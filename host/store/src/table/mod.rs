//! Rows of data sets, whatever their file's format, one JSON object each.

mod ahead;
mod array;
mod csv;
mod error;
mod feed;
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
#[cfg(test)]
mod slow;
mod stream;
mod text;

pub use error::{OneObject, RowError, RowProblem, Unit};
pub use feed::{FedRow, RowFeed};
pub use files::{RowPlace, TableFile, TableReader};
pub use format::Format;
pub use kind::{FileKind, kind_of_file};
pub use quoting::Quoting;
pub use rows::{ClassColumn, TableSummary};
