//! The seeds of a run.

use std::collections::BTreeSet;
use std::str::FromStr;

options! {
    /// What demonstrations and evaluation rows are drawn by.
    pub struct SeedOptions supersedes by one_way {
        /// Seed by which demonstrations and evaluation rows are drawn [default: 0].
        #[arg(long, value_name = "SEED", conflicts_with = "seeds")]
        seed: Option<u64>, default 0, recorded "config.seeds", affects Results;

        /// Several seeds, one after the other: 0..5 (without 5), 0..=4, or 0,1,2.
        #[arg(long, value_name = "SEEDS")]
        seeds: Option<Seeds>, affects Results;
    }
}

/// One way of saying which seeds replaces the other.
fn one_way(above: &SeedOptions, below: &mut SeedOptions) {
    if *above != SeedOptions::default() {
        *below = SeedOptions::default();
    }
}

impl SeedOptions {
    /// All seeds.
    ///
    /// # Errors
    /// Where both options are set.
    pub fn list(&self) -> Result<Vec<u64>, SeedAndSeeds> {
        match (self.seed, &self.seeds) {
            (Some(_), Some(_)) => Err(SeedAndSeeds),
            (_, Some(Seeds(seeds))) => Ok(seeds.clone()),
            (_, None) => Ok(vec![self.seed()]),
        }
    }
}

/// Both a seed and a list of seeds.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("expected one of `seed` and `seeds`, got both")]
pub struct SeedAndSeeds;

/// A list of seeds as people write it: `7`, `0,3,4`, `0..5` (without 5) or `0..=4`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(pub Vec<u64>);

impl std::fmt::Display for Seeds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seeds: Vec<String> = self.0.iter().map(u64::to_string).collect();
        f.write_str(&seeds.join(","))
    }
}

/// More seeds than anybody waits for.
const MOST_SEEDS: u64 = 10_000;

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("invalid seed list `{text}`: expected e.g. 0..5, 0..=4 or 0,1,2");
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let mut seeds = Vec::new();
        for part in text.split(',') {
            match part.split_once("..") {
                None => seeds.push(number(part)?),
                Some((from, to)) => {
                    let (from, end) = match to.strip_prefix('=') {
                        Some(last) => (number(from)?, number(last)?.saturating_add(1)),
                        None => (number(from)?, number(to)?),
                    };
                    if end.saturating_sub(from) > MOST_SEEDS {
                        return Err(format!(
                            "invalid seed list `{text}`: expected at most {MOST_SEEDS} seeds, got more in `{part}`"
                        ));
                    }
                    seeds.extend(from..end);
                }
            }
            if seeds.len() as u64 > MOST_SEEDS {
                return Err(format!("invalid seed list: expected at most {MOST_SEEDS} seeds, got more"));
            }
        }
        if seeds.is_empty() {
            return Err(format!(
                "invalid seed list `{text}`: expected at least one seed, got none (the number behind `..` is not part of the range)"
            ));
        }
        let mut seen = BTreeSet::new();
        match seeds.iter().find(|seed| !seen.insert(**seed)) {
            Some(twice) => Err(format!("invalid seed list `{text}`: duplicate seed {twice}")),
            None => Ok(Self(seeds)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_numbers_ranges_and_lists() {
        let seeds = |text: &str| text.parse::<Seeds>().map(|Seeds(seeds)| seeds);
        assert_eq!(seeds("7"), Ok(vec![7]));
        assert_eq!(seeds("0..5"), Ok(vec![0, 1, 2, 3, 4]));
        assert_eq!(seeds("3, 0..=1,9"), Ok(vec![3, 0, 1, 9]));
        for text in
            ["", "a", "-1", "0..", "..3", "5..5", "1,1", "0..3,2", "0..99999999", "0...3", "1,", "0..9000,9000..18000"]
        {
            assert!(seeds(text).is_err(), "{text:?}");
        }
        assert_eq!(seeds("18446744073709551615"), Ok(vec![u64::MAX]));
    }
}
