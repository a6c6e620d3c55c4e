//! How far values from several seeds lie apart.

/// Mean and spread of some values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The number of values.
    pub count: usize,
    /// The arithmetic mean of the values.
    pub mean: f64,
    /// The sample standard deviation of the values, with `count - 1` below the fraction line; `None` for a single
    /// value.
    pub sd: Option<f64>,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

impl Spread {
    /// The mean and spread of values; `None` for no values.
    pub fn of(values: &[f64]) -> Option<Self> {
        let count = values.len();
        let mean = values.iter().sum::<f64>() / count as f64;
        // Two passes: the differences from the mean, not the difference of two large sums.
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (count > 0).then(|| Self {
            count,
            mean,
            sd: (count > 1).then(|| (squares / (count - 1) as f64).sqrt()),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_no_spread() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[0.5]), Some(Spread { count: 1, mean: 0.5, sd: None, min: 0.5, max: 0.5 }));
        let three = Spread::of(&[1.0, 2.0, 4.5]).unwrap();
        assert_eq!((three.mean, three.min, three.max), (2.5, 1.0, 4.5));
        assert!((three.sd.unwrap() - 3.25f64.sqrt()).abs() < 1e-15);
    }
}
