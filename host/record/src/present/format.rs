//! Numbers as they are shown: with as many digits as they can bear.

use crate::files::controls::Baseline;
use crate::files::scores::{LoglikDifference, PairedScores};
use crate::files::spread::SpreadRecord;

/// Stands in the place of a number that there is not.
pub(crate) const NONE: &str = "-";

/// A share in percent: `81.2 %`.
pub fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A range of shares: `78.7-83.5 %`.
pub fn range([low, high]: [f64; 2]) -> String {
    format!("{:.1}-{:.1} %", 100.0 * low, 100.0 * high)
}

/// A difference of shares in percentage points, with its sign: `+1.2`.
pub fn points(difference: f64) -> String {
    let rounded = format!("{:+.1}", 100.0 * difference);
    if rounded == "-0.0" || rounded == "+0.0" { "0.0".into() } else { rounded }
}

/// A range of differences: `-0.3 to +2.6`.
pub fn points_range([low, high]: [f64; 2]) -> String {
    format!("{} to {}", points(low), points(high))
}

/// A probability after its `p`: `=0.34`, `=0.031`, `<0.001`.
pub fn p_value(p: f64) -> String {
    match p {
        ..0.001 => "<0.001".into(),
        // Not 0.10 where the third digit still tells.
        ..0.0995 => format!("={p:.3}"),
        _ => format!("={p:.2}"),
    }
}

/// A difference and how likely one as large would come of chance: `+1.2 (p=0.031)`.
pub(crate) fn versus(paired: Option<&PairedScores>) -> String {
    let shown = |paired: &PairedScores| format!("{} (p{})", points(paired.difference), p_value(paired.p_value));
    paired.map_or_else(|| NONE.into(), shown)
}

/// Mean and standard deviation of shares over seeds: `81.2 ± 1.3 %`.
pub(crate) fn spread(spread: &SpreadRecord) -> String {
    match spread.sd {
        Some(sd) => format!("{:.1} ± {:.1} %", 100.0 * spread.mean, 100.0 * sd),
        None => percent(spread.mean),
    }
}

/// Mean and standard deviation of numbers from 0 to 1 that are no percentages: `0.812 ± 0.013`.
pub(crate) fn share_spread(spread: &SpreadRecord) -> String {
    match spread.sd {
        Some(sd) => format!("{:.3} ± {sd:.3}", spread.mean),
        None => format!("{:.3}", spread.mean),
    }
}

/// Mean and standard deviation of differences over seeds, in percentage points: `+1.2 ± 0.4`.
pub(crate) fn points_spread(spread: Option<&SpreadRecord>) -> String {
    match spread {
        Some(SpreadRecord { mean, sd: Some(sd), .. }) => format!("{} ± {:.1}", points(*mean), 100.0 * sd),
        Some(spread) => points(spread.mean),
        None => NONE.into(),
    }
}

/// A log-likelihood in nats: `-0.561`.
pub(crate) fn nats(loglik: f64) -> String {
    signless_zero(format!("{loglik:.3}"))
}

/// A difference of log-likelihoods in nats, with its sign: `+0.120`.
pub(crate) fn nats_difference(difference: f64) -> String {
    signless_zero(format!("{difference:+.3}"))
}

fn signless_zero(rounded: String) -> String {
    if rounded == "-0.000" || rounded == "+0.000" { "0.000".into() } else { rounded }
}

/// A difference of log-likelihoods and its interval: `+0.120 (+0.050 to +0.190)`.
pub(crate) fn loglik_versus(paired: Option<&LoglikDifference>) -> String {
    let Some(LoglikDifference { difference, interval }) = paired else { return NONE.into() };
    let interval = interval.map(|[low, high]| format!(" ({} to {})", nats_difference(low), nats_difference(high)));
    format!("{}{}", nats_difference(*difference), interval.unwrap_or_default())
}

/// Mean and standard deviation of log-likelihoods over seeds, the mean as `shown`: `-0.561 ± 0.020`.
pub(crate) fn nats_spread(spread: Option<&SpreadRecord>, shown: fn(f64) -> String) -> String {
    match spread {
        Some(SpreadRecord { mean, sd: Some(sd), .. }) => format!("{} ± {sd:.3}", shown(*mean)),
        Some(spread) => shown(spread.mean),
        None => NONE.into(),
    }
}

