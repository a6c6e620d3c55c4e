//! Parquet files, a row at a time, as JSON objects.

mod calendar;
mod classes;
mod column;
mod decimal;
mod footer;
mod row;
mod shape;
mod value;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use parquet::basic::Compression;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;

use self::column::Column;
use self::shape::Shape;
use super::error::{RowError, RowProblem, UNREAD_CODEC, Unit};
use super::kind::{FileKind, HEAD};
use super::rows::{ClassColumn, RowReader, TableSummary};
use crate::fs::digest::digest_file;
use crate::fs::error::FileError;
use crate::fs::file::open_regular;
use crate::fs::lfs::lfs_pointer;
use ft_engine::model::catch_panic::catch_panic;

/// Rows that are decoded together.
const BATCH: usize = 64;
/// The most that is taken of one row as JSON: 16 MiB, as of a line of JSON.
const ROW_LIMIT: usize = 16 << 20;

/// A Parquet file, positioned before the next row.
pub(crate) struct ParquetTable {
    path: PathBuf,
    /// `None` after damage: nothing behind it can be trusted.
    decoder: Option<Decoder>,
    columns: Vec<String>,
    classes: Vec<ClassColumn>,
    /// Rows of the whole file, as its footer has it.
    total: u64,
    number: u64,
    /// The file opened once more, for [`RowReader::read`].
    raw: Option<File>,
}

/// Reads row groups one after the other, page by page as their rows are asked for.
struct Decoder {
    file: SerializedFileReader<File>,
    shapes: Vec<Shape>,
    /// The leaves of the group at hand.
    columns: Vec<Column>,
    next_group: usize,
    /// Rows of the group at hand that are not decoded yet.
    undecoded: usize,
    /// Rows that are decoded and not taken yet.
    decoded: usize,
}

impl Decoder {
    /// The next row; `None` at the end.
    fn next(&mut self) -> Result<Option<String>, RowProblem> {
        if self.decoded == 0 && !self.decode().map_err(|reason| RowProblem::Parquet { reason })? {
            return Ok(None);
        }
        self.decoded -= 1;
        row::take_row(&self.shapes, &mut self.columns, ROW_LIMIT).map(Some)
    }

    /// Decodes further rows; `false` at the end.
    fn decode(&mut self) -> Result<bool, String> {
        while self.undecoded == 0 {
            if self.next_group == self.file.num_row_groups() {
                return Ok(false);
            }
            self.open_group().map_err(|error| error.to_string())?;
        }
        let rows = self.undecoded.min(BATCH);
        self.columns.iter_mut().try_for_each(|column| column.fill(rows))?;
        (self.decoded, self.undecoded) = (rows, self.undecoded - rows);
        Ok(true)
    }

    fn open_group(&mut self) -> parquet::errors::Result<()> {
        let group = self.file.get_row_group(self.next_group)?;
        let column = |index: usize| {
            Ok(Column::new(group.metadata().column(index).column_descr_ptr(), group.get_column_reader(index)?))
        };
        self.columns = (0..group.num_columns()).map(column).collect::<parquet::errors::Result<_>>()?;
        self.undecoded = usize::try_from(group.metadata().num_rows())?;
        self.next_group += 1;
        Ok(())
    }
}

