//! What `--baseline` takes.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use ft_record::files::controls::Baseline;

/// Baselines as people write them, `repeat=2,4`: the demonstrations twice, and four times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Baselines(pub BTreeSet<Baseline>);

impl FromStr for Baselines {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "expected a list like {}=2,4, of different numbers from 2 to {}, got `{text}`",
                Baseline::REPEAT,
                Baseline::MOST_REPEATS
            )
        };
        let times = text.split_once('=').filter(|(word, _)| *word == Baseline::REPEAT).ok_or_else(wrong)?.1;
        let mut baselines = BTreeSet::new();
        for times in times.split(',') {
            let baseline = times.trim().parse().ok().and_then(Baseline::repeat).ok_or_else(wrong)?;
            if !baselines.insert(baseline) {
                return Err(wrong());
            }
        }
        Ok(Self(baselines))
    }
}

impl fmt::Display for Baselines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times: Vec<String> = self.0.iter().map(|Baseline::Repeat(times)| times.to_string()).collect();
        write!(f, "{}={}", Baseline::REPEAT, times.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn baselines_are_a_word_and_numbers_in_any_order() {
        let shown = |text: &str| text.parse::<Baselines>().map(|baselines| baselines.to_string());
        assert_eq!(shown("repeat=2"), Ok("repeat=2".into()));
        assert_eq!(shown("repeat=4, 2"), Ok("repeat=2,4".into()));
        for text in ["", "repeat", "repeat=", "repeat=1", "repeat=2,2", "repeat=2,", "repeat=2000", "zero", "2,4"] {
            assert!(shown(text).is_err(), "{text:?}");
        }
    }
}
