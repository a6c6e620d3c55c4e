//! The constants of ALiBi.

/// The slopes of ALiBi (Press et al. 2021, arXiv 2108.12409, section 3): a geometric series for a power of two;
/// for other numbers of heads that of the next lower power, then every other slope of the next higher.
pub(super) fn alibi_slopes(heads: usize) -> Vec<f32> {
    let lower = if heads.is_power_of_two() { heads } else { heads.next_power_of_two() / 2 };
    let series = |n: usize, k: usize| 2f64.powf(-8.0 * k as f64 / n as f64) as f32;
    let own = (1..=lower).map(|k| series(lower, k));
    let between = (1..).step_by(2).map(|k| series(2 * lower, k));
    own.chain(between).take(heads).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slopes_for_powers_of_two_and_others() {
        assert_eq!(alibi_slopes(4), [0.25, 0.0625, 0.015625, 0.00390625]);
        let six = alibi_slopes(6);
        assert_eq!(six[..4], [0.25, 0.0625, 0.015625, 0.00390625]);
        assert_eq!(six[4..], [0.5, 0.125]);
    }
}
