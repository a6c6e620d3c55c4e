//! Rows read ahead by a thread of its own, for whoever works on all rows that are there and does not wait for more.

use std::collections::VecDeque;
use std::panic::resume_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use super::error::RowError;
use super::files::{RowPlace, TableReader};

/// The most rows that are read ahead.
const ROWS: usize = 1024;
/// The most bytes of text that the rows read ahead have: 8 MiB. A longer row is read ahead alone.
const BYTES: usize = 8 << 20;

/// A row of a [`RowFeed`].
#[derive(Debug)]
pub struct FedRow {
    /// Where the row stands. For an error behind which nothing can be read: the last row that was known.
    pub place: RowPlace,
    /// The text of one JSON object, or what is wrong with the row.
    pub row: Result<String, RowError>,
}

impl FedRow {
    /// The bytes of the row, or of what is said about it.
    fn size(&self) -> usize {
        match &self.row {
            Ok(row) => row.len(),
            Err(error) => error.to_string().len(),
        }
    }
}

/// The rows of a table, read ahead in a thread: at most 1024, and at most 8 MiB of text but for a row that is longer by
/// itself.
///
/// When it is dropped the thread ends as soon as it can. It may be waiting for bytes then, as of standard input: it is
/// left behind, reads what comes next, and ends without having given it to anybody.
pub struct RowFeed {
    columns: Vec<String>,
    queue: Arc<Queue>,
    /// `None` when its end was seen.
    thread: Option<JoinHandle<()>>,
}

impl RowFeed {
    /// Begins to read the rows of `table`, from where it is.
    ///
    /// # Panics
    /// If the system gives no thread.
    pub fn start(table: TableReader) -> RowFeed {
        let (columns, queue) = (table.columns().to_vec(), Arc::new(Queue::default()));
        let of_thread = queue.clone();
        let thread = thread::spawn(move || read_rows(table, &of_thread));
        RowFeed { columns, queue, thread: Some(thread) }
    }

    /// The names of the columns, as [`TableReader::columns`] has them.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The rows that have arrived, in their order, at most `max` and at least one: waits for it if there is none. `None`
    /// at the end, which is behind the last row or behind an error that [cannot be skipped](RowError::can_be_skipped); one
    /// that can is a row like others.
    ///
    /// # Panics
    /// If reading panicked, when all rows before that were given: the same panic goes on here.
    pub fn next(&mut self, max: usize) -> Option<Vec<FedRow>> {
        let rows = self.queue.take(max.max(1));
        if !rows.is_empty() {
            return Some(rows);
        }
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            resume_unwind(panic);
        }
        None
    }
}

impl Drop for RowFeed {
    fn drop(&mut self) {
        self.queue.close();
    }
}

fn read_rows(mut table: TableReader, queue: &Queue) {
    let _end = End(queue);
    loop {
        let row = match table.next_row() {
            Ok(Some(row)) => Ok(row),
            Ok(None) => return,
            Err(error) => Err(error),
        };
        let goes_on = row.as_ref().err().is_none_or(RowError::can_be_skipped);
        let is_wanted = queue.put(FedRow { place: table.place(), row });
        if !(goes_on && is_wanted) {
            return;
        }
    }
}

/// The rows between a thread that reads them and one that takes them.
#[derive(Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    /// Of rows where there were none, of room where there was none, of the end of either thread's part. The two threads
    /// never wait at the same time.
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    /// Rows with their sizes in bytes.
    rows: VecDeque<(FedRow, usize)>,
    /// The sum of the sizes.
    bytes: usize,
    /// Whether no row will come any more.
    ended: bool,
    /// Whether no row will be taken any more.
    closed: bool,
}

