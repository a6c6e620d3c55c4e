//! Which way the step is selected where the user names none: that follows from what is drawn.

use super::error::DrawError;
use crate::options::{HeldOut, ScoreSteps, Select};
use crate::run::inputs::config::RunConfig;

/// Demonstrations of a seed from which on one of them can be left out.
const FEWEST: usize = 2;

/// The way that a run selects the step of its seeds, which show so many demonstrations at least: the one that is asked
/// for, or else by held-out examples where every seed has a demonstration to leave out and there is a step to select.
pub fn settle(config: &RunConfig, fewest: usize) -> Select {
    match config.select {
        Some(select) => select,
        None if fewest >= FEWEST && moves_the_cache(config.steps, &config.score_steps) => {
            Select::HeldOut(HeldOut::Either)
        }
        None => Select::Last,
    }
}

/// Why the last step is the result though nobody asked for it; `None` where it was asked for, or is the only one. `unusable` tells
/// what is wrong with the held-out examples of a seed, where it is that.
pub fn note(config: &RunConfig, select: Select, unusable: Option<&DrawError>) -> Option<String> {
    let unasked = config.select.is_none() && select == Select::Last;
    (unasked && moves_the_cache(config.steps, &config.score_steps)).then(|| {
        let why = match unusable {
            None => "to select it by held-out examples takes two demonstrations or more".to_owned(),
            Some(why) => format!("held-out examples cannot select it ({why})"),
        };
        format!("the last step is the result: {why}; `--held-out N` holds out N rows of their split instead")
    })
}

/// Whether steps are scored at which the cache has moved: there is nothing to select from step 1 alone.
fn moves_the_cache(steps: usize, score_steps: &ScoreSteps) -> bool {
    score_steps.resolve(steps).is_ok_and(|scored| scored.last().is_some_and(|last| *last > 1))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::options::RunOptions;
    use crate::run::{Purpose, RunOverrides};
    use ft_store::machine::environment::Environment;
    use ft_store::plugin_path::PluginPath;

    pub fn config(keys: &str) -> RunConfig {
        let options: RunOptions =
            toml::from_str(&format!("task = './t.wasm'\noptimizer = 'momentum.wasm'\n{keys}\n")).unwrap();
        let path = PluginPath::new(&Environment::from_variables(&|_| None, None, None));
        RunConfig::new(Purpose::Score, options, 1, RunOverrides::default(), &path).unwrap()
    }

    #[test]
    fn held_out_examples_select_where_there_are_any_and_something_to_select() {
        let by_held_out = Select::HeldOut(HeldOut::Either);
        for (keys, fewest, expected, is_told) in [
            ("", 2, by_held_out, false),
            ("", 1, Select::Last, true),
            ("", 0, Select::Last, true),
            ("steps = 1", 4, Select::Last, false),
            ("steps = 1", 1, Select::Last, false),
            ("score-steps = '1'", 4, Select::Last, false),
            ("score-steps = '1,3'", 4, by_held_out, false),
            ("score-steps = 'last'", 2, by_held_out, false),
            ("select = 'last'", 4, Select::Last, false),
            ("published = true", 4, Select::Last, false),
            ("select = 'held-out'", 1, by_held_out, false),
            ("held-out = 8", 1, Select::HeldOut(HeldOut::Rows(8)), false),
            ("select = 'converged'", 4, Select::Converged { until_norm: None }, false),
        ] {
            let config = config(keys);
            let select = settle(&config, fewest);
            assert_eq!((select, note(&config, select, None).is_some()), (expected, is_told), "`{keys}`, {fewest}");
        }
    }
    #[test]
    fn a_run_that_cannot_be_selected_as_usual_says_why() {
        let why = DrawError::NothingHeldOut { rows: 4, overlapping: 4, unusable: 0 };
        let told = "the last step is the result: held-out examples cannot select it (nothing is left to select the step by: \
                    expected rows to keep, got 4 held-out rows to leave out (4 demonstrations or evaluation rows too)); \
                    `--held-out N` holds out N rows of their split instead";
        assert_eq!(note(&config(""), Select::Last, Some(&why)).as_deref(), Some(told));
    }
}
