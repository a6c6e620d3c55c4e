//! One leaf of a file: its values and their levels, some rows at a time.

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::schema::types::ColumnDescPtr;
use serde_json::Value;

use super::value::{self, Meaning};

/// A leaf of one row group.
pub(crate) struct Column {
    /// The column's path in the schema, as messages have it.
    pub name: String,
    values: Box<dyn Values>,
    most: i16,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    /// How many levels are there; only leaves that may be missing or repeat have them written down.
    levels: usize,
    level: usize,
    value: usize,
}

/// What a leaf has for a row.
pub(crate) enum Cell {
    /// A value as JSON, or null.
    Json(Value),
    /// A text with broken UTF-8.
    NotUtf8,
}

impl Column {
    /// A leaf, positioned before the first row of its group.
    pub(crate) fn new(descriptor: ColumnDescPtr, reader: ColumnReader) -> Column {
        let (name, most) = (descriptor.path().parts().join("."), descriptor.max_def_level());
        let meaning = Meaning::of(&descriptor);
        let bytes = move |bytes: &[u8]| match (meaning, std::str::from_utf8(bytes)) {
            (Meaning::Text, Ok(text)) => Cell::Json(text.into()),
            (Meaning::Text, Err(_)) => Cell::NotUtf8,
            _ => Cell::Json(value::bytes(meaning, bytes)),
        };
        let values: Box<dyn Values> = match reader {
            ColumnReader::BoolColumnReader(reader) => typed(reader, |value| Cell::Json((*value).into())),
            ColumnReader::Int32ColumnReader(reader) => {
                typed(reader, move |value| Cell::Json(value::whole(meaning, (*value).into())))
            }
            ColumnReader::Int64ColumnReader(reader) => {
                typed(reader, move |value| Cell::Json(value::whole(meaning, *value)))
            }
            ColumnReader::Int96ColumnReader(reader) => typed(reader, |value| Cell::Json(value::int96(value))),
            ColumnReader::FloatColumnReader(reader) => {
                typed(reader, |value| Cell::Json(value::number(f64::from(*value))))
            }
            ColumnReader::DoubleColumnReader(reader) => typed(reader, |value| Cell::Json(value::number(*value))),
            ColumnReader::ByteArrayColumnReader(reader) => typed(reader, move |value| bytes(value.data())),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => typed(reader, move |value| bytes(value.data())),
        };
        let (definitions, repetitions) = (Vec::new(), Vec::new());
        Column { name, values, most, definitions, repetitions, levels: 0, level: 0, value: 0 }
    }

    /// Reads the next `rows` rows; those before have to be taken.
    ///
    /// # Errors
    /// If the decoder fails or there are fewer rows; the text says which.
    pub(crate) fn fill(&mut self, rows: usize) -> Result<(), String> {
        self.definitions.clear();
        self.repetitions.clear();
        self.values.clear();
        (self.level, self.value) = (0, 0);
        let (mut read, mut values) = (0, 0);
        while read < rows {
            let wanted = rows - read;
            let (records, more) = self.values.read(wanted, &mut self.definitions, &mut self.repetitions)?;
            if records == 0 {
                return Err(format!("column `{}` ends {wanted} rows before the others", self.name));
            }
            (read, values) = (read + records, values + more);
        }
        self.levels = if self.most == 0 { values } else { self.definitions.len() };
        Ok(())
    }

    /// How much of the path of the value at hand is there; `None` behind the last value that was read.
    pub(crate) fn definition(&self) -> Option<i16> {
        (self.level < self.levels).then(|| self.definitions.get(self.level).copied().unwrap_or(self.most))
    }

    /// Which list the value at hand goes on with: 0 if it begins a row, and behind the last.
    pub(crate) fn repetition(&self) -> i16 {
        self.repetitions.get(self.level).copied().unwrap_or(0)
    }

    /// Goes on to the next value or missing value.
    pub(crate) fn skip(&mut self) {
        self.value += usize::from(self.definition() == Some(self.most));
        self.level += 1;
    }

    /// The value at hand, null for one that is missing; goes on to the next. `None` behind the last.
    pub(crate) fn take(&mut self) -> Option<Cell> {
        let there = self.definition()? == self.most;
        let cell = if there { self.values.get(self.value)? } else { Cell::Json(Value::Null) };
        self.skip();
        Some(cell)
    }
}

/// The values of a leaf, whatever their type.
trait Values: Send {
    fn clear(&mut self);

    /// Reads up to `rows` rows more; gives how many rows and values came.
    fn read(
        &mut self,
        rows: usize,
        definitions: &mut Vec<i16>,
        repetitions: &mut Vec<i16>,
    ) -> Result<(usize, usize), String>;

    fn get(&self, index: usize) -> Option<Cell>;
}

struct Typed<T: DataType, F> {
    reader: ColumnReaderImpl<T>,
    values: Vec<T::T>,
    cell: F,
}

fn typed<T: DataType, F>(reader: ColumnReaderImpl<T>, cell: F) -> Box<dyn Values>
where
    F: Fn(&T::T) -> Cell + Send + 'static,
{
    Box::new(Typed { reader, values: Vec::new(), cell })
}

impl<T: DataType, F: Fn(&T::T) -> Cell + Send> Values for Typed<T, F> {
    fn clear(&mut self) {
        self.values.clear();
    }

    fn read(
        &mut self,
        rows: usize,
        definitions: &mut Vec<i16>,
        repetitions: &mut Vec<i16>,
    ) -> Result<(usize, usize), String> {
        let read = self.reader.read_records(rows, Some(definitions), Some(repetitions), &mut self.values);
        read.map(|(records, values, _)| (records, values)).map_err(|error| error.to_string())
    }

    fn get(&self, index: usize) -> Option<Cell> {
        self.values.get(index).map(|value| (self.cell)(value))
    }
}
