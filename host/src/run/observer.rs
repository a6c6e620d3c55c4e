//! Who is told how a run goes.

use std::path::Path;
use std::sync::Arc;

use ft_record::files::controls::Baseline;
use ft_record::files::samples::SampleRecord;
use ft_record::files::schema::{BaselineRecord, SelectedRecord, StepRecord};
use ft_record::files::trace::TraceRecord;
use ft_sandbox::LogRecord;

/// Something that happened.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// Something the user should know about the results.
    Note(&'a str),
    /// A plugin said something.
    Log(&'a LogRecord),
    /// The run of a group's task begins.
    Subtask {
        /// The task's name in the group.
        name: &'a str,
        /// Its place, from 1.
        number: usize,
        /// How many tasks the group has.
        of: usize,
    },
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
    /// An optimizer has asked for passes of the model in this step besides the one that proposes, of which so many are done.
    Pass {
        /// The passes that are done, from 1; a gradient counts two.
        done: usize,
    },
    /// Choices are about to be scored without their queries.
    Unconditional,
    /// The queries are about to be scored behind a baseline.
    Baseline(Baseline),
    /// So many more queries are scored.
    Scored(usize),
    /// How far a step moved the cache, as `trace.jsonl` has it; also where an earlier process wrote it.
    Traced(&'a TraceRecord),
    /// A step whose queries are all scored, in numbers, as `results.json` has it; also where an earlier process scored it.
    /// Zero-shot comes before the step that it is compared with, and without the comparison.
    StepScored {
        /// The step in numbers.
        record: &'a StepRecord,
        /// What the numbers were made of.
        samples: &'a [SampleRecord],
    },
    /// A baseline behind which all queries are scored, in numbers, as `results.json` has it; also where an earlier process scored
    /// it.
    BaselineScored(&'a BaselineRecord),
    /// The step that is the result of a seed is known.
    Selected(&'a SelectedRecord),
    /// The context of a seed's step was saved, where those of all steps are.
    StepSaved {
        /// The seed and the step.
        of: SelectedRecord,
        /// Its folder.
        folder: &'a Path,
    },
}

/// Told of every event, from the thread that does the work.
pub trait Observer: Send + Sync {
    /// Takes one event.
    fn event(&self, event: Event<'_>);
}

/// Several observers, each told of every event in their order.
pub struct Observers(pub Vec<Arc<dyn Observer>>);

impl Observer for Observers {
    fn event(&self, event: Event<'_>) {
        self.0.iter().for_each(|observer| observer.event(event));
    }
}
