//! A task's rows: opened, made into examples by the plugin, and accounted for.

use std::sync::{Arc, Mutex, PoisonError};

use super::RunError;
use crate::plugin::{RowSource, RowSourceError, TaskPlugin};
use crate::report::schema::DataRecord;
use crate::store::data::DataLocation;
use crate::store::jsonl::JsonlTable;
use crate::task::example::{Example, Source};

/// The examples of one split.
pub struct SplitExamples {
    /// The examples, in the order of the rows.
    pub examples: Vec<Example>,
    /// Where they came from.
    pub record: DataRecord,
}

/// A table that the plugin reads while the host keeps it, to have its digest afterwards.
struct Shared(Arc<Mutex<Option<JsonlTable>>>);

impl Shared {
    fn with<T>(
        &self,
        use_table: impl FnOnce(&mut JsonlTable) -> Result<T, RowSourceError>,
    ) -> Result<T, RowSourceError> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match table.as_mut() {
            Some(table) => use_table(table),
            None => Err("the table is closed".into()),
        }
    }
}

impl RowSource for Shared {
    fn columns(&mut self) -> Result<Vec<String>, RowSourceError> {
        self.with(|table| Ok(table.columns().to_vec()))
    }

    fn next_rows(&mut self, max: usize) -> Result<Vec<String>, RowSourceError> {
        self.with(|table| Ok(table.next_rows(max)?))
    }

    fn read(&mut self, max: usize) -> Result<Vec<u8>, RowSourceError> {
        self.with(|table| Ok(table.read(max)?))
    }
}

/// Reads one split through the task plugin.
///
/// # Errors
/// Missing or malformed data, a row that the task rejects, a split without rows, or a failure of the plugin.
pub fn read_split(task: &mut TaskPlugin, location: &DataLocation, source: &Source) -> Result<SplitExamples, RunError> {
    let table = location.open(source)?;
    let file = table.name().to_owned();
    let shared = Arc::new(Mutex::new(Some(table)));
    let outcome = task.read_all(source.split, Box::new(Shared(shared.clone())))?;
    if let Some(first) = outcome.rejected.into_iter().next() {
        return Err(RunError::Rejected { file, row: first.row + 1, column: first.column, message: first.message });
    }
    if outcome.examples.is_empty() {
        return Err(RunError::NoRows { file, split: source.split });
    }
    let table = shared.lock().unwrap_or_else(PoisonError::into_inner).take();
    let summary = table.map(JsonlTable::finish).transpose()?;
    let record = DataRecord {
        split: source.split.to_string(),
        repository: source.repository.clone(),
        config: source.config.clone(),
        name: source.name.clone(),
        // Messages have a path in quotes.
        file: file.trim_matches('`').to_owned(),
        rows: summary.as_ref().map_or(0, |summary| summary.rows),
        sha256: summary.map(|summary| summary.sha256.as_str().to_owned()).unwrap_or_default(),
    };
    Ok(SplitExamples { examples: outcome.examples, record })
}
