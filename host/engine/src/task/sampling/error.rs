//! Why rows cannot be drawn.

/// Why a selection is not possible.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SamplingError {
    /// The demonstration split is too small.
    #[error("expected {needed} rows or more to draw demonstrations from, got {rows}")]
    TooFewRows {
        /// How many demonstrations were asked for, in all.
        needed: usize,
        /// The number of rows in the demonstration split.
        rows: usize,
    },
    /// The demonstration split has too few rows of one class.
    #[error("expected {needed} rows or more of class {label} to draw demonstrations from, got {rows}")]
    TooFewOfClass {
        /// The index of the class, from 0.
        label: usize,
        /// The number of rows of the class that were asked for.
        needed: usize,
        /// The number of rows of the class in the split.
        rows: usize,
    },
    /// The plugin has written too few demonstrations by hand.
    #[error("expected {needed} demonstrations written by hand, got {written}")]
    TooFewWritten {
        /// The number of demonstrations that were asked for.
        needed: usize,
        /// The number of demonstrations that the plugin has.
        written: usize,
    },
    /// Too few rows are left beside the demonstrations.
    #[error("expected {needed} rows or more beside the demonstrations to hold out, got {rows}")]
    TooFewLeft {
        /// The number of rows that were asked for.
        needed: usize,
        /// The number of rows beside the demonstrations.
        rows: usize,
    },
}