impl ParquetTable {
    /// Opens a file and reads its footer.
    pub(crate) fn open(path: &Path) -> Result<ParquetTable, RowError> {
        let mut file = open_regular(path)?;
        let mut head = Vec::new();
        let read = file.by_ref().take(HEAD).read_to_end(&mut head);
        read.map_err(|source| FileError::io("read", path, source))?;
        if let Some(pointer) = lfs_pointer(&head) {
            return Err(FileError::LfsPointer { path: path.to_owned(), bytes: pointer.size }.into());
        }
        if let Some(got) = FileKind::of(&head).filter(|kind| *kind != FileKind::Parquet) {
            return Err(RowError::Kind { name: format!("`{}`", path.display()), expected: "Parquet", got });
        }
        let mut table = ParquetTable {
            path: path.to_owned(),
            decoder: None,
            columns: Vec::new(),
            classes: Vec::new(),
            total: 0,
            number: 0,
            raw: None,
        };
        let opened = guarded(|| {
            footer::check(&mut file)?;
            let file = SerializedFileReader::new(file).map_err(|error| error.to_string())?;
            let metadata = file.metadata().file_metadata();
            let shapes = shape::shapes(metadata.schema())?;
            let leaves = shapes.last().map_or(0, |shape| shape.leaves.end);
            if file.metadata().row_groups().iter().any(|group| group.num_columns() != leaves) {
                return Err("a row group has other columns than the schema".to_owned());
            }
            unread_codec(file.metadata())?;
            let total = u64::try_from(metadata.num_rows()).map_err(|_| "a negative number of rows")?;
            let classes = classes::of(metadata);
            Ok((total, classes, Decoder { file, shapes, columns: Vec::new(), next_group: 0, undecoded: 0, decoded: 0 }))
        });
        let (total, classes, decoder) = opened.map_err(|reason| table.malformed(RowProblem::Parquet { reason }))?;
        table.columns = decoder.shapes.iter().map(|shape| shape.name.clone()).collect();
        (table.total, table.classes, table.decoder) = (total, classes, Some(decoder));
        Ok(table)
    }

    fn malformed(&self, problem: RowProblem) -> RowError {
        let name = format!("`{}`", self.path.display());
        // A file that cannot be opened fails before its first row.
        RowError::Malformed { name, unit: Unit::Row, number: self.number.max(1), problem }
    }
}

impl RowReader for ParquetTable {
    fn columns(&self) -> &[String] {
        &self.columns
    }

    fn classes(&self) -> &[ClassColumn] {
        &self.classes
    }

    fn next_row(&mut self) -> Result<Option<String>, RowError> {
        let Some(mut decoder) = self.decoder.take() else { return Ok(None) };
        self.number += 1;
        let next = guarded(move || {
            let next = decoder.next();
            Ok((next, decoder))
        });
        let (next, decoder) = next.map_err(|reason| self.malformed(RowProblem::Parquet { reason }))?;
        match next {
            Ok(Some(row)) => {
                self.decoder = Some(decoder);
                Ok(Some(row))
            }
            Ok(None) if self.number == self.total + 1 => Ok(None),
            Ok(None) => {
                let reason = format!("its footer promises {} rows", self.total);
                Err(self.malformed(RowProblem::Parquet { reason }))
            }
            Err(problem) => {
                let error = self.malformed(problem);
                self.decoder = error.can_be_skipped().then_some(decoder);
                Err(error)
            }
        }
    }

    fn number(&self) -> u64 {
        self.number
    }

    fn unit(&self) -> Unit {
        Unit::Row
    }

    fn read(&mut self, max: usize) -> Result<Vec<u8>, RowError> {
        let file = match &mut self.raw {
            Some(file) => file,
            None => {
                let file = File::open(&self.path).map_err(|source| FileError::io("open", &self.path, source))?;
                self.raw.insert(file)
            }
        };
        let mut bytes = Vec::new();
        let read = file.take(max as u64).read_to_end(&mut bytes);
        read.map_err(|source| FileError::io("read", &self.path, source))?;
        Ok(bytes)
    }

    fn format_name(&self) -> String {
        "Parquet".into()
    }

    fn finish(self: Box<Self>) -> Result<TableSummary, RowError> {
        let mut bytes = 0;
        let sha256 = digest_file(&self.path, |count| bytes += count)?;
        Ok(TableSummary { rows: self.total, bytes, sha256 })
    }
}

/// Refuses a file with a column in a compression that is not read, by its name.
fn unread_codec(metadata: &ParquetMetaData) -> Result<(), String> {
    let columns = metadata.row_groups().iter().flat_map(|group| group.columns());
    match columns.map(|column| (column.compression(), column)).find(|(codec, _)| matches!(codec, Compression::LZO)) {
        Some((codec, column)) => {
            let column = column.column_path().parts().join(".");
            Err(format!("column `{column}`: {UNREAD_CODEC}{codec}, which is not read"))
        }
        None => Ok(()),
    }
}

/// Runs a part of the decoder, which panics over some damaged files instead of returning an error. What it worked on is
/// dropped then.
fn guarded<T>(decode: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_panic(decode).unwrap_or_else(|_| Err("the decoder gave up over what it found".into()))
}
