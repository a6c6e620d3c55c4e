//! What a `table` handle of a plugin stands for: the rows of one split, read by rows or by bytes.

use std::any::Any;

use wasmtime::component::ResourceTableError;

use crate::rows::RowSource;

/// The rows behind a `table` handle, and how the plugin began to read them.
pub struct RowTable {
    pub(crate) source: Box<dyn RowSource + Send>,
    mode: Option<ReadMode>,
}

/// How a plugin reads a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadMode {
    Rows,
    Bytes,
}

/// Why a table gives a plugin nothing, which it is told as an error of its own call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadRefusal {
    /// An empty list means the end of the table.
    #[error("expected `max` of 1 or more, got 0: an empty list means the end")]
    NothingAsked,
    #[error("expected `next-rows`, by which this table is read, got `read`")]
    ReadByRows,
    #[error("expected `read`, by which this table is read, got `next-rows`")]
    ReadByBytes,
}

impl RowTable {
    pub(crate) fn new(source: Box<dyn RowSource + Send>) -> Self {
        Self { source, mode: None }
    }

    /// A table whose source has no bytes to give.
    pub(crate) fn of_rows(source: Box<dyn RowSource + Send>) -> Self {
        Self { source, mode: Some(ReadMode::Rows) }
    }

    /// The source, if it is an `R`.
    pub(crate) fn source_mut<R: RowSource>(&mut self) -> Result<&mut R, ResourceTableError> {
        let source: &mut dyn Any = &mut *self.source;
        source.downcast_mut().ok_or(ResourceTableError::WrongType)
    }

    /// The source that the table was made of.
    ///
    /// # Errors
    /// [`ResourceTableError::WrongType`] where that is no `R`.
    pub(crate) fn into_source<R: RowSource>(self) -> Result<R, ResourceTableError> {
        let source: Box<dyn Any> = self.source;
        source.downcast().map(|source| *source).map_err(|_| ResourceTableError::WrongType)
    }

    /// Settles on one mode at the first read, and refuses the other from then on.
    pub(crate) fn begin(&mut self, mode: ReadMode, max: u32) -> Result<(), ReadRefusal> {
        if max == 0 {
            return Err(ReadRefusal::NothingAsked);
        }
        match (*self.mode.get_or_insert(mode), mode) {
            (ReadMode::Rows, ReadMode::Bytes) => Err(ReadRefusal::ReadByRows),
            (ReadMode::Bytes, ReadMode::Rows) => Err(ReadRefusal::ReadByBytes),
            _ => Ok(()),
        }
    }
}
