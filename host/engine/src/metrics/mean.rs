//! The mean of some numbers, and how sure it is.

use super::accuracy::Z_95;
use super::spread::Spread;

/// The mean of differences between pairs of numbers, one pair for each example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MeanDifference {
    /// The arithmetic mean of the differences.
    pub mean: f64,
    /// The lower and upper end of Student's 95 % interval of the mean, `mean ± t s / sqrt(n)` with `n - 1` degrees of freedom;
    /// `None` for a single pair.
    pub interval: Option<[f64; 2]>,
}

impl MeanDifference {
    /// Of these differences; `None` for none.
    pub fn of(differences: &[f64]) -> Option<Self> {
        let Spread { count, mean, sd, .. } = Spread::of(differences)?;
        let half = |sd: f64| student_t_95(count - 1) * sd / (count as f64).sqrt();
        Some(Self { mean, interval: sd.map(half).map(|half| [mean - half, mean + half]) })
    }
}

/// Degrees of freedom from which on the expansion is exact to ten digits.
const MANY: usize = 200;

/// Student's t distribution's quantile at 0.975, for so many degrees of freedom, 1 or more.
///
/// For few degrees the angle with `tan(angle) = t / sqrt(degrees)` is found by bisection in the finite series of the
/// distribution (Abramowitz and Stegun 26.7.3 and 26.7.4); for many it is Cornish and Fisher's expansion around the normal
/// quantile (26.7.5).
fn student_t_95(degrees: usize) -> f64 {
    let n = degrees as f64;
    if degrees >= MANY {
        let z = Z_95;
        let terms = [
            z,
            (z.powi(3) + z) / 4.0,
            (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0,
            (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0,
        ];
        return terms.iter().rev().fold(0.0, |sum, term| sum / n + term);
    }
    let (mut low, mut high) = (0.0, std::f64::consts::FRAC_PI_2);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if within(middle, degrees) < 0.95 { low = middle } else { high = middle }
    }
    low.tan() * n.sqrt()
}

/// The probability that Student's t is within `± sqrt(degrees) tan(angle)`.
fn within(angle: f64, degrees: usize) -> f64 {
    let (sin, cos) = angle.sin_cos();
    // Even degrees: 1 + 1/2 c^2 + 1 3 / (2 4) c^4 ...; odd ones: c + 2/3 c^3 + 2 4 / (3 5) c^5 ...
    let odd = degrees % 2;
    let mut term = if odd == 1 { cos } else { 1.0 };
    let mut sum = if degrees > 1 { term } else { 0.0 };
    for factor in (odd + 1..degrees - 1).step_by(2) {
        term *= cos * cos * factor as f64 / (factor + 1) as f64;
        sum += term;
    }
    if odd == 1 { std::f64::consts::FRAC_2_PI * (angle + sin * sum) } else { sin * sum }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLERANCE: f64 = 1e-9;

    /// By the quantile's closed forms for 1, 2 and 4 degrees, and printed tables of the distribution.
    #[test]
    fn quantiles_are_those_of_the_tables() {
        let closed = [
            (1, (0.475 * std::f64::consts::PI).tan()),
            (2, 0.95 * (2.0 / (1.0 - 0.95f64.powi(2))).sqrt()),
            (4, {
                let q = ((1.0 / 3.0) * (1.0 - 0.95f64.powi(2)).sqrt().acos()).cos() / (1.0 - 0.95f64.powi(2)).sqrt();
                2.0 * (q - 1.0).sqrt()
            }),
        ];
        for (degrees, expected) in closed {
            assert!((student_t_95(degrees) - expected).abs() < TOLERANCE, "{degrees}: {}", student_t_95(degrees));
        }
        for (degrees, expected) in [(3, 3.182), (5, 2.571), (10, 2.228), (30, 2.042), (99, 1.984), (1000, 1.962)] {
            assert!((student_t_95(degrees) - expected).abs() < 5e-4, "{degrees}: {}", student_t_95(degrees));
        }
    }

    #[test]
    fn the_expansion_meets_the_series() {
        for degrees in [MANY, MANY + 1] {
            let t = student_t_95(degrees);
            let probability = within((t / (degrees as f64).sqrt()).atan(), degrees);
            assert!((probability - 0.95).abs() < TOLERANCE, "{degrees}: {probability}");
        }
        assert!((student_t_95(1 << 40) - Z_95).abs() < TOLERANCE);
    }

    /// Differences 1, 2, 3, 6: mean 3, sd sqrt(14 / 3), t of 3 degrees.
    #[test]
    fn an_interval_is_students() {
        let found = MeanDifference::of(&[1.0, 2.0, 3.0, 6.0]).unwrap();
        let half = 3.182446305284263 * (14.0f64 / 3.0).sqrt() / 2.0;
        let [low, high] = found.interval.unwrap();
        assert_eq!(found.mean, 3.0);
        assert!((low - (3.0 - half)).abs() < TOLERANCE && (high - (3.0 + half)).abs() < TOLERANCE, "{low} {high}");
        assert_eq!(MeanDifference::of(&[2.0]), Some(MeanDifference { mean: 2.0, interval: None }));
        assert_eq!(MeanDifference::of(&[]), None);
        assert_eq!(MeanDifference::of(&[0.5; 7]).unwrap().interval, Some([0.5, 0.5]));
    }
}
