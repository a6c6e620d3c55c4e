//! One leaf of a file: its values and their levels, some rows at a time.

use parquet::basic::{ConvertedType, LogicalType};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::record::Field;
use parquet::schema::types::ColumnDescPtr;
use serde_json::{Number, Value};

/// A leaf of one row group.
pub struct Column {
    /// Its path in the schema, as messages have it.
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

/// What a leaf gives.
pub enum Cell {
    /// A value, or null.
    Json(Value),
    /// A text with broken UTF-8.
    NotUtf8,
}

impl Column {
    /// A leaf, positioned before the first row of its group.
    pub fn new(descriptor: ColumnDescPtr, reader: ColumnReader) -> Column {
        let (name, most) = (descriptor.path().parts().join("."), descriptor.max_def_level());
        let is_text = is_text(&descriptor);
        let bytes = move |descriptor: &ColumnDescPtr, bytes: &ByteArray| match std::str::from_utf8(bytes.data()) {
            Ok(text) if is_text => Cell::Json(text.into()),
            Err(_) if is_text => Cell::NotUtf8,
            _ => Cell::Json(
                Field::convert_byte_array(descriptor, bytes.clone()).map_or(Value::Null, |field| json(&field)),
            ),
        };
        let values: Box<dyn Values> = match reader {
            ColumnReader::BoolColumnReader(reader) => typed(descriptor, reader, |_, value| Cell::Json((*value).into())),
            ColumnReader::Int32ColumnReader(reader) => typed(descriptor, reader, |descriptor, value| {
                Cell::Json(json(&Field::convert_int32(descriptor, *value)))
            }),
            ColumnReader::Int64ColumnReader(reader) => typed(descriptor, reader, |descriptor, value| {
                Cell::Json(json(&Field::convert_int64(descriptor, *value)))
            }),
            ColumnReader::Int96ColumnReader(reader) => typed(descriptor, reader, |descriptor, value| {
                Cell::Json(json(&Field::convert_int96(descriptor, *value)))
            }),
            ColumnReader::FloatColumnReader(reader) => {
                typed(descriptor, reader, |_, value| Cell::Json(number(f64::from(*value))))
            }
            ColumnReader::DoubleColumnReader(reader) => {
                typed(descriptor, reader, |_, value| Cell::Json(number(*value)))
            }
            ColumnReader::ByteArrayColumnReader(reader) => typed(descriptor, reader, bytes),
            ColumnReader::FixedLenByteArrayColumnReader(reader) => {
                typed(descriptor, reader, move |descriptor, value| bytes(descriptor, &value.clone().into()))
            }
        };
        let (definitions, repetitions) = (Vec::new(), Vec::new());
        Column { name, values, most, definitions, repetitions, levels: 0, level: 0, value: 0 }
    }

    /// Reads the next `rows` rows; those before have to be taken.
    ///
    /// # Errors
    /// What the decoder does not like, or that there are fewer rows.
    pub fn fill(&mut self, rows: usize) -> Result<(), String> {
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
    pub fn definition(&self) -> Option<i16> {
        (self.level < self.levels).then(|| self.definitions.get(self.level).copied().unwrap_or(self.most))
    }

    /// Which list the value at hand goes on with: 0 if it begins a row, and behind the last.
    pub fn repetition(&self) -> i16 {
        self.repetitions.get(self.level).copied().unwrap_or(0)
    }

    /// Goes on to the next value or missing value.
    pub fn skip(&mut self) {
        self.value += usize::from(self.definition() == Some(self.most));
        self.level += 1;
    }

    /// The value at hand, null for one that is missing; goes on to the next. `None` behind the last.
    pub fn take(&mut self) -> Option<Cell> {
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
    descriptor: ColumnDescPtr,
    reader: ColumnReaderImpl<T>,
    values: Vec<T::T>,
    cell: F,
}

fn typed<T: DataType, F>(descriptor: ColumnDescPtr, reader: ColumnReaderImpl<T>, cell: F) -> Box<dyn Values>
where
    F: Fn(&ColumnDescPtr, &T::T) -> Cell + Send + 'static,
{
    Box::new(Typed { descriptor, reader, values: Vec::new(), cell })
}

impl<T: DataType, F: Fn(&ColumnDescPtr, &T::T) -> Cell + Send> Values for Typed<T, F> {
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
        self.values.get(index).map(|value| (self.cell)(&self.descriptor, value))
    }
}

fn is_text(descriptor: &ColumnDescPtr) -> bool {
    matches!(descriptor.converted_type(), ConvertedType::UTF8 | ConvertedType::ENUM | ConvertedType::JSON)
        || matches!(descriptor.logical_type_ref(), Some(LogicalType::String | LogicalType::Enum | LogicalType::Json))
}

/// A value as JSON: what has no form there (bytes that are no text, NaN) is null, times and decimals are texts.
fn json(field: &Field) -> Value {
    match field {
        Field::Byte(value) => (*value).into(),
        Field::Short(value) => (*value).into(),
        Field::Int(value) => (*value).into(),
        Field::Long(value) => (*value).into(),
        Field::UByte(value) => (*value).into(),
        Field::UShort(value) => (*value).into(),
        Field::UInt(value) => (*value).into(),
        Field::ULong(value) => (*value).into(),
        Field::Float16(value) => number(f64::from(*value)),
        // Older writers do not say that their bytes are texts.
        Field::Bytes(bytes) => std::str::from_utf8(bytes.data()).map_or(Value::Null, Value::from),
        Field::Decimal(_)
        | Field::Date(_)
        | Field::TimeMillis(_)
        | Field::TimeMicros(_)
        | Field::TimestampMillis(_)
        | Field::TimestampMicros(_) => field.to_string().into(),
        _ => Value::Null,
    }
}

fn number(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}
