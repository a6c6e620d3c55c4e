//! The `table` resource: rows that the host reads and the plugin parses.

use std::any::Any;

use wasmtime::component::{Resource, ResourceTableError};

use super::bindings::table;
use super::bindings::types::{Error, ErrorKind};
use super::fault::Fault;
use super::host::HostState;

/// Rows that one `next-rows` gives at most, whatever the plugin asks for.
const MOST_ROWS: u32 = 1 << 16;

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

/// What a `table` handle stands for.
pub struct RowTable {
    source: Box<dyn RowSource + Send>,
    used_as: Option<Form>,
}

/// How a plugin reads a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Rows,
    Bytes,
}

impl RowTable {
    pub(super) fn new(source: Box<dyn RowSource + Send>) -> Self {
        Self { source, used_as: None }
    }

    /// The source that the table was made of.
    ///
    /// # Errors
    /// [`ResourceTableError::WrongType`] where that is no `R`.
    pub(super) fn into_source<R: RowSource>(self) -> Result<R, ResourceTableError> {
        let source: Box<dyn Any> = self.source;
        source.downcast().map(|source| *source).map_err(|_| ResourceTableError::WrongType)
    }

    /// Settles on one form at the first use.
    fn begin(&mut self, form: Form, max: u32) -> Result<(), Error> {
        let refused = |message: &str| Err(Error { kind: ErrorKind::Unsupported, message: message.to_owned() });
        if max == 0 {
            return refused("`max` is 0; it has to be 1 or more, since an empty list means the end");
        }
        match self.used_as {
            Some(Form::Rows) if form == Form::Bytes => {
                refused("this table is read by rows: `next-rows` was called first")
            }
            Some(Form::Bytes) if form == Form::Rows => refused("this table is read by bytes: `read` was called first"),
            _ => {
                self.used_as = Some(form);
                Ok(())
            }
        }
    }
}

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
                let message = "the host could not read the table; it reports that by itself".to_owned();
                self.keep_row_failure(error);
                Ok(Err(Error { kind: ErrorKind::InvalidData, message }))
            }
        }
    }
}

impl table::Host for HostState {}

impl table::HostTable for HostState {
    fn columns(&mut self, table: Resource<RowTable>) -> wasmtime::Result<Vec<String>> {
        self.clock.check()?;
        match self.resources.get_mut(&table)?.source.columns() {
            Ok(columns) => Ok(columns),
            Err(error) => {
                self.keep_row_failure(error);
                Err(Fault::Rows.into())
            }
        }
    }

    fn next_rows(&mut self, table: Resource<RowTable>, max: u32) -> wasmtime::Result<Result<Vec<String>, Error>> {
        self.clock.check()?;
        let table = self.resources.get_mut(&table)?;
        if let Err(refused) = table.begin(Form::Rows, max) {
            return Ok(Err(refused));
        }
        let rows = table.source.next_rows(max.min(MOST_ROWS) as usize);
        self.hand_over(rows, String::len)
    }

    fn read(&mut self, table: Resource<RowTable>, max: u32) -> wasmtime::Result<Result<Vec<u8>, Error>> {
        self.clock.check()?;
        let most = u32::try_from(self.limits.call_bytes).unwrap_or(u32::MAX);
        let table = self.resources.get_mut(&table)?;
        if let Err(refused) = table.begin(Form::Bytes, max) {
            return Ok(Err(refused));
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

    use super::super::clock::Stop;
    use super::super::limits::Limits;
    use super::super::log::LogBook;
    use super::table::HostTable;
    use super::*;

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
        assert_eq!(refused.message, "this table is read by rows: `next-rows` was called first");

        let (mut bytes, table) = state(Limits::default(), false);
        assert_eq!(bytes.read(table(), 3).unwrap().unwrap(), [0; 3]);
        let refused = bytes.next_rows(table(), 2).unwrap().unwrap_err();
        assert_eq!(refused.message, "this table is read by bytes: `read` was called first");
        assert!(bytes.read(table(), 0).unwrap().unwrap_err().message.starts_with("`max` is 0"));
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
        assert_eq!(message, "moved too much at once: more than 100 bytes in one host call");
    }

    #[test]
    fn the_first_failure_of_the_source_is_kept() {
        let (mut state, table) = state(Limits::default(), true);
        assert_eq!(state.next_rows(table(), 1).unwrap().unwrap_err().kind, ErrorKind::InvalidData);
        assert!(state.columns(table()).is_err());
        assert_eq!(state.row_failure.take().unwrap().to_string(), "no rows");
    }
}
