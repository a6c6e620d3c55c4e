//! How often a prediction was right, and how sure that is.

/// The standard normal quantile of a two-sided 95 % interval.
pub const Z_95: f64 = 1.959_963_984_540_054;

/// The number of right predictions among all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CorrectCount {
    /// The number of right predictions, at most `n`.
    pub correct: usize,
    /// The number of all predictions.
    pub n: usize,
}

/// A range of fractions, both ends within 0 and 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end, at least 0.
    pub low: f64,
    /// The upper end, at most 1.
    pub high: f64,
}

impl CorrectCount {
    /// Adds one prediction, right or wrong.
    pub fn add(&mut self, correct: bool) {
        self.correct += usize::from(correct);
        self.n += 1;
    }

    /// The fraction that was right; `None` where nothing was counted.
    pub fn accuracy(self) -> Option<f64> {
        (self.n > 0).then(|| self.correct as f64 / self.n as f64)
    }

    /// The accuracy's standard error, `sqrt(p (1 - p) / n)`; `None` where nothing was counted.
    /// It is 0 where all were right or none was, and says nothing then: see [`CorrectCount::wilson`].
    pub fn standard_error(self) -> Option<f64> {
        self.accuracy().map(|p| (p * (1.0 - p) / self.n as f64).sqrt())
    }

    /// Wilson's score interval (1927) with the normal quantile `z`; [`Z_95`] gives the 95 % interval.
    /// Where nothing was counted it is 0 to 1: nothing is known.
    pub fn wilson(self, z: f64) -> Interval {
        let Some(p) = self.accuracy() else {
            return Interval { low: 0.0, high: 1.0 };
        };
        let n = self.n as f64;
        let scale = 1.0 + z * z / n;
        let centre = (p + z * z / (2.0 * n)) / scale;
        let half = z / scale * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
        // The interval touches 0 or 1 exactly where none or all were right; rounding would miss it.
        Interval {
            low: if self.correct == 0 { 0.0 } else { (centre - half).max(0.0) },
            high: if self.correct == self.n { 1.0 } else { (centre + half).min(1.0) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Correct, n, lower and upper end, standard error: roots of `(p - x)^2 n = z^2 x (1 - x)` found by bisection
    /// with 40 decimal digits.
    const CASES: [(usize, usize, f64, f64, f64); 7] = [
        (80, 100, 0.7111708344068411, 0.8666330666689674, 0.04),
        (0, 10, 0.0, 0.27753279986288926, 0.0),
        (10, 10, 0.7224672001371107, 1.0, 0.0),
        (1, 2, 0.09453120573423071, 0.9054687942657693, 0.3535533905932738),
        (436, 872, 0.46688648025422663, 0.5331135197457734, 0.01693213653696491),
        (1, 1000, 0.000176546370626078, 0.0056425585979579355, 0.0009994998749374609),
        (999_999, 1_000_000, 0.9999943350881957, 0.9999998234754233, 9.99999499999875e-07),
    ];

    #[test]
    fn intervals_are_the_roots_of_wilsons_equation() {
        for (correct, n, low, high, error) in CASES {
            let count = CorrectCount { correct, n };
            let interval = count.wilson(Z_95);
            assert!((interval.low - low).abs() < 1e-12, "{count:?}: {interval:?}, {low}");
            assert!((interval.high - high).abs() < 1e-12, "{count:?}: {interval:?}, {high}");
            assert!((count.standard_error().unwrap() - error).abs() < 1e-15, "{count:?}");
        }
    }

    #[test]
    fn the_ends_are_exact_where_all_or_none_were_right() {
        assert_eq!(CorrectCount { correct: 0, n: 17 }.wilson(Z_95).low, 0.0);
        assert_eq!(CorrectCount { correct: 17, n: 17 }.wilson(Z_95).high, 1.0);
    }

    #[test]
    fn nothing_counted_is_nothing_known() {
        let none = CorrectCount::default();
        assert_eq!((none.accuracy(), none.standard_error()), (None, None));
        assert_eq!(none.wilson(Z_95), Interval { low: 0.0, high: 1.0 });
    }

    #[test]
    fn predictions_are_counted() {
        let mut count = CorrectCount::default();
        [true, false, true, true].into_iter().for_each(|correct| count.add(correct));
        assert_eq!((count.correct, count.n, count.accuracy()), (3, 4, Some(0.75)));
    }
}
