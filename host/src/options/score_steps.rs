//! What `--score-steps` takes.

use std::collections::BTreeSet;
use std::str::FromStr;

use super::parse::MOST_STEPS;

/// Which steps to score, besides zero-shot and step 1, which always are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScoreSteps {
    /// All steps of a run.
    All,
    /// The last step of a run.
    Last,
    /// The steps with these numbers, from 1.
    List(BTreeSet<usize>),
}

impl FromStr for ScoreSteps {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "all" => return Ok(Self::All),
            "last" => return Ok(Self::Last),
            _ => {}
        }
        let step = |text: &str| match text.trim().parse::<usize>() {
            Ok(step) if (1..=MOST_STEPS).contains(&step) => Ok(step),
            _ => Err(format!("expected all, last or a list of steps like 1,5,10, got `{}`", text.trim())),
        };
        text.split(',').map(step).collect::<Result<_, _>>().map(Self::List)
    }
}

impl std::fmt::Display for ScoreSteps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Last => f.write_str("last"),
            Self::List(steps) => {
                let steps: Vec<String> = steps.iter().map(usize::to_string).collect();
                f.write_str(&steps.join(","))
            }
        }
    }
}

impl ScoreSteps {
    /// The steps to score out of `steps`, step 1 among them; or the one asked for that is beyond the last.
    pub fn resolve(&self, steps: usize) -> Result<BTreeSet<usize>, usize> {
        let mut chosen = match self {
            Self::All => (1..=steps).collect(),
            Self::Last => BTreeSet::from([steps]),
            Self::List(list) => list.clone(),
        };
        chosen.insert(1);
        match chosen.last() {
            Some(last) if *last > steps => Err(*last),
            _ => Ok(chosen),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_chosen_by_word_or_list() {
        let resolve = |text: &str| text.parse::<ScoreSteps>().unwrap().resolve(4);
        assert_eq!(resolve("all"), Ok(BTreeSet::from([1, 2, 3, 4])));
        assert_eq!(resolve("last"), Ok(BTreeSet::from([1, 4])));
        assert_eq!(resolve("3, 2"), Ok(BTreeSet::from([1, 2, 3])));
        assert_eq!(resolve("5"), Err(5));
        for text in ["", "0", "1,", "none", "-1"] {
            assert!(text.parse::<ScoreSteps>().is_err(), "{text:?}");
        }
    }
}
