//! Everything that a run depends on.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;

use crate::model::device::{DTypeChoice, DeviceChoice};
use crate::model::weights::WeightFormat;
use crate::plugin::Limits;
use crate::store::data::DataLocation;
use crate::tune::Positions;

/// What will happen, with every default filled in. Two runs of one configuration give one result, but for times.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// The task plugin's file.
    pub task: PathBuf,
    /// The optimizer plugin's file.
    pub optimizer: PathBuf,
    /// What the user set of the task's options.
    pub task_options: Vec<(String, String)>,
    /// What the user set of the optimizer's options.
    pub optimizer_options: Vec<(String, String)>,
    /// What the user calls the model.
    pub model: String,
    /// Where rows come from.
    pub data: DataLocation,
    /// Demonstrations, for each class where the task has classes.
    pub shots: usize,
    /// Seeds the choice of rows.
    pub seed: u64,
    /// Deep-Thinking steps; step 1 is plain in-context learning.
    pub steps: usize,
    /// To score only the first so many evaluation rows.
    pub limit: Option<usize>,
    /// Which steps are scored, besides zero-shot and step 1.
    pub score_steps: ScoreSteps,
    /// Which positions the passes from step 2 on have.
    pub positions: Positions,
    /// Where the model runs.
    pub device: DeviceChoice,
    /// The number format of weights, keys and values.
    pub dtype: DTypeChoice,
    /// How weight matrices are held.
    pub weights: WeightFormat,
    /// Threads for computing.
    pub threads: usize,
    /// Query tokens that run together.
    pub batch_tokens: usize,
    /// The folder for results.
    pub out: PathBuf,
    /// To run even where memory will not be enough.
    pub force: bool,
    /// What each plugin may use.
    pub limits: Limits,
}

/// Which steps to score, besides zero-shot and step 1, which always are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScoreSteps {
    /// Every step.
    All,
    /// The last step.
    Last,
    /// These steps.
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
            Ok(step) if step > 0 => Ok(step),
            _ => Err(format!("`{}` is no step; all, last or a list like 1,5,10 was expected", text.trim())),
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
