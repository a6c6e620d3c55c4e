//! Everything that a run depends on.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::str::FromStr;

use ft_engine::model::device::{DTypeChoice, DeviceChoice};
use ft_engine::model::weights::WeightFormat;
use ft_engine::task::sampling::Sampling;
use ft_engine::tune::Positions;
use ft_sandbox::Limits;
use ft_store::datasets::location::DataLocation;

/// What will happen, with every default filled in. Two runs of one configuration give one result, but for times.
#[derive(Clone, Debug)]
pub struct RunConfig {
    /// The task and what is read for it.
    pub task: TaskConfig,
    /// The optimizer plugin's file.
    pub optimizer: PathBuf,
    /// What the user set of the optimizer's options.
    pub optimizer_options: Vec<(String, String)>,
    /// What the optimizer may use.
    pub optimizer_limits: Limits,
    /// SHA-256 of plugins' files in hexadecimal: where any are named, no other plugin runs.
    pub required_digests: Vec<String>,
    /// To go on with a cache that has numbers in it that are not finite.
    pub allow_nonfinite: bool,
    /// What the user calls the model.
    pub model: String,
    /// Seeds for the choice of rows, each with a run of its own.
    pub seeds: Vec<u64>,
    /// Deep-Thinking steps; step 1 is plain in-context learning.
    pub steps: usize,
    /// To score only the first so many of the evaluation rows that are drawn and not left out.
    pub limit: Option<usize>,
    /// To score evaluation rows too that are demonstrations.
    pub allow_overlap: bool,
    /// Which steps are scored, besides zero-shot and step 1.
    pub score_steps: ScoreSteps,
    /// Which step is the result.
    pub select: Select,
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
    /// To run even where memory will not be enough, where the model has settings or tensors that nobody here knows, or
    /// where a data file has other names for the classes than the task.
    pub force: bool,
    /// To set an earlier run in that folder aside, whatever it is.
    pub restart: bool,
}

/// A task, its data and its demonstrations: what prompts depend on.
#[derive(Clone, Debug)]
pub struct TaskConfig {
    /// The task plugin's file.
    pub plugin: PathBuf,
    /// What the user set of its options.
    pub options: Vec<(String, String)>,
    /// Where rows come from.
    pub data: DataLocation,
    /// To leave out rows that cannot be read, that the task rejects or that cannot be scored, and count them.
    pub skip_bad_rows: bool,
    /// How demonstrations are chosen.
    pub sampling: Sampling,
    /// Demonstrations: for each class where they are drawn class by class, in all otherwise. Where it is left open, all that
    /// are written, or else one.
    pub shots: Option<usize>,
    /// To use only so many evaluation rows, drawn at random by the seed; where it is left open, as many as the task asks for.
    pub sample: Option<usize>,
    /// What the task may use.
    pub limits: Limits,
}

/// How the step whose scores are the result is chosen, without a look at the evaluation split's answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Select {
    /// The last one.
    Last,
    /// The one at which examples that are no part of the evaluation have the highest likelihood.
    HeldOut(HeldOut),
    /// The one at which the iteration has settled: the optimizer says so, or the pseudo-gradient's norm falls below a bound.
    Converged {
        /// The bound, on the norm over the whole cache.
        until_norm: Option<f64>,
    },
}

impl std::fmt::Display for Select {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Last => "last",
            Self::HeldOut(_) => "held-out",
            Self::Converged { .. } => "converged",
        })
    }
}

/// What a step is chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldOut {
    /// The demonstrations themselves, each scored over a cache of the others.
    LeaveOneOut,
    /// So many rows of the demonstrations' split that are no demonstrations.
    Rows(usize),
    /// The demonstrations where there are two or more, else 32 rows.
    Either,
}

/// Rows that may be held out: each is scored at every step.
const MOST_HELD_OUT: usize = 10_000_000;

/// Rows that are held out where a single demonstration leaves nothing to leave out.
pub const HELD_OUT_ROWS: usize = 32;

impl FromStr for HeldOut {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("leave-one-out", _) => Ok(Self::LeaveOneOut),
            (_, Ok(rows)) if (1..=MOST_HELD_OUT).contains(&rows) => Ok(Self::Rows(rows)),
            _ => Err(format!("expected leave-one-out or a number of rows from 1 to {MOST_HELD_OUT}, got `{text}`")),
        }
    }
}

impl std::fmt::Display for HeldOut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::LeaveOneOut => f.write_str("leave-one-out"),
            Self::Rows(rows) => write!(f, "{rows}"),
            Self::Either => f.write_str("auto"),
        }
    }
}

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

/// More steps than anybody waits for.
pub const MOST_STEPS: usize = 100_000;

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no list of seeds; one like 0..5, 0..=4 or 0,1,2 was expected");
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
                        return Err(format!("`{part}` are more than {MOST_SEEDS} seeds"));
                    }
                    seeds.extend(from..end);
                }
            }
            if seeds.len() as u64 > MOST_SEEDS {
                return Err(format!("expected at most {MOST_SEEDS} seeds, got more"));
            }
        }
        if seeds.is_empty() {
            return Err(format!("`{text}` has no seed in it; the number behind `..` is not part of the range"));
        }
        let mut seen = BTreeSet::new();
        match seeds.iter().find(|seed| !seen.insert(**seed)) {
            Some(twice) => Err(format!("seed {twice} is there twice in `{text}`")),
            None => Ok(Self(seeds)),
        }
    }
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

    #[test]
    fn held_out_is_a_word_or_a_number() {
        assert_eq!("leave-one-out".parse(), Ok(HeldOut::LeaveOneOut));
        assert_eq!("12".parse(), Ok(HeldOut::Rows(12)));
        for text in ["", "0", "-1", "auto", "leave"] {
            assert!(text.parse::<HeldOut>().is_err(), "{text:?}");
        }
    }

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
