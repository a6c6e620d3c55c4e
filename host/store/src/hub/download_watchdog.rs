//! Waiting for the hub's client with an eye on the clock.
//!
//! The client runs on a thread of its own and reports events; when they stay away for too long the wait is given up and
//! the thread left behind, to end with its connection or with the process.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use hf_hub::HFResult;
use hf_hub::progress::{DownloadEvent, ProgressEvent, ProgressHandler};

/// How long the hub may take for its first answer. `hf_hub` sets no limit, and a network that drops packets
/// (a firewall, mostly) would hold a run for minutes before the next source has its turn.
const FIRST_ANSWER: Duration = Duration::from_secs(10);
/// How long a download that has begun may stand still.
const STANDSTILL: Duration = Duration::from_secs(60);

/// Passes the client's events to the thread that waits for them.
pub(crate) struct Relay<T>(Sender<Message<T>>);

enum Message<T> {
    Event(DownloadEvent),
    Done(HFResult<T>),
}

impl<T: Send> ProgressHandler for Relay<T> {
    fn on_progress(&self, event: &ProgressEvent) {
        if let ProgressEvent::Download(event) = event {
            // Nobody listens any more once the wait was given up.
            let _ = self.0.send(Message::Event(event.clone()));
        }
    }
}

/// Runs `work` on its own thread and hands its events to `event` on this one; `Err` says how long it had been silent
/// when the wait was given up.
pub(crate) fn watch<T: Send + 'static>(
    work: impl FnOnce(Relay<T>) -> HFResult<T> + Send + 'static,
    mut event: impl FnMut(&DownloadEvent),
) -> Result<HFResult<T>, Duration> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let result = work(Relay(sender.clone()));
        let _ = sender.send(Message::Done(result));
    });
    let mut patience = FIRST_ANSWER;
    loop {
        match receiver.recv_timeout(patience) {
            Ok(Message::Event(happened)) => {
                patience = STANDSTILL;
                event(&happened);
            }
            Ok(Message::Done(result)) => return Ok(result),
            // The thread ends without a word only if the client panics, which is as good as no answer.
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(patience),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_before_the_result() {
        let mut events = 0;
        let work = |relay: Relay<i32>| {
            relay.on_progress(&ProgressEvent::Download(DownloadEvent::Start { total_files: 1, total_bytes: 3 }));
            Ok(7)
        };
        assert!(matches!(watch(work, |_| events += 1), Ok(Ok(7))));
        assert_eq!(events, 1);
    }
}