impl Waiting {
    fn has_room(&self, size: usize) -> bool {
        self.rows.is_empty() || (self.rows.len() < ROWS && self.bytes + size <= BYTES)
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, condition: impl Fn(&Waiting) -> bool) -> MutexGuard<'_, Waiting> {
        let waited = self.changed.wait_while(self.lock(), |waiting| condition(waiting));
        waited.unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a row behind the others when there is room for it; `false` if nobody will take it.
    fn put(&self, row: FedRow) -> bool {
        let size = row.size();
        let mut waiting = self.wait_while(|waiting| !waiting.closed && !waiting.has_room(size));
        if waiting.closed {
            return false;
        }
        waiting.bytes += size;
        waiting.rows.push_back((row, size));
        // Waking somebody is a call of the system, and nobody waits where rows are.
        if waiting.rows.len() == 1 {
            self.changed.notify_one();
        }
        true
    }

    /// The first rows, at most `max`; waits for one. None at the end.
    fn take(&self, max: usize) -> Vec<FedRow> {
        let mut waiting = self.wait_while(|waiting| waiting.rows.is_empty() && !waiting.ended);
        let count = max.min(waiting.rows.len());
        let taken: Vec<(FedRow, usize)> = waiting.rows.drain(..count).collect();
        waiting.bytes -= taken.iter().map(|(_, size)| size).sum::<usize>();
        self.changed.notify_one();
        taken.into_iter().map(|(row, _)| row).collect()
    }

    fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.rows.clear();
        self.changed.notify_one();
    }
}

