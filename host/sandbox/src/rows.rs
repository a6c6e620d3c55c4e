//! Rows of a data set, as a plugin is handed them.

use std::any::Any;

/// What a row source fails with; it reaches the caller of the plugin as it is.
pub type RowSourceError = Box<dyn std::error::Error + Send + Sync>;

/// The rows of one split of a data set, as the host reads them. A source is [`Any`], so that who hands one over gets it
/// back as what it is.
pub trait RowSource: Any {
    /// The names of the columns, in the file's order.
    ///
    /// # Errors
    /// When the file cannot be read.
    fn columns(&mut self) -> Result<Vec<String>, RowSourceError>;

    /// The next rows, `max` at most, each as one JSON object; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read, or a row is no row.
    fn next_rows(&mut self, max: usize) -> Result<Vec<String>, RowSourceError>;

    /// The next bytes of the file as they stand, `max` at most; none at the end.
    ///
    /// # Errors
    /// When the file cannot be read, or the source has no bytes to give.
    fn read(&mut self, max: usize) -> Result<Vec<u8>, RowSourceError>;
}
