//! Probabilities of classes divided by what the model gives each of them anyway.

use std::fmt;
use std::str::FromStr;

use super::prediction::Calibrated;
use ft_engine::metrics::choice::argmax;

/// What probabilities are divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Calibrate {
    /// The mean probability of each class over the rows so far, this one among them.
    Prior,
    /// The mean probability of each class over the task's content-free inputs (Zhao et al. 2021, arXiv 2102.09690, section 5).
    ContentFree,
}

impl Calibrate {
    /// Both ways.
    pub const ALL: [Calibrate; 2] = [Calibrate::Prior, Calibrate::ContentFree];

    /// The word for it on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prior => "prior",
            Self::ContentFree => "content-free",
        }
    }
}

impl fmt::Display for Calibrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Calibrate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|way| way.as_str() == text);
        found.ok_or_else(|| format!("expected one of {}, got `{text}`", Self::ALL.map(Self::as_str).join(", ")))
    }
}

/// The mean probabilities that rows are divided by.
#[derive(Clone, Debug)]
pub(super) struct Divisor {
    way: Calibrate,
    /// The sum of the probabilities of each class, over so many rows.
    sums: Vec<f64>,
    rows: u64,
}

impl Divisor {
    /// Over the rows that will come.
    pub fn of_rows(classes: usize) -> Self {
        Self { way: Calibrate::Prior, sums: vec![0.0; classes], rows: 0 }
    }

    /// Over content-free inputs with these probabilities, one or more.
    pub fn of_content_free(inputs: &[Vec<f64>]) -> Self {
        let mut divisor = Self { way: Calibrate::ContentFree, ..Self::of_rows(inputs.first().map_or(0, Vec::len)) };
        inputs.iter().for_each(|probabilities| divisor.add(probabilities));
        divisor
    }

    fn add(&mut self, probabilities: &[f64]) {
        self.sums.iter_mut().zip(probabilities).for_each(|(sum, probability)| *sum += probability);
        self.rows += 1;
    }

    /// A row's probabilities, each divided by the class's mean, and all by their sum; `None` where nothing is left of them.
    pub fn apply(&mut self, probabilities: &[f64]) -> Option<Calibrated> {
        if self.way == Calibrate::Prior {
            self.add(probabilities);
        }
        let means: Vec<f64> = self.sums.iter().map(|sum| sum / self.rows as f64).collect();
        // A class that was never possible has the mean 0, and is not possible here.
        let divide = |(probability, mean): (&f64, &f64)| if *mean > 0.0 { probability / mean } else { 0.0 };
        let divided: Vec<f64> = probabilities.iter().zip(&means).map(divide).collect();
        let all: f64 = divided.iter().sum();
        let probabilities: Vec<f64> = divided.iter().map(|probability| probability / all).collect();
        Some(Calibrated { prediction: argmax(&probabilities)?, probabilities, divided_by: means }).filter(|_| all > 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f64], expected: &[f64]) {
        let apart = found.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(found.len() == expected.len() && apart < 1e-12, "{found:?}, expected {expected:?}");
    }

    #[test]
    fn a_prior_is_that_of_the_rows_so_far() {
        let mut divisor = Divisor::of_rows(2);
        // The first row is its own mean: nothing is known of the classes yet.
        let first = divisor.apply(&[0.8, 0.2]).unwrap();
        close(&first.divided_by, &[0.8, 0.2]);
        close(&first.probabilities, &[0.5, 0.5]);
        // Means 0.7 and 0.3: 0.6 / 0.7 and 0.4 / 0.3.
        let second = divisor.apply(&[0.6, 0.4]).unwrap();
        close(&second.divided_by, &[0.7, 0.3]);
        let (a, b) = (0.6 / 0.7, 0.4 / 0.3);
        close(&second.probabilities, &[a / (a + b), b / (a + b)]);
        assert_eq!(second.prediction, 1);
    }

    #[test]
    fn content_free_inputs_are_a_divisor_that_stays() {
        let mut divisor = Divisor::of_content_free(&[vec![0.9, 0.1], vec![0.7, 0.3]]);
        for _ in 0..2 {
            let calibrated = divisor.apply(&[0.75, 0.25]).unwrap();
            close(&calibrated.divided_by, &[0.8, 0.2]);
            let (a, b) = (0.75 / 0.8, 0.25 / 0.2);
            close(&calibrated.probabilities, &[a / (a + b), b / (a + b)]);
            assert_eq!(calibrated.prediction, 1);
        }
    }

    #[test]
    fn probability_on_what_was_never_possible_is_not_calibrated() {
        let mut divisor = Divisor::of_content_free(&[vec![1.0, 0.0]]);
        assert_eq!(divisor.apply(&[0.0, 1.0]), None);
        close(&divisor.apply(&[0.5, 0.5]).unwrap().probabilities, &[1.0, 0.0]);
    }

    #[test]
    fn ways_are_read_as_they_are_shown() {
        for way in Calibrate::ALL {
            assert_eq!(way.to_string().parse(), Ok(way));
        }
        assert_eq!("none".parse::<Calibrate>().unwrap_err(), "expected one of prior, content-free, got `none`");
    }
}
