//! Two ways of answering the same examples, compared example by example.

use super::accuracy::Interval;
use super::binomial::{fair_tail, outcomes};

/// How often one way was right where the other was wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paired {
    /// Examples that only the first got right.
    pub wins: usize,
    /// Examples that only the second got right.
    pub losses: usize,
    /// The number of examples.
    pub n: usize,
}

impl Paired {
    /// Counts one more example by whether the first and the second got it right.
    pub fn add(&mut self, first: bool, second: bool) {
        self.wins += usize::from(first && !second);
        self.losses += usize::from(second && !first);
        self.n += 1;
    }

    /// The first's accuracy less the second's; `None` where nothing was counted.
    pub fn difference(self) -> Option<f64> {
        (self.n > 0).then(|| (self.wins as f64 - self.losses as f64) / self.n as f64)
    }

    /// McNemar's exact test: the two-sided probability of a split of the discordant examples at least as uneven, if
    /// either way were as likely as the other to win one. 1 where none differs.
    pub fn p_value(self) -> f64 {
        let smaller = self.wins.min(self.losses);
        (2.0 * fair_tail(self.wins + self.losses, smaller)).min(1.0)
    }

    /// The percentile bootstrap interval of the difference, with `level` (0.95) of the resamples between its ends.
    ///
    /// A resample of n examples depends on nothing but how many wins and losses it has, so the distribution over all
    /// n^n resamples is that of a trinomial; it is computed and nothing is drawn. That is what a bootstrap with ever
    /// more resamples comes to, without its noise or a seed. `None` where nothing was counted.
    pub fn bootstrap(self, level: f64) -> Option<Interval> {
        let Paired { wins, losses, n } = self;
        if n == 0 {
            return None;
        }
        // By the resample's wins less its losses, which is from -n to n.
        let mut distribution = vec![0.0; 2 * n + 1];
        let won = outcomes(n, wins as f64 / n as f64);
        // Of the examples that are not won, the part that is lost; where all are won, none is left to be.
        let lost_of_rest = losses as f64 / (n - wins).max(1) as f64;
        for (w, of_wins) in (won.first..).zip(&won.probabilities) {
            let lost = outcomes(n - w, lost_of_rest);
            for (l, of_losses) in (lost.first..).zip(&lost.probabilities) {
                distribution[n + w - l] += of_wins * of_losses;
            }
        }
        let total: f64 = distribution.iter().sum();
        let quantile = |part: f64| {
            let mut sum = 0.0;
            let reached = distribution.iter().position(|probability| {
                sum += probability;
                sum >= part * total
            });
            (reached.unwrap_or(2 * n) as f64 - n as f64) / n as f64
        };
        let outside = (1.0 - level) / 2.0;
        Some(Interval { low: quantile(outside), high: quantile(1.0 - outside) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples_are_counted() {
        let mut paired = Paired::default();
        for (first, second) in [(true, true), (true, false), (false, true), (true, false), (false, false)] {
            paired.add(first, second);
        }
        assert_eq!(paired, Paired { wins: 2, losses: 1, n: 5 });
        assert_eq!(paired.difference(), Some(0.2));
    }

    #[test]
    fn without_a_difference_nothing_is_shown() {
        let same = Paired { wins: 0, losses: 0, n: 100 };
        assert_eq!((same.p_value(), same.difference()), (1.0, Some(0.0)));
        assert_eq!(same.bootstrap(0.95), Some(Interval { low: 0.0, high: 0.0 }));
        assert_eq!(Paired { wins: 7, losses: 7, n: 14 }.p_value(), 1.0);
        let nothing = Paired::default();
        assert_eq!((nothing.p_value(), nothing.difference(), nothing.bootstrap(0.95)), (1.0, None, None));
    }

    #[test]
    fn all_won_is_all_won() {
        let all = Paired { wins: 10, losses: 0, n: 10 };
        assert_eq!(all.bootstrap(0.95), Some(Interval { low: 1.0, high: 1.0 }));
        assert_eq!(all.p_value(), 2.0 / 1024.0);
    }

    proptest! {
        #[test]
        fn swapping_the_two_turns_everything_round(wins in 0usize..400, losses in 0usize..400, ties in 1usize..400) {
            let n = wins + losses + ties;
            let there = Paired { wins, losses, n };
            let back = Paired { wins: losses, losses: wins, n };
            prop_assert_eq!(there.p_value(), back.p_value());
            prop_assert_eq!(there.difference(), back.difference().map(|x| 0.0 - x));
            let (there, back) = (there.bootstrap(0.95).unwrap(), back.bootstrap(0.95).unwrap());
            // An end that lies on a step of the distribution may fall on either side of it.
            prop_assert!((there.low + back.high).abs() <= 1.0 / n as f64 + 1e-12);
            prop_assert!((there.high + back.low).abs() <= 1.0 / n as f64 + 1e-12);
        }

        #[test]
        fn an_interval_is_around_the_difference(wins in 0usize..300, losses in 0usize..300, ties in 0usize..3000) {
            let n = wins + losses + ties;
            prop_assume!(n > 0);
            let paired = Paired { wins, losses, n };
            let interval = paired.bootstrap(0.95).unwrap();
            let difference = paired.difference().unwrap();
            prop_assert!(-1.0 <= interval.low && interval.low <= difference + 1e-12);
            prop_assert!(difference <= interval.high + 1e-12 && interval.high <= 1.0);
            prop_assert!((0.0..=1.0).contains(&paired.p_value()));
        }

        #[test]
        fn a_more_uneven_split_is_less_likely(discordant in 2usize..5000, wins in 0usize..2500) {
            let wins = wins.min(discordant / 2).max(1);
            let p = |wins| Paired { wins, losses: discordant - wins, n: discordant }.p_value();
            prop_assert!(p(wins - 1) <= p(wins));
        }
    }
}
