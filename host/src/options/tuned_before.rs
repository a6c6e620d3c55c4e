//! Options beside `--context`: a saved context was tuned before, so that some are refused, and others have no default.

use super::compute::ComputeOptions;
use super::define::serialize;
use super::evaluation::EvaluationOptions;
use super::model::ModelOptions;
use super::run_options::RunOptions;
use super::seeds::SeedOptions;
use super::task::RowOptions;
use super::tune::TuneOptions;

/// Options on what a saved context has behind it: how its demonstrations were drawn, how it was tuned and selected, and how tuned
/// contexts are scored and saved.
const ON_TUNING: [&str; 17] = [
    "optimizer",
    "optimizer-options",
    "sampling",
    "shots",
    "seed",
    "seeds",
    "steps",
    "positions",
    "allow-nonfinite",
    "published",
    "select",
    "held-out",
    "until-norm",
    "score-steps",
    "baseline",
    "save-context",
    "cache-dtype",
];

/// Options on tuning beside `--context`.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("`--context`: expected no options on tuning, since the context was tuned before, got {}", quoted(.found))]
pub struct TuningOptions {
    /// The options that are set, as flags.
    pub found: Vec<String>,
}

fn quoted(flags: &[String]) -> String {
    flags.iter().map(|flag| format!("`{flag}`")).collect::<Vec<String>>().join(", ")
}

impl RunOptions {
    /// The options on tuning that are set, as flags. To be asked before defaults are laid under the options.
    ///
    /// # Errors
    /// A path that is no text.
    pub(crate) fn on_tuning(&self) -> Result<Vec<String>, serde_json::Error> {
        let set = serialize("", self, serde_json::value::Serializer)?;
        let flag = |name: &&str| match *name {
            "optimizer-options" => "-O".to_owned(),
            name => format!("--{name}"),
        };
        let set = ON_TUNING.iter().filter(|name| set.get(**name).is_some()).map(flag);
        // No demonstration is read any more.
        let data = self.data.data.iter().filter(|place| place.starts_with("demonstrations="));
        Ok(set.chain(data.map(|place| format!("--data {place}"))).collect())
    }

    /// Defaults without those of options that a saved context settles: none stands for what the context has.
    pub(super) fn behind_context(self) -> Self {
        Self {
            model: ModelOptions::default(),
            rows: RowOptions { sampling: None, ..self.rows },
            seeds: SeedOptions::default(),
            evaluation: EvaluationOptions { score_steps: None, ..self.evaluation },
            tune: TuneOptions::default(),
            compute: ComputeOptions { dtype: None, weights: None, ..self.compute },
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::OptionGroup;

    #[test]
    fn options_on_tuning_are_told_from_those_on_scoring() {
        let names: Vec<String> = RunOptions::declared().iter().map(|option| option.name.to_string()).collect();
        for name in ON_TUNING {
            assert!(names.iter().any(|known| known == name), "{name}");
        }
        let found = |text: &str| toml::from_str::<RunOptions>(text).unwrap().on_tuning().unwrap();
        // Whoever adds an option says here whether it goes with a saved context.
        let scoring = "context = 'c'\ntask = 't'\ntask-options = { a = 1 }\ndescription = ''\nmodel = 'm'\ndtype = 'f32'\n\
                       weights = 'dense'\ndata = 'sample'\nquoting = 'csv'\nskip-bad-rows = true\nsample = 3\nlimit = 2\n\
                       allow-overlap = true\nmutual-information = true\ndevice = 'cpu'\nthreads = 1\nbatch-tokens = 9\n\
                       out = 'o'\noffline = true\ncache-dir = 'h'\n";
        assert_eq!(found(scoring), [""; 0]);
        let told = scoring.lines().filter_map(|line| Some(line.split_once(" = ")?.0)).chain(ON_TUNING);
        let told: Vec<&str> = told.chain(["require-digest", "task-limits", "optimizer-limits"]).collect();
        let untold = names.iter().filter(|name| !name.starts_with("plugin-") && !told.contains(&name.as_str()));
        assert_eq!(untold.collect::<Vec<_>>(), [""; 0]);
        let tuning = "optimizer = 'x'\noptimizer-options = { a = 1 }\nseed = 0\nheld-out = 4\nbaseline = 'repeat=2'\n\
                      data = ['evaluation=e.csv', 'demonstrations=d.csv']\n";
        let found = found(tuning);
        let expected = ["--optimizer", "-O", "--seed", "--held-out", "--baseline", "--data demonstrations=d.csv"];
        assert_eq!(found, expected);
        // What is printed as a run file can be run.
        let printed = toml::from_str::<RunOptions>("context = 'c'").unwrap().with_defaults();
        assert_eq!(printed.on_tuning().unwrap(), [""; 0]);
        assert_eq!((printed.compute.dtype, printed.model.model), (None, None));
        let told = TuningOptions { found: found[..2].to_vec() }.to_string();
        let expected =
            "`--context`: expected no options on tuning, since the context was tuned before, got `--optimizer`, `-O`";
        assert_eq!(told, expected);
    }
}
