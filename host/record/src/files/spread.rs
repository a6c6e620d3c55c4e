//! The record of how far a number of several seeds lies apart.

use serde::{Deserialize, Serialize};

use ft_engine::metrics::spread::Spread;

/// Mean and spread of a number over seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpreadRecord {
    /// The number of seeds.
    pub seeds: usize,
    /// The arithmetic mean over the seeds.
    pub mean: f64,
    /// The sample standard deviation, with `seeds - 1` below the fraction line; null for a single seed.
    pub sd: Option<f64>,
    /// The smallest value of a seed.
    pub min: f64,
    /// The largest value of a seed.
    pub max: f64,
}

impl SpreadRecord {
    /// The mean and spread of one value for each seed; `None` for no values.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let Spread { count, mean, sd, min, max } = Spread::of(values)?;
        Some(Self { seeds: count, mean, sd, min, max })
    }
}
