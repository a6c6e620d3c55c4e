//! A task's rows: opened, made into examples by the plugin, and accounted for.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::RunError;
use crate::plugin::{Rejection, RowSource, RowSourceError, TaskPlugin};
use crate::report::schema::{DataRecord, FileRecord};
use crate::store::data::{Access, DataLocation};
use crate::store::digest::Hasher;
use crate::store::table::{RowError, RowPlace, Table};
use crate::task::example::{Example, Source};

/// Bad rows that are told one by one; the rest is counted.
const TOLD: usize = 5;

/// Bytes of rows after which a batch is handed over though more were asked for: a data set of long documents stays within
/// what one call may move.
const BATCH_BYTES: usize = 8 << 20;

/// The examples of one split.
pub struct SplitExamples {
    /// The examples, in the order of the rows.
    pub examples: Vec<Example>,
    /// Where they came from.
    pub record: DataRecord,
    /// What is wrong with rows that were skipped, the first few of them.
    pub skipped: Vec<String>,
    /// What a reader of the results should know of how the files were read.
    pub remarks: Vec<String>,
}

/// A table that the plugin reads while the host keeps it, to know afterwards which row was which.
struct Reading {
    table: Table,
    skip_bad_rows: bool,
    /// Where the rows that the plugin was given stand.
    places: Vec<RowPlace>,
    /// Rows that were none, in words.
    unreadable: Vec<String>,
    /// An error that came behind rows of the same batch.
    pending: Option<RowError>,
}

impl Reading {
    fn next_rows(&mut self, max: usize) -> Result<Vec<String>, RowError> {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while rows.len() < max && bytes < BATCH_BYTES {
            if let Some(error) = self.pending.take() {
                return Err(error);
            }
            match self.table.next_row() {
                Ok(Some(row)) => {
                    self.places.push(self.table.place());
                    bytes += row.len();
                    rows.push(row);
                }
                Ok(None) => break,
                Err(error) if self.skip_bad_rows && error.can_be_skipped() => self.unreadable.push(error.to_string()),
                Err(error) if rows.is_empty() => return Err(error),
                // The rows before it come first: the plugin may have something to say about one of them.
                Err(error) => {
                    self.pending = Some(error);
                    break;
                }
            }
        }
        Ok(rows)
    }
}

struct Shared(Arc<Mutex<Option<Reading>>>);

fn lock(shared: &Mutex<Option<Reading>>) -> MutexGuard<'_, Option<Reading>> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn with<T>(&self, read: impl FnOnce(&mut Reading) -> Result<T, RowError>) -> Result<T, RowSourceError> {
        match lock(&self.0).as_mut() {
            Some(reading) => Ok(read(reading)?),
            None => Err("the table is closed".into()),
        }
    }
}

impl RowSource for Shared {
    fn columns(&mut self) -> Result<Vec<String>, RowSourceError> {
        self.with(|reading| Ok(reading.table.columns().to_vec()))
    }

    fn next_rows(&mut self, max: usize) -> Result<Vec<String>, RowSourceError> {
        self.with(|reading| reading.next_rows(max))
    }

    fn read(&mut self, max: usize) -> Result<Vec<u8>, RowSourceError> {
        self.with(|reading| reading.table.read(max))
    }
}

/// Reads one split through the task plugin. With `skip_bad_rows`, rows that cannot be read or that the task rejects are left
/// out and counted.
///
/// # Errors
/// Missing or malformed data, a row that the task rejects, a split without rows, or a failure of the plugin.
pub fn read_split(
    task: &mut TaskPlugin,
    location: &DataLocation,
    source: &Source,
    skip_bad_rows: bool,
    access: Access<'_>,
) -> Result<SplitExamples, RunError> {
    let table = location.open(source, access)?;
    let file = table.name().to_owned();
    let reading = Reading { table, skip_bad_rows, places: Vec::new(), unreadable: Vec::new(), pending: None };
    let shared = Arc::new(Mutex::new(Some(reading)));
    let outcome = task.read_all(source.split, Box::new(Shared(shared.clone())))?;
    let Some(Reading { table, places, unreadable, .. }) = lock(&shared).take() else {
        return Err(RunError::NoRows { file, split: source.split });
    };
    let mut rejected = outcome.rejected.into_iter();
    if !skip_bad_rows && let Some(first) = rejected.next() {
        return Err(reject(first, &places, &file));
    }
    let skipped = unreadable.len() + rejected.len();
    let reasons = unreadable.into_iter().chain(rejected.map(|rejection| reject(rejection, &places, &file).to_string()));
    let reasons: Vec<String> = reasons.take(TOLD).collect();
    if outcome.examples.is_empty() {
        let split = source.split;
        return Err(match reasons.into_iter().next() {
            Some(first) => RunError::OnlyBadRows { file, split, skipped, first },
            None => RunError::NoRows { file, split },
        });
    }
    let files = table.finish()?;
    let remarks = files.iter().flat_map(|file| file.remarks.iter().cloned()).collect();
    let record = DataRecord {
        split: source.split.to_string().into(),
        repository: source.repository.clone().into(),
        config: source.config.clone().map(Into::into),
        name: source.name.clone().into(),
        // Messages have a path in quotes.
        file: file.trim_matches('`').into(),
        rows: files.iter().map(|file| file.summary.rows).sum(),
        skipped,
        quoting: files.iter().find_map(|file| file.quoting).map(|quoting| quoting.to_string().into()),
        sha256: files.first().map(|file| file.summary.sha256.as_str().into()).unwrap_or_default(),
        further_files: files
            .iter()
            .skip(1)
            .map(|file| FileRecord {
                name: file.name.clone().into(),
                bytes: file.summary.bytes,
                sha256: file.summary.sha256.as_str().into(),
            })
            .collect(),
        examples_sha256: digest(&outcome.examples).into(),
    };
    Ok(SplitExamples { examples: outcome.examples, record, skipped: reasons, remarks })
}

/// The digest of all texts and answers, each text with its length before it.
fn digest(examples: &[Example]) -> String {
    let mut hasher = Hasher::default();
    let mut text = |text: &str| {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text.as_bytes());
    };
    for Example { id, query, choices, answer, fields } in examples {
        [id, query.raw(), &answer.to_string(), &choices.len().to_string()].into_iter().for_each(|part| text(part));
        choices.iter().for_each(|choice| text(choice.raw()));
        fields.iter().for_each(|(name, value)| [name, value].into_iter().for_each(|part| text(part.raw())));
    }
    hasher.finish().as_str().to_owned()
}

/// A row that the task does not take, by the place that it has in its file.
fn reject(rejection: Rejection, places: &[RowPlace], file: &str) -> RunError {
    let Rejection { row, column, message } = rejection;
    let place = usize::try_from(row).ok().and_then(|row| places.get(row));
    // A plugin that reads bytes counts rows as it likes.
    let place = place.map_or_else(|| format!("{file}, row {}", row + 1), RowPlace::to_string);
    RunError::Rejected { place, column, message }
}
