//! The `table` resource: rows that the host reads and the plugin parses.

use wasmtime::component::Resource;

use crate::bindings::table;
use crate::bindings::types::{Error, ErrorKind};
use crate::rows::RowSourceError;
use crate::state::HostState;
use crate::state::row_table::{ReadMode, ReadRefusal, RowTable};
use crate::trap::HostTrap;

/// Rows that one `next-rows` gives at most, whatever the plugin asks for.
const MOST_ROWS: u32 = 1 << 16;

impl HostState {
    /// Keeps what the row source failed with: whatever the plugin makes of it, the caller gets this error.
    fn keep_row_failure(&mut self, error: RowSourceError) {
        self.row_failure.get_or_insert(error);
    }

    /// Gives what was read to the plugin, if it is not too much.
    fn hand_over<T>(
        &mut self,
        read: Result<Vec<T>, RowSourceError>,
        bytes: impl Fn(&T) -> usize,
    ) -> wasmtime::Result<Result<Vec<T>, Error>> {
        self.clock.check()?;
        match read {
            Ok(items) => {
                let total: usize = items.iter().map(bytes).sum();
                self.moves(total as u64)?;
                Ok(Ok(items))
            }
            Err(error) => {
                let message = "cannot read the table; the host reports why".to_owned();
                self.keep_row_failure(error);
                Ok(Err(Error { kind: ErrorKind::InvalidData, message }))
            }
        }
    }
}

fn unsupported(refused: ReadRefusal) -> Error {
    Error { kind: ErrorKind::Unsupported, message: refused.to_string() }
}

impl table::Host for HostState {}

impl table::HostTable for HostState {
    fn columns(&mut self, table: Resource<RowTable>) -> wasmtime::Result<Vec<String>> {
        self.clock.check()?;
        match self.resources.get_mut(&table)?.source.columns() {
            Ok(columns) => Ok(columns),
            Err(error) => {
                self.keep_row_failure(error);
                Err(HostTrap::Rows.into())
            }
        }
    }

    fn next_rows(&mut self, table: Resource<RowTable>, max: u32) -> wasmtime::Result<Result<Vec<String>, Error>> {
        self.clock.check()?;
        let table = self.resources.get_mut(&table)?;
        if let Err(refused) = table.begin(ReadMode::Rows, max) {
            return Ok(Err(unsupported(refused)));
        }
        let rows = table.source.next_rows(max.min(MOST_ROWS) as usize);
        self.hand_over(rows, String::len)
    }

