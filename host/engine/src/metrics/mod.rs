//! Accuracies, intervals and paired tests: pure numbers.

pub mod accuracy;
pub mod binomial;
pub mod choice;
pub mod confusion;
pub mod drawn;
pub mod paired;
pub mod spread;
