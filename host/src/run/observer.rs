//! Who is told how a run goes.

use ft_sandbox::LogRecord;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// Something the user should know about the results.
    Note(&'a str),
    /// A plugin said something.
    Log(&'a LogRecord),
    /// A run starts that scores so many queries over all its steps.
    Started {
        /// Queries, counted once for each scored step.
        queries: usize,
        /// The last step.
        last_step: usize,
    },
    /// The weights are being read.
    LoadingWeights,
    /// A seed's turn comes, where there are several.
    Seed(u64),
    /// The step that is the result is being chosen by examples that are no part of the evaluation.
    Choosing,
    /// A step begins: 0 is zero-shot.
    Step(usize),
    /// So many more queries are scored.
    Scored(usize),
}

/// Told of every event, from the thread that does the work.
pub trait Observer: Send + Sync {
    /// One event.
    fn event(&self, event: Event<'_>);
}
