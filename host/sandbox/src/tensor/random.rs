//! Numbers that follow from a seed: the same in every process, on every machine and for every device.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// Standard normal numbers without end: ChaCha with 8 rounds (`ChaCha8Rng::seed_from_u64`), turned into normal numbers in
/// double precision by the ziggurat method (Marsaglia and Tsang, "The ziggurat method for generating random variables", 2000;
/// `rand_distr`'s `StandardNormal`) and rounded to single precision.
pub(crate) fn standard_normal(seed: u64) -> impl Iterator<Item = f32> {
    StandardNormal.sample_iter(ChaCha8Rng::seed_from_u64(seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far the mean and the variance of the numbers below may be from those of the distribution: four standard errors,
    /// which are 1 / sqrt(n) and sqrt(2 / n).
    const NUMBERS: usize = 100_000;
    const MEAN_TOLERANCE: f64 = 4.0 * 0.003_163;
    const VARIANCE_TOLERANCE: f64 = 4.0 * 0.004_473;

    #[test]
    fn numbers_follow_from_the_seed() {
        let first = |seed| standard_normal(seed).take(4).collect::<Vec<f32>>();
        assert_eq!(first(0), first(0));
        assert_ne!(first(0), first(1));
        // Known numbers: another generator would change what optimizers do.
        assert_eq!(first(0), [0.699_960_77, -0.144_061_64, 0.302_886_28, -1.374_513_9]);
        assert_eq!(first(u64::MAX), [0.451_03, -0.129_315_26, -0.205_948_3, -0.185_436_14]);
    }

    #[test]
    fn numbers_are_standard_normal() {
        let numbers: Vec<f64> = standard_normal(7).take(NUMBERS).map(f64::from).collect();
        let mean = numbers.iter().sum::<f64>() / NUMBERS as f64;
        let variance = numbers.iter().map(|number| (number - mean).powi(2)).sum::<f64>() / NUMBERS as f64;
        assert!(mean.abs() < MEAN_TOLERANCE, "{mean}");
        assert!((variance - 1.0).abs() < VARIANCE_TOLERANCE, "{variance}");
        // A normal number is within one standard deviation with probability 0.6827, within two with 0.9545.
        for (bound, expected) in [(1.0, 0.6827), (2.0, 0.9545)] {
            let within = numbers.iter().filter(|number| number.abs() < bound).count() as f64 / NUMBERS as f64;
            assert!((within - expected).abs() < 0.006, "{within} within {bound}");
        }
    }
}
