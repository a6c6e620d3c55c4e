//! Streams that do not give all they have at once, for tests.

use std::io::{Cursor, Read, Result};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Gives one byte at a time.
pub(super) struct OneByOne<R>(pub(super) R);

impl<R: Read> Read for OneByOne<R> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let room = buffer.len().min(1);
        self.0.read(&mut buffer[..room])
    }
}

/// Gives what a writer sent, waits for more of it, and ends when the writer is dropped.
pub(super) struct HeldBack {
    pieces: Receiver<Vec<u8>>,
    at_hand: Cursor<Vec<u8>>,
}

/// A writer and what it writes to.
pub(super) fn held_back() -> (Sender<Vec<u8>>, HeldBack) {
    let (writer, pieces) = channel();
    (writer, HeldBack { pieces, at_hand: Cursor::default() })
}

impl Read for HeldBack {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            let count = self.at_hand.read(buffer)?;
            if count > 0 {
                return Ok(count);
            }
            match self.pieces.recv() {
                Ok(piece) => self.at_hand = Cursor::new(piece),
                Err(_) => return Ok(0),
            }
        }
    }
}

/// The outcome of `work`, which must not wait for what no writer sends: after 60 s the test `case` fails.
pub(super) fn in_time<T: Send + 'static>(case: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = channel();
    std::thread::spawn(move || sender.send(work()));
    let outcome = receiver.recv_timeout(Duration::from_secs(60));
    outcome.unwrap_or_else(|error| panic!("{case:?}: expected an outcome within 60 s, got none: {error}"))
}
