//! The setting of the paper, by one option.

use std::path::Path;

use super::run_options::RunOptions;
use super::select::SelectBy;
use super::tune::STEPS;
use ft_engine::tune::Positions;

/// The name of the paper's optimizer, and of its file without the extension.
const OPTIMIZER: &str = "momentum";

options! {
    /// The published setting.
    pub struct PublishedOptions {
        /// The setting of arXiv 2305.13016: `--select last`, `--positions continue`, 15 steps, and the optimizer
        /// momentum with its defaults; an option that says otherwise is refused.
        #[arg(long)]
        published: bool, affects Nothing;
    }
}

/// An option beside `--published` that the published setting has another value of.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("`--published`: expected {expected}, got `{found}`")]
pub struct NotPublished {
    /// What the published setting has.
    pub expected: String,
    /// The option that is set, as a flag.
    pub found: String,
}

/// Lays the published setting over or under other options as what it stands for: where it is asked for above, options below
/// do not count that it settles; where it is asked for below, an option above that says otherwise counts, and the rest of
/// the setting stays.
pub(super) fn one_setting(above: &RunOptions, below: &mut RunOptions) {
    if above.published.published {
        below.published = PublishedOptions::default();
        below.selection = Default::default();
        below.optimizer = Default::default();
        (below.tune.steps, below.tune.positions) = (None, None);
    } else if below.published.published && departure(above).is_some() {
        below.stand_for_published();
        below.published = PublishedOptions::default();
    }
}

impl RunOptions {
    /// Sets what the published setting stands for, as far as it is open; nothing where it is not asked for.
    pub(super) fn stand_for_published(&mut self) {
        if self.published.published {
            self.selection.select.get_or_insert(SelectBy::Last);
            self.tune.positions.get_or_insert(Positions::Continue);
            self.tune.steps.get_or_insert(STEPS);
        }
    }

    /// Holds the other options to the published setting, where it is asked for.
    ///
    /// # Errors
    /// The first option that says otherwise.
    pub(crate) fn check_published(&self) -> Result<(), NotPublished> {
        match departure(self) {
            Some(departure) if self.published.published => Err(departure),
            _ => Ok(()),
        }
    }
}

/// The first option that says otherwise than the published setting.
fn departure(options: &RunOptions) -> Option<NotPublished> {
    let not = |expected: &str, found: String| Some(NotPublished { expected: expected.to_owned(), found });
    let last = "`--select last`";
    let (selection, tune) = (&options.selection, &options.tune);
    if let Some(select) = selection.select.filter(|select| *select != SelectBy::Last) {
        return not(last, format!("--select {select}"));
    }
    if let Some(held_out) = selection.held_out {
        return not(last, format!("--held-out {held_out}"));
    }
    if let Some(norm) = selection.until_norm {
        return not(last, format!("--until-norm {norm}"));
    }
    if let Some(positions) = tune.positions.filter(|positions| *positions != Positions::Continue) {
        return not("`--positions continue`", format!("--positions {positions}"));
    }
    if let Some(steps) = tune.steps.filter(|steps| *steps != STEPS) {
        return not(&format!("`--steps {STEPS}`"), format!("--steps {steps}"));
    }
    if let Some(optimizer) = options.optimizer.optimizer.as_deref().filter(|optimizer| !is_published(optimizer)) {
        return not(&format!("the optimizer `{OPTIMIZER}`"), format!("--optimizer {}", optimizer.display()));
    }
    let (name, value) = options.optimizer.optimizer_options.first()?;
    not("the optimizer's defaults", format!("-O {name}={value}"))
}

/// Whether this names the paper's optimizer: it is found by the name of its file, too, where none is named.
fn is_published(optimizer: &Path) -> bool {
    let is_component = optimizer.extension().is_none_or(|extension| extension == "wasm");
    is_component && optimizer.file_stem().is_some_and(|stem| stem == OPTIMIZER)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::options::{OptionGroup, Select};

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: RunOptions,
    }

    fn flags(line: &str) -> RunOptions {
        Line::try_parse_from(std::iter::once("ft-host").chain(line.split_whitespace())).unwrap().options
    }

    fn file(text: &str) -> RunOptions {
        RunOptions::parse(text, Path::new(""), Path::to_owned).unwrap()
    }

    #[test]
    fn it_stands_for_options() {
        let published = flags("--published").with_defaults();
        assert_eq!(published.check_published(), Ok(()));
        assert_eq!(published.selection.resolve(), Ok(Some(Select::Last)));
        let spelt = flags("--select last --positions continue --steps 15").with_defaults();
        assert_eq!(RunOptions { published: PublishedOptions::default(), ..published }, spelt);
        for same in ["--select last", "--steps 15", "--positions continue", "--optimizer a/momentum.wasm"] {
            assert_eq!(flags(&format!("--published {same}")).with_defaults().check_published(), Ok(()), "{same}");
        }
    }

    #[test]
    fn what_says_otherwise_in_one_source_is_refused_by_name() {
        for (option, key, expected) in [
            ("--select held-out", "select = 'held-out'", "`--select last`"),
            ("--held-out 8", "held-out = 8", "`--select last`"),
            ("--until-norm 0.5", "until-norm = 0.5", "`--select last`"),
            ("--positions restart", "positions = 'restart'", "`--positions continue`"),
            ("--steps 5", "steps = 5", "`--steps 15`"),
            ("--optimizer adam", "optimizer = 'adam'", "the optimizer `momentum`"),
            ("-O step_size=0.5", "optimizer-options = { step_size = 0.5 }", "the optimizer's defaults"),
        ] {
            for options in [flags(&format!("--published {option}")), file(&format!("published = true\n{key}\n"))] {
                let error = options.with_defaults().check_published().unwrap_err().to_string();
                assert_eq!(error, format!("`--published`: expected {expected}, got `{option}`"));
            }
        }
    }

    #[test]
    fn flags_win_over_the_file_in_both_directions() {
        let other =
            "steps = 5\nselect = 'held-out'\nheld-out = 4\noptimizer = 'adam'\nshots = 2\n[optimizer-options]\na = 1\n";
        let published = flags("--published").overlay(file(other));
        assert_eq!(published, flags("--published --shots 2"));
        let other = flags("--optimizer adam").overlay(file("published = true\nshots = 2\n"));
        let spelt = "--optimizer adam --shots 2 --select last --positions continue --steps 15";
        assert_eq!(other, flags(spelt));
        let other = flags("--held-out 8").overlay(file("published = true\n"));
        assert_eq!(other, flags("--held-out 8 --positions continue --steps 15"));
        let same = flags("--seed 3").overlay(file("published = true\n"));
        assert_eq!(same, flags("--seed 3 --published"));
    }
}
