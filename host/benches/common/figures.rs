//! What is made of times: figures, as a table for people and as JSON for programs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::machine::Machine;
use super::rounds::{Samples, quantile};

/// One number of the report, with what it was made of.
#[derive(Serialize)]
pub struct Figure {
    /// What it is of; different from all others of its part.
    pub name: String,
    /// What it counts.
    pub unit: &'static str,
    /// The median over the repetitions; of a ratio, the median of the rounds' ratios.
    pub median: f64,
    /// From the shortest times alone.
    pub best: f64,
    /// What the middle half of the repetitions covers (the interquartile range), as a share of the median; of one
    /// repetition, none.
    pub spread: Option<f64>,
    /// How often it was measured.
    pub repetitions: usize,
    /// The medians of the times that it is made of, in seconds, by case; of other things than times, none.
    pub median_seconds: BTreeMap<String, f64>,
}

impl Figure {
    fn new(name: String, unit: &'static str, values: &[f64], best: f64, of: &[&Samples]) -> Self {
        let median = quantile(values, 0.5);
        Self {
            name,
            unit,
            median,
            best,
            spread: (values.len() > 1).then(|| (quantile(values, 0.75) - quantile(values, 0.25)) / median),
            repetitions: values.len(),
            median_seconds: of.iter().map(|samples| (samples.name.clone(), samples.median())).collect(),
        }
    }

    /// So many things in the time of a case, by second.
    pub fn rate(name: impl Into<String>, unit: &'static str, amount: f64, time: &Samples) -> Self {
        let values: Vec<f64> = time.seconds.iter().map(|seconds| amount / seconds).collect();
        Self::new(name.into(), unit, &values, amount / time.best(), &[time])
    }

    /// The time of a case. `unit` is `s`, `ms` or `us`.
    pub fn time(name: impl Into<String>, unit: &'static str, time: &Samples) -> Self {
        let factor = match unit {
            "us" => 1e6,
            "ms" => 1e3,
            _ => 1.0,
        };
        let values: Vec<f64> = time.seconds.iter().map(|seconds| seconds * factor).collect();
        Self::new(name.into(), unit, &values, time.best() * factor, &[time])
    }

    /// `factor * over / under`, round by round: how much more time one case takes, or how much more the other does in it.
    pub fn ratio(name: impl Into<String>, factor: f64, over: &Samples, under: &Samples) -> Self {
        let rounds = over.seconds.iter().zip(&under.seconds);
        let values: Vec<f64> = rounds.map(|(over, under)| factor * over / under).collect();
        Self::new(name.into(), "ratio", &values, factor * over.best() / under.best(), &[over, under])
    }

    /// Something else than a time, of which less is better.
    pub fn amount(name: impl Into<String>, unit: &'static str, values: &[f64]) -> Self {
        let best = values.iter().copied().fold(f64::INFINITY, f64::min);
        Self::new(name.into(), unit, values, best, &[])
    }
}

/// Figures that were measured together.
#[derive(Serialize)]
pub struct Part {
    /// The word that asks for it.
    pub name: &'static str,
    /// What was done and what was counted.
    pub what: String,
    /// Its figures, in the order of the table.
    pub figures: Vec<Figure>,
}

/// All that a call of the bench has found.
#[derive(Serialize)]
pub struct Report {
    /// The form of this file.
    pub format_version: u32,
    /// The version of this package.
    pub version: &'static str,
    /// Whether few repetitions were made of little work.
    pub quick: bool,
    /// What it ran on.
    pub machine: Machine,
    /// The model's shape and weights, in words.
    pub model: &'static str,
    /// What was asked for; the others were not measured.
    pub parts: Vec<Part>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quick = if self.quick { ", quick: few repetitions of little work" } else { "" };
        writeln!(f, "ft-host {}{quick}\n{}\nmodel: {}", self.version, self.machine, self.model)?;
        let names = self.parts.iter().flat_map(|part| &part.figures).map(|figure| figure.name.chars().count());
        let width = names.max().unwrap_or(0);
        for part in &self.parts {
            writeln!(f, "\n{}: {}", part.name, part.what)?;
            writeln!(f, "  {:<width$}  {:>11} {:>11} {:>7} {:>4}  unit", "", "median", "best", "spread", "n")?;
            for figure in &part.figures {
                let Figure { name, unit, median, best, spread, repetitions, .. } = figure;
                let (median, best) = (digits(*median), digits(*best));
                let spread = spread.map_or_else(|| "-".into(), |spread| format!("{:.1}%", spread * 100.0));
                writeln!(f, "  {name:<width$}  {median:>11} {best:>11} {spread:>7} {repetitions:>4}  {unit}")?;
            }
        }
        Ok(())
    }
}

/// Four digits or somewhat more.
fn digits(value: f64) -> String {
    match value.abs() {
        1000.0.. => format!("{value:.0}"),
        100.0.. => format!("{value:.1}"),
        10.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}
