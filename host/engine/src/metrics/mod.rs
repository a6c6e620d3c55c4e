//! Accuracies, scores of probabilities, intervals and paired tests: pure numbers.

pub mod accuracy;
pub(crate) mod binomial;
pub mod calibration;
pub mod choice;
pub mod confusion;
pub mod hypergeometric;
pub mod mean;
pub mod mover;
pub mod paired;
pub mod probability;
pub mod spread;
