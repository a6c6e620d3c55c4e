//! Parquet files, a row at a time, as JSON objects.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::reader::RowIter;
use parquet::record::{Field, Row};
use serde_json::{Number, Value};

use super::csv::read_raw;
use super::error::{RowError, RowProblem, Unit};
use super::json::object;
use super::quiet::without_panic_message;
use super::{Rows, TableSummary};
use crate::store::digest::digest_file;
use crate::store::file::FileError;

/// A Parquet file, positioned before the next row. Row groups are decoded page by page as their rows are asked for.
pub struct ParquetTable {
    path: PathBuf,
    /// `None` after an error: nothing behind it can be trusted.
    rows: Option<RowIter<'static>>,
    columns: Vec<String>,
    /// Rows of the whole file, as its footer has it.
    total: u64,
    number: u64,
    /// The same file for [`Rows::read`].
    raw: Option<File>,
}

impl ParquetTable {
    /// Opens a file and reads its footer.
    pub fn open(path: &Path) -> Result<ParquetTable, RowError> {
        let file = File::open(path).map_err(|source| FileError::io("open", path, source))?;
        let mut table =
            ParquetTable { path: path.to_owned(), rows: None, columns: Vec::new(), total: 0, number: 0, raw: None };
        let opened = guarded(|| {
            let reader = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
            let metadata = reader.metadata().file_metadata();
            let columns = metadata.schema().get_fields().iter().map(|field| field.name().to_owned()).collect();
            let total = u64::try_from(metadata.num_rows()).map_err(|_| "a negative number of rows".to_owned())?;
            Ok((columns, total, RowIter::from_file_into(Box::new(reader))))
        });
        let (columns, total, rows) = opened.map_err(|reason| table.malformed(reason))?;
        (table.columns, table.total, table.rows) = (columns, total, Some(rows));
        Ok(table)
    }

    fn malformed(&self, reason: String) -> RowError {
        let name = format!("`{}`", self.path.display());
        RowError::Malformed { name, unit: Unit::Row, number: self.number + 1, problem: RowProblem::Parquet { reason } }
    }
}

impl Rows for ParquetTable {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn next_row(&mut self) -> Result<Option<String>, RowError> {
        let Some(mut rows) = self.rows.take() else { return Ok(None) };
        let next = guarded(move || match rows.next() {
            Some(row) => Ok(Some((json(&row.map_err(|error| error.to_string())?), rows))),
            None => Ok(None),
        });
        match next.map_err(|reason| self.malformed(reason))? {
            Some((row, rows)) => {
                self.number += 1;
                self.rows = Some(rows);
                Ok(Some(row))
            }
            None if self.number == self.total => Ok(None),
            None => Err(self.malformed(format!("its footer promises {} rows", self.total))),
        }
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn unit(&self) -> Unit {
        Unit::Row
    }

    fn read(&mut self, max: usize) -> Result<Vec<u8>, RowError> {
        read_raw(&mut self.raw, &self.path, max)
    }

    fn finish(self: Box<Self>) -> Result<TableSummary, RowError> {
        let mut bytes = 0;
        let sha256 = digest_file(&self.path, |count| bytes += count)?;
        Ok(TableSummary { rows: self.total, bytes, sha256 })
    }
}

/// Runs a part of the decoder, which panics over some damaged files instead of returning an error. What it worked on is
/// dropped then.
fn guarded<T>(decode: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    let decoded = without_panic_message(|| catch_unwind(AssertUnwindSafe(decode)));
    decoded.unwrap_or_else(|_| Err("the decoder gave up over what it found".into()))
}

fn json(row: &Row) -> String {
    object(row.get_column_iter().map(|(name, field)| (name.as_str(), value(field))))
}

/// A field as JSON: what has no form there (bytes that are no text, NaN) is null, times are texts.
fn value(field: &Field) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => (*value).into(),
        Field::Byte(value) => (*value).into(),
        Field::Short(value) => (*value).into(),
        Field::Int(value) => (*value).into(),
        Field::Long(value) => (*value).into(),
        Field::UByte(value) => (*value).into(),
        Field::UShort(value) => (*value).into(),
        Field::UInt(value) => (*value).into(),
        Field::ULong(value) => (*value).into(),
        Field::Float16(value) => number(f64::from(*value)),
        Field::Float(value) => number(f64::from(*value)),
        Field::Double(value) => number(*value),
        Field::Str(text) => text.as_str().into(),
        // Older writers do not say that their bytes are texts.
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).map_or(Value::Null, Value::from),
        Field::Group(row) => row.get_column_iter().map(|(name, field)| (name.clone(), value(field))).collect(),
        Field::ListInternal(list) => list.elements().iter().map(value).collect(),
        Field::MapInternal(map) => map.entries().iter().map(|(key, field)| (text(key), value(field))).collect(),
        Field::Decimal(_)
        | Field::Date(_)
        | Field::TimeMillis(_)
        | Field::TimeMicros(_)
        | Field::TimestampMillis(_)
        | Field::TimestampMicros(_) => field.to_string().into(),
    }
}

fn number(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

fn text(field: &Field) -> String {
    match value(field) {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
