//! A task's rows: opened, made into examples by the plugin, and accounted for.

use std::path::Path;

use super::class_names::{Finding, NamedColumns, OtherClasses};
use super::classes;
use super::error::SplitError;
use crate::run::error::RunError;
use ft_engine::task::example::{Example, Source};
use ft_record::files::schema::{DataRecord, FileRecord};
use ft_sandbox::{ReadOutcome, Rejection, RowSource, RowSourceError, TaskPlugin};
use ft_store::datasets::location::{Access, DataLocation};
use ft_store::fs::digest::Hasher;
use ft_store::table::{RowError, RowPlace, TableFile, TableReader};

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
    /// Columns whose classes the files call otherwise than the task does.
    pub other_classes: Vec<OtherClasses>,
}

/// A split's rows as the plugin reads them, with what the host has to know afterwards of each.
struct SplitRows {
    table: TableReader,
    skip_bad_rows: bool,
    /// Where the rows that the plugin was given stand.
    places: Vec<RowPlace>,
    /// What the files call the classes of these rows.
    named: NamedColumns,
    /// Rows that were none, in words.
    unreadable: Vec<String>,
    /// An error that came behind rows of the same batch.
    pending: Option<RowError>,
}

impl SplitRows {
    fn new(table: TableReader, skip_bad_rows: bool) -> Self {
        let mut named = NamedColumns::default();
        // A plugin may read the file's bytes and ask for no row.
        named.note(&table, None);
        Self { table, skip_bad_rows, places: Vec::new(), named, unreadable: Vec::new(), pending: None }
    }