/// Says at its end, a panic's too, that no row will come any more.
struct End<'a>(&'a Queue);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Sender, channel};
    use std::time::{Duration, Instant};

    use super::super::Quoting;
    use super::super::slow::{held_back, in_time};
    use super::*;

    fn feed(bytes: impl Read + Send + 'static) -> RowFeed {
        let table = TableReader::from_stream("standard input", Box::new(bytes), Quoting::Auto);
        RowFeed::start(table.unwrap())
    }

    /// The texts of the next rows.
    fn next(feed: &mut RowFeed, max: usize) -> Option<Vec<String>> {
        feed.next(max).map(|rows| rows.into_iter().map(|row| row.row.unwrap()).collect())
    }

    #[test]
    fn rows_keep_their_order_and_their_places() {
        let text: String = (1..=100_000).map(|n| format!("{{\"n\":{n}}}\n")).collect();
        let mut feed = feed(Cursor::new(text));
        assert_eq!(feed.columns(), ["n"]);
        let mut count = 0;
        while let Some(rows) = feed.next(77) {
            assert!((1..=77).contains(&rows.len()), "{}", rows.len());
            for FedRow { place, row } in rows {
                count += 1;
                assert_eq!(row.unwrap(), format!("{{\"n\":{count}}}"));
                assert_eq!(place.to_string(), format!("standard input, line {count}"));
            }
        }
        assert_eq!(count, 100_000);
        assert!(feed.next(77).is_none());
    }

    #[test]
    fn what_is_there_comes_without_what_is_not() {
        let (writer, bytes) = held_back();
        writer.send(b"{\"a\":1}\n{\"a".to_vec()).unwrap();
        let (mut feed, rows) = in_time("the first row", move || {
            let mut feed = feed(bytes);
            let rows = next(&mut feed, 10);
            (feed, rows)
        });
        assert_eq!(rows.unwrap(), ["{\"a\":1}"]);
        writer.send(b"\":2}\n".to_vec()).unwrap();
        let (mut feed, rows) = in_time("the second row", move || {
            let rows = next(&mut feed, 10);
            (feed, rows)
        });
        assert_eq!(rows.unwrap(), ["{\"a\":2}"]);
        drop(writer);
        assert_eq!(in_time("the end", move || next(&mut feed, 10)), None);
    }

    #[test]
    fn an_error_is_a_row_and_the_last_one_if_it_cannot_be_skipped() {
        let mut feed = feed(&b"[{\"a\":1}, 5, {\"a\":2}, {\"a\" 3}, {\"a\":4}]"[..]);
        let mut rows = Vec::new();
        while let Some(some) = feed.next(3) {
            rows.extend(some);
        }
        let rows: Vec<String> = rows.into_iter().map(|row| row.row.unwrap_or_else(|error| error.to_string())).collect();
        assert_eq!(
            rows,
            [
                "{\"a\":1}",
                "standard input, row 2: expected a JSON object, got a number",
                "{\"a\":2}",
                "standard input, row 4: expected a JSON object, got no JSON: expected `:` at column 6",
            ]
        );
        assert!(feed.next(3).is_none());
    }

    #[test]
    fn no_rows_are_an_end() {
        let mut feed = feed(&b""[..]);
        assert_eq!(feed.columns(), [""; 0]);
        assert!(feed.next(1).is_none());
    }

    /// Rows of a MiB without end; says how many bytes it gave, and when it is dropped.
    struct Endless {
        row: Vec<u8>,
        at: usize,
        given: Arc<AtomicUsize>,
        dropped: Sender<()>,
    }

    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let count = (&self.row[self.at..]).read(buffer)?;
            self.at = (self.at + count) % self.row.len();
            self.given.fetch_add(count, Ordering::Relaxed);
            Ok(count)
        }
    }

    impl Drop for Endless {
        fn drop(&mut self) {
            let _ = self.dropped.send(());
        }
    }

    #[test]
    fn no_more_is_read_ahead_than_has_room_and_nothing_when_nobody_takes_it() {
        const MIB: usize = 1 << 20;
        let row = format!("{{\"a\":\"{}\"}}\n", "x".repeat(MIB - 9)).into_bytes();
        assert_eq!(row.len(), MIB);
        let (given, (dropped, is_dropped)) = (Arc::new(AtomicUsize::new(0)), channel());
        let mut feed = feed(Endless { row, at: 0, given: given.clone(), dropped });
        assert_eq!(next(&mut feed, 1).unwrap().len(), 1);
        let begun = Instant::now();
        while given.load(Ordering::Relaxed) < 9 * MIB {
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", given.load(Ordering::Relaxed));
            thread::sleep(Duration::from_millis(5));
        }
        thread::sleep(Duration::from_millis(200));
        // One row was taken, eight wait, one is at hand, and a part of the next is in buffers.
        let all = given.load(Ordering::Relaxed);
        assert!(all <= 11 * MIB, "{all}");
        drop(feed);
        is_dropped.recv_timeout(Duration::from_secs(60)).expect("the thread ends with the feed");
    }

    #[test]
    fn rows_are_bounded_by_their_number_and_their_bytes() {
        let place = RowPlace { file: "t".into(), unit: super::super::Unit::Line, number: 1 };
        let row = |size: usize| (FedRow { place: place.clone(), row: Ok("x".repeat(size)) }, size);
        let mut waiting = Waiting::default();
        assert!(waiting.has_room(2 * BYTES), "a row alone");
        waiting.rows = (0..ROWS - 1).map(|_| row(1)).collect();
        waiting.bytes = ROWS - 1;
        assert!(waiting.has_room(1));
        assert!(waiting.has_room(BYTES - (ROWS - 1)));
        assert!(!waiting.has_room(BYTES - (ROWS - 1) + 1));
        waiting.rows.push_back(row(1));
        waiting.bytes += 1;
        assert!(!waiting.has_room(1));
    }

    /// Gives a row, then panics.
    struct Panics(bool);

    impl Read for Panics {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            assert!(!std::mem::replace(&mut self.0, true), "no second piece");
            (&b"{\"a\":1}\n"[..]).read(buffer)
        }
    }

    #[test]
    fn a_panic_is_not_the_end_of_the_rows() {
        let mut feed = feed(Panics(false));
        assert_eq!(next(&mut feed, 10).unwrap(), ["{\"a\":1}"]);
        let panic = catch_unwind(AssertUnwindSafe(|| feed.next(10).is_none())).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"no second piece"));
    }
}
