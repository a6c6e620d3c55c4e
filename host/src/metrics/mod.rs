//! Accuracies and intervals: pure numbers.

pub mod accuracy;
pub mod choice;