/// A ratio from 0 on: `0.1250`; one below 0.001 or from a million on as `4.2e-4`.
pub(crate) fn ratio(ratio: f64) -> String {
    match ratio {
        0.0 => "0.0000".into(),
        0.001..1e6 => format!("{ratio:.4}"),
        _ => format!("{ratio:.1e}"),
    }
}

/// A baseline as a row of a table is called: `repeat 2`.
pub fn baseline(baseline: Baseline) -> String {
    let Baseline::Repeat(times) = baseline;
    format!("{} {times}", Baseline::REPEAT)
}

/// A step's number, with the name of steps 0 and 1.
pub fn step(step: u32) -> String {
    match step {
        0 => "zero-shot".into(),
        1 => "1 (in-context)".into(),
        _ => step.to_string(),
    }
}

/// A time in its two largest units.
pub(crate) fn duration(seconds: f64) -> String {
    let whole = seconds.round();
    match whole {
        ..100.0 => format!("{seconds:.1} s"),
        ..6000.0 => format!("{} min {:02} s", whole.div_euclid(60.0), whole.rem_euclid(60.0)),
        _ => format!("{} h {:02} min", whole.div_euclid(3600.0), whole.rem_euclid(3600.0).div_euclid(60.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_told_from_0_however_small() {
        let table = [
            (0.0, "0.0000"),
            (0.125, "0.1250"),
            (0.001, "0.0010"),
            (0.00042, "4.2e-4"),
            (12.5, "12.5000"),
            (2e7, "2.0e7"),
        ];
        for (number, expected) in table {
            assert_eq!(ratio(number), expected);
        }
    }

    #[test]
    fn probabilities_have_the_digits_that_matter() {
        let check = |p, expected: &str| assert_eq!(p_value(p), expected);
        check(0.0, "<0.001");
        check(0.000_999, "<0.001");
        check(0.001, "=0.001");
        check(0.0312, "=0.031");
        check(0.0994, "=0.099");
        check(0.0996, "=0.10");
        check(0.3421, "=0.34");
        check(1.0, "=1.00");
    }

    #[test]
    fn a_difference_has_its_sign_and_nothing_has_none() {
        let check = |difference, expected: &str| assert_eq!(points(difference), expected);
        check(0.0123, "+1.2");
        check(-0.5, "-50.0");
        check(-0.0004, "0.0");
        check(0.0, "0.0");
        let paired = PairedScores { difference: 0.012, p_value: 0.04, interval: [-0.003, 0.026], wins: 9, losses: 2 };
        assert_eq!(versus(Some(&paired)), "+1.2 (p=0.040)");
        assert_eq!(points_range(paired.interval), "-0.3 to +2.6");
    }

    #[test]
    fn log_likelihoods_have_three_digits_and_differences_a_sign() {
        assert_eq!(
            (nats(-0.5614), nats(-0.0001), nats_difference(-0.0001)),
            ("-0.561".into(), "0.000".into(), "0.000".into())
        );
        let of = |interval| loglik_versus(Some(&LoglikDifference { difference: 0.12, interval }));
        assert_eq!(of(Some([-0.05, 0.29])), "+0.120 (-0.050 to +0.290)");
        assert_eq!((of(None), loglik_versus(None)), ("+0.120".into(), "-".into()));
        let two = SpreadRecord { seeds: 2, mean: -0.5, sd: Some(0.0123), min: -0.6, max: -0.4 };
        assert_eq!(nats_spread(Some(&two), nats), "-0.500 ± 0.012");
        assert_eq!(baseline(Baseline::Repeat(4)), "repeat 4");
    }

    #[test]
    fn a_single_seed_has_no_spread() {
        let one = SpreadRecord { seeds: 1, mean: 0.5, sd: None, min: 0.5, max: 0.5 };
        assert_eq!((spread(&one), points_spread(Some(&one))), ("50.0 %".into(), "+50.0".into()));
        let two = SpreadRecord { seeds: 2, mean: 0.5, sd: Some(0.0123), min: 0.4, max: 0.6 };
        assert_eq!((spread(&two), points_spread(Some(&two))), ("50.0 ± 1.2 %".into(), "+50.0 ± 1.2".into()));
    }

    #[test]
    fn durations_stay_short() {
        let check = |seconds, expected: &str| assert_eq!(duration(seconds), expected);
        check(0.04, "0.0 s");
        check(99.44, "99.4 s");
        check(99.96, "1 min 40 s");
        check(119.7, "2 min 00 s");
        check(5999.4, "99 min 59 s");
        check(5999.9, "1 h 40 min");
        check(7384.0, "2 h 03 min");
    }
}