    fn read(&mut self, table: Resource<RowTable>, max: u32) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        self.clock.check()?;
        let most = u32::try_from(self.limits.call_bytes).unwrap_or(u32::MAX);
        let table = self.resources.get_mut(&table)?;
        if let Err(refused) = table.begin(ReadMode::Bytes, max) {
            return Ok(Err(unsupported(refused)));
        }
        let bytes = table.source.read(max.min(most) as usize);
        self.hand_over(bytes, |_| 1)
    }

    fn drop(&mut self, table: Resource<RowTable>) -> wasmtime::Result<()> {
        self.resources.delete(table)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use wasmtime::component::ResourceTableError;

    use super::*;
    use crate::bindings::table::HostTable;
    use crate::limits::Limits;
    use crate::rows::RowSource;
    use crate::state::log_book::LogBook;
    use crate::stop::Stop;

    /// Gives as much as it is asked for, without end, until it is told to fail.
    struct Endless {
        fails: bool,
    }

    impl RowSource for Endless {
        fn columns(&mut self) -> Result<Vec<String>, RowSourceError> {
            if self.fails { Err("no head".into()) } else { Ok(vec!["a".into()]) }
        }

        fn next_rows(&mut self, max: usize) -> Result<Vec<String>, RowSourceError> {
            if self.fails { Err("no rows".into()) } else { Ok(vec!["{}".to_owned(); max]) }
        }

        fn read(&mut self, max: usize) -> Result<Vec<u8>, RowSourceError> {
            Ok(vec![0; max])
        }
    }

    /// Both a state with a table in it, and how to name the table.
    fn state(limits: Limits, fails: bool) -> (HostState, impl Fn() -> Resource<RowTable>) {
        let log = LogBook::new("test".into(), &limits, std::sync::Arc::new(|_| ()));
        let mut state = HostState::new(limits, log, Device::Cpu, Stop::default());
        let table = state.resources.push(RowTable::new(Box::new(Endless { fails }))).unwrap();
        (state, move || Resource::new_borrow(table.rep()))
    }

    #[test]
    fn rows_and_bytes_do_not_mix() {
        let (mut rows, table) = state(Limits::default(), false);
        assert_eq!(rows.columns(table()).unwrap(), ["a"]);
        assert_eq!(rows.next_rows(table(), 2).unwrap().unwrap(), ["{}", "{}"]);
        let refused = rows.read(table(), 2).unwrap().unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Unsupported);
        assert_eq!(refused.message, "expected `next-rows`, by which this table is read, got `read`");

        let (mut bytes, table) = state(Limits::default(), false);
        assert_eq!(bytes.read(table(), 3).unwrap().unwrap(), [0; 3]);
        let refused = bytes.next_rows(table(), 2).unwrap().unwrap_err();
        assert_eq!(refused.message, "expected `read`, by which this table is read, got `next-rows`");
        let mut of_rows = RowTable::of_rows(Box::new(Endless { fails: false }));
        assert_eq!(of_rows.begin(ReadMode::Bytes, 1), Err(ReadRefusal::ReadByRows));
        assert_eq!(of_rows.begin(ReadMode::Rows, 1), Ok(()));
        assert!(bytes.read(table(), 0).unwrap().unwrap_err().message.starts_with("expected `max` of 1 or more, got 0"));
    }

    #[test]
    fn a_source_comes_back_as_what_it_is() {
        let table = || RowTable::new(Box::new(Endless { fails: true }));
        assert!(table().into_source::<Endless>().unwrap().fails);
        struct Other;
        impl RowSource for Other {
            fn columns(&mut self) -> Result<Vec<String>, RowSourceError> {
                Ok(Vec::new())
            }

            fn next_rows(&mut self, _max: usize) -> Result<Vec<String>, RowSourceError> {
                Ok(Vec::new())
            }

            fn read(&mut self, _max: usize) -> Result<Vec<u8>, RowSourceError> {
                Ok(Vec::new())
            }
        }
        assert!(matches!(table().into_source::<Other>(), Err(ResourceTableError::WrongType)));
    }

    #[test]
    fn a_greedy_call_gets_what_is_allowed() {
        let (mut rows, table) = state(Limits::default(), false);
        assert_eq!(rows.next_rows(table(), u32::MAX).unwrap().unwrap().len(), MOST_ROWS as usize);
        let tight = Limits { call_bytes: 100, ..Limits::default() };
        let (mut bytes, table) = state(tight.clone(), false);
        assert_eq!(bytes.read(table(), u32::MAX).unwrap().unwrap().len(), 100);
        let (mut rows, table) = state(tight, false);
        assert_eq!(rows.next_rows(table(), 50).unwrap().unwrap().len(), 50);
        let message = rows.next_rows(table(), 51).unwrap_err().to_string();
        assert_eq!(message, "exceeded the per-call transfer limit (100 bytes)");
    }

    #[test]
    fn the_first_failure_of_the_source_is_kept() {
        let (mut state, table) = state(Limits::default(), true);
        assert_eq!(state.next_rows(table(), 1).unwrap().unwrap_err().kind, ErrorKind::InvalidData);
        assert!(state.columns(table()).is_err());
        assert_eq!(state.row_failure.take().unwrap().to_string(), "no rows");
    }
}
