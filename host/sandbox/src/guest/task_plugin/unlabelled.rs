//! Rows without answers, handed to a task in parts.

use std::collections::VecDeque;

use wasmtime::component::Resource;

use super::{BATCH, TaskPlugin};
use crate::bindings::{data, dataset};
use crate::error::PluginError;
use crate::rows::{RowSource, RowSourceError};
use crate::state::row_table::RowTable;
use crate::task::answer_check::ExampleCheck;
use crate::task::invalid_answer::InvalidAnswer;
use crate::task::row_outcome::{RowOutcome, outcomes};

const CALL: &str = "dataset.read";
/// Bytes of rows behind which the plugin gets no further ones at once: far within the limit of one call.
const PART_BYTES: usize = 4 << 20;

/// The table of the split `unlabelled`, as the plugin has read it so far.
pub(super) struct UnlabelledTable {
    table: Resource<RowTable>,
    labels: Vec<String>,
    /// Rows that have their outcomes: the index of the next one.
    read: u64,
}

/// Rows that the host has handed over and the plugin has not read.
struct Handed {
    columns: Vec<String>,
    rows: VecDeque<String>,
}

impl RowSource for Handed {
    fn columns(&mut self) -> Result<Vec<String>, RowSourceError> {
        Ok(self.columns.clone())
    }

    fn next_rows(&mut self, max: usize) -> Result<Vec<String>, RowSourceError> {
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while rows.len() < max
            && bytes < PART_BYTES
            && let Some(row) = self.rows.pop_front()
        {
            bytes += row.len();
            rows.push(row);
        }
        Ok(rows)
    }

    fn read(&mut self, _max: usize) -> Result<Vec<u8>, RowSourceError> {
        Err("expected `next-rows`, by which rows without answers are read, got `read`".into())
    }
}

impl TaskPlugin {
    /// Begins a table of rows without answers, with these columns; [`Self::read_unlabelled`] hands over its rows. A table that
    /// began before ends.
    ///
    /// A component of version 0.1 takes the rows for those of the evaluation, which need the answer's column; that split cannot
    /// be read before the table ends.
    ///
    /// # Errors
    /// When the plugin has more rows of the earlier table than it was handed, or fails.
    pub fn begin_unlabelled(&mut self, columns: Vec<String>) -> Result<(), PluginError> {
        let labels = self.labels()?;
        self.end_unlabelled()?;
        let table = RowTable::of_rows(Box::new(Handed { columns, rows: VecDeque::new() }));
        let table = self.sandbox.state().resources.push(table);
        let table = self.sandbox.bind(|_| Ok(table?))?;
        self.unlabelled = Some(UnlabelledTable { table, labels, read: 0 });
        Ok(())
    }

    /// Ends the table by asking for rows when none is left, which has the plugin begin to count afresh.
    fn end_unlabelled(&mut self) -> Result<(), PluginError> {
        let Some(UnlabelledTable { table, read, .. }) = self.unlabelled.take() else { return Ok(()) };
        let batch = self.read_part(table.rep(), 1);
        // After a trap the table is gone already, with all else that the plugin could reach.
        let table = self.sandbox.state().resources.delete(table);
        let dataset::Batch { examples, rejected, left_out } = batch?;
        self.sandbox.bind(|_| Ok(table.map(drop)?))?;
        match examples.len() + rejected.len() + left_out.len() {
            0 => Ok(()),
            found => Err(self.bad(CALL, InvalidAnswer::OutcomesAtEnd { rows: read, found })),
        }
    }

    /// Hands over further rows, each one JSON object as text, and gives the outcome of each, in order. Indices of rows count
    /// from the table's beginning. Nothing is kept of rows that have their outcomes, so a table may be of any length; the limits
    /// of a split hold for what one call gives. If no table has begun, one without columns does.
    ///
    /// # Errors
    /// When an example is not what it has to be (its answer is not looked at), the outcomes are not one for each row, they are
    /// more than the limits allow, or the plugin fails. What was not read is dropped then, and [`Self::begin_unlabelled`] has to
    /// begin another table.
    pub fn read_unlabelled(&mut self, rows: Vec<String>) -> Result<Vec<RowOutcome>, PluginError> {
        self.sandbox.alive(CALL)?;
        if self.unlabelled.is_none() {
            self.begin_unlabelled(Vec::new())?;
        }
        let Some(mut unlabelled) = self.unlabelled.take() else { return Ok(Vec::new()) };
        let outcomes = self.read_handed(&mut unlabelled, rows);
        if outcomes.is_err() {
            self.take_back(&unlabelled.table);
        }
        self.unlabelled = Some(unlabelled);
        outcomes
    }

    fn read_handed(
        &mut self,
        unlabelled: &mut UnlabelledTable,
        rows: Vec<String>,
    ) -> Result<Vec<RowOutcome>, PluginError> {
        let UnlabelledTable { table, labels, read } = unlabelled;
        let count = rows.len();
        self.hand_over(table, rows)?;
        let limits = self.sandbox.limits().clone();
        let mut check = ExampleCheck::new(&limits, labels);
        let mut all = Vec::with_capacity(count);
        while all.len() < count {
            let left = count - all.len();
            let batch = self.read_part(table.rep(), left)?;
            let part = outcomes(batch, *read, left, &mut check).map_err(|bad| self.bad(CALL, bad))?;
            *read += part.len() as u64;
            all.extend(part);
        }
        Ok(all)
    }

    /// One batch, of at most `left` rows.
    fn read_part(&mut self, table: u32, left: usize) -> Result<dataset::Batch, PluginError> {
        let max = u32::try_from(left).unwrap_or(BATCH).min(BATCH);
        let read = &self.exports.read;
        self.sandbox
            .call_fallible(CALL, |store| read.call(store, (data::Split::Unlabelled, Resource::new_borrow(table), max)))
    }

    fn hand_over(&mut self, table: &Resource<RowTable>, rows: Vec<String>) -> Result<(), PluginError> {
        self.sandbox.bind(|store| {
            store.data_mut().resources.get_mut(table)?.source_mut::<Handed>()?.rows.extend(rows);
            Ok(())
        })
    }

    /// Forgets what the plugin has not read.
    fn take_back(&mut self, table: &Resource<RowTable>) {
        // After a trap the table is gone, with its rows.
        if let Ok(table) = self.sandbox.state().resources.get_mut(table)
            && let Ok(handed) = table.source_mut::<Handed>()
        {
            handed.rows.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_handed_over_is_read_once_and_in_order() {
        let rows = ["0", "1", "2"].map(str::to_owned);
        let mut handed = Handed { columns: vec!["a".into()], rows: VecDeque::from(rows) };
        assert_eq!(handed.columns().unwrap(), ["a"]);
        assert_eq!(handed.next_rows(2).unwrap(), ["0", "1"]);
        assert_eq!(handed.next_rows(2).unwrap(), ["2"]);
        assert!(handed.next_rows(2).unwrap().is_empty());
        handed.rows.push_back("3".into());
        assert_eq!(handed.next_rows(usize::MAX).unwrap(), ["3"]);
        handed.rows.extend(["x".repeat(PART_BYTES - 1), "y".to_owned(), "z".to_owned()]);
        assert_eq!(handed.next_rows(usize::MAX).unwrap().len(), 2);
        assert_eq!(handed.next_rows(usize::MAX).unwrap(), ["z"]);
        assert!(handed.read(1).is_err());
    }
}
