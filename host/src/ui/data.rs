//! Rows of a data set on a terminal.

use super::screen::{Page, Screen};
use ft_store::table::TableReader;

/// What a table is: its file, format and columns.
pub(crate) fn heading(table: &TableReader, screen: Screen) -> Page {
    screen.prose(&format!("{} ({}): {}", table.name(), table.format_name(), table.columns().join(", ")))
}