    fn read_rows(&mut self, max: usize) -> Result<Vec<String>, RowError> {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while rows.len() < max && bytes < BATCH_BYTES {
            if let Some(error) = self.pending.take() {
                return Err(error);
            }
            match self.table.next_row() {
                Ok(Some(row)) => {
                    self.named.note(&self.table, Some((self.places.len(), &row)));
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

impl RowSource for SplitRows {
    fn columns(&mut self) -> Result<Vec<String>, RowSourceError> {
        Ok(self.table.columns().to_vec())
    }

    fn next_rows(&mut self, max: usize) -> Result<Vec<String>, RowSourceError> {
        Ok(self.read_rows(max)?)
    }

    fn read(&mut self, max: usize) -> Result<Vec<u8>, RowSourceError> {
        Ok(self.table.read(max)?)
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
    let (ReadOutcome { examples, rejected, left_out: others }, rows) =
        task.read_back(source.split, SplitRows::new(table, skip_bad_rows))?;
    let SplitRows { table, places, named, unreadable, .. } = rows;
    let labels = task.labels()?;
    if let Some((row, classes)) = counts_from_one(&rejected, &labels, &examples) {
        let (place, column) = (place(row, &places, &file), row.column.clone());
        let of_definition = location.definition.is_some();
        return Err(SplitError::CountedFromOne { place, column, classes, of_definition }.into());
    }
    let names: Vec<String> = classes::of_split(&labels, &examples).into_iter().map(str::to_owned).collect();
    let without_example = rejected.iter().map(|row| row.row).chain(others.iter().copied());
    let findings = named.compare(&names, &examples, places.len(), without_example);
    let takes_none = examples.is_empty();
    let told = location.definition.as_deref();
    let rejected =
        rejected.into_iter().map(|rejection| reject(in_definition(rejection, told), &places, &file, takes_none));
    let (skipped, reasons) = left_out(unreadable, rejected, skip_bad_rows)?;
    if takes_none {
        let split = source.split;
        return Err(match reasons.into_iter().next() {
            Some(first) => SplitError::OnlyBadRows { file, split, skipped, first },
            None if !others.is_empty() => SplitError::NoneOfTheTask { file, split, left_out: others.len() },
            None => SplitError::NoRows { file, split },
        }
        .into());
    }
    let files = table.finish()?;
    let mut remarks: Vec<String> = files.iter().flat_map(|file| file.remarks.iter().cloned()).collect();
    remarks.extend(of_others(&file, others.len(), places.len()));
    let mut other_classes = Vec::new();
    for finding in findings {
        match finding {
            Finding::Other(other) => other_classes.push(other),
            Finding::Unlike(note) => remarks.push(note),
        }
    }
    let record = DataRecord { left_out: others.len(), ..record(source, &file, &files, (skipped, &examples)) };
    Ok(SplitExamples { examples, record, skipped: reasons, remarks, other_classes })
}

/// How many rows are left out, and what is wrong with the first few of them.
///
/// # Errors
/// The first row that the task rejects, where bad rows are not left out.
fn left_out(
    unreadable: Vec<String>,
    mut rejected: impl ExactSizeIterator<Item = SplitError>,
    skip_bad_rows: bool,
) -> Result<(usize, Vec<String>), SplitError> {
    if !skip_bad_rows && let Some(first) = rejected.next() {
        return Err(first);
    }
    let skipped = unreadable.len() + rejected.len();
    let reasons = unreadable.into_iter().chain(rejected.map(|error| error.to_string()));
    Ok((skipped, reasons.take(TOLD).collect()))
}

/// What is written down of a split that was read from these files.
fn record(source: &Source, file: &str, files: &[TableFile], (skipped, examples): (usize, &[Example])) -> DataRecord {
    DataRecord {
        split: source.split.to_string().into(),
        repository: source.repository.clone().into(),
        config: source.config.clone().map(Into::into),
        name: source.name.clone().into(),
        // Messages have a path in quotes.
        file: file.trim_matches('`').into(),
        rows: files.iter().map(|file| file.summary.rows).sum(),
        skipped,
        left_out: 0,
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
        examples_sha256: digest(examples).into(),
    }
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

/// The row that shows that the file counts classes from 1, with the number of its classes: its class is that number, by the
/// message of the plugins' kit, and no row has class 0. The others are one class off then, and must not be taken for what is
/// left of a data set with bad rows. Without labels, each row has a number of choices of its own.
fn counts_from_one<'a>(
    rejected: &'a [Rejection],
    labels: &[String],
    examples: &[Example],
) -> Option<(&'a Rejection, usize)> {
    if examples.is_empty() || examples.iter().any(|example| example.answer == 0) {
        return None;
    }
    let of_task = |classes: &usize| *classes > 1 && (labels.is_empty() || *classes == labels.len());
    rejected.iter().find_map(|row| Some((row, one_too_many(&row.message).filter(of_task)?)))
}

/// The number of classes that a message says a row may have, where it got that very number: `expected a class from 0 to 3,
/// got 4`.
fn one_too_many(message: &str) -> Option<usize> {
    // A definition says before it which of its keys it is, and what else the value may be.
    let (_, range) = message.rsplit_once("a class from 0 to ")?;
    let (last, got) = range.split_once(", got ")?;
    let classes = last.parse::<usize>().ok()?.checked_add(1)?;
    let got = got.trim_matches('"').trim();
    (got.strip_suffix(".0").unwrap_or(got) == classes.to_string()).then_some(classes)
}

/// That a task takes some of the rows alone, for the notes.
fn of_others(file: &str, left_out: usize, rows: usize) -> Option<String> {
    (left_out > 0).then(|| format!("{left_out} of {rows} rows of {file} are none of the task's and were left out"))
}

/// The rejection with the definition's file before the key that its message names.
fn in_definition(rejection: Rejection, definition: Option<&Path>) -> Rejection {
    match definition {
        Some(file) => Rejection { message: format!("`{}`: {}", file.display(), rejection.message), ..rejection },
        None => rejection,
    }
}

/// A row that the task does not take, by the place that it has in its file; `takes_none` says that it takes no row at
/// all.
fn reject(rejection: Rejection, places: &[RowPlace], file: &str, takes_none: bool) -> SplitError {
    let place = place(&rejection, places, file);
    let Rejection { column, message, .. } = rejection;
    SplitError::Rejected { place, column, message, takes_none }
}

fn place(rejection: &Rejection, places: &[RowPlace], file: &str) -> String {
    let place = usize::try_from(rejection.row).ok().and_then(|row| places.get(row));
    // A plugin that reads bytes counts rows as it likes.
    place.map_or_else(|| format!("{file}, row {}", rejection.row + 1), RowPlace::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_are_counted_from_one_show_by_the_last() {
        let labels = ["a", "b", "c"].map(str::to_owned);
        let example = |answer| Example {
            id: String::new(),
            query: String::new().into(),
            choices: labels.iter().map(|label| label.as_str().into()).collect(),
            answer,
            fields: Vec::new(),
        };
        let shows = |got: &str, answers: &[usize]| {
            let message = format!("expected a class from 0 to 2, got {got}");
            let row = Rejection { row: 0, column: Some("label".into()), message };
            let examples: Vec<Example> = answers.iter().map(|answer| example(*answer)).collect();
            counts_from_one(&[row], &labels, &examples).is_some()
        };
        for got in ["3", "\"3\"", "3.0", "\"3.0\""] {
            assert!(shows(got, &[1, 2]) && !shows(got, &[]) && !shows(got, &[1, 0]), "{got}");
        }
        for got in ["4", "-1", "\"\"", "1", "13"] {
            assert!(!shows(got, &[1, 2]), "{got}");
        }
    }

    #[test]
    fn answers_that_are_counted_from_one_show_by_a_rows_own_choices() {
        let example = |answer| Example {
            id: String::new(),
            query: String::new().into(),
            choices: ["a", "b", "c", "d"].map(Into::into).to_vec(),
            answer,
            fields: Vec::new(),
        };
        let row = |message: &str| Rejection { row: 0, column: None, message: message.to_owned() };
        let good = row("`row.answer` (line 9): expected a class from 0 to 3, got 2.5");
        let four = row("`row.answer` (line 9): expected one of \"a\", \"b\", or a class from 0 to 3, got \"4\"");
        let two = row("`row.answer` (line 9): expected a class from 0 to 1, got 2");
        let classes = |rows: &[Rejection], labels: &[&str], answers: &[usize]| {
            let labels: Vec<String> = labels.iter().map(ToString::to_string).collect();
            let examples: Vec<Example> = answers.iter().map(|answer| example(*answer)).collect();
            counts_from_one(rows, &labels, &examples).map(|(_, classes)| classes)
        };
        let rows = [good.clone(), four.clone(), two.clone()];
        assert_eq!(classes(&rows, &[], &[1, 3]), Some(4));
        assert_eq!(classes(&[good.clone(), two.clone()], &[], &[1, 3]), Some(2));
        assert_eq!(classes(&rows, &[], &[1, 0]), None);
        assert_eq!(classes(&[good], &[], &[1, 3]), None);
        // Labels say how many classes each row has.
        assert_eq!(classes(&[four, two], &["x", "y"], &[1]), Some(2));
    }
}
