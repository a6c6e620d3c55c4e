//! All options of a run.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compute::ComputeOptions;
use super::contexts::{CacheDTypeOptions, ContextOptions};
use super::define::{Declared, Effect, OptionGroup, serialize_of};
use super::evaluation::EvaluationOptions;
use super::limits::{LimitOptions, LimitTable, LimitTables};
use super::model::{HubCacheOptions, ModelOptions, NetworkOptions};
use super::optimizer::{DigestOptions, OptimizerOptions};
use super::output::OutputOptions;
use super::published::{PublishedOptions, one_setting};
use super::seeds::SeedOptions;
use super::select::SelectionOptions;
use super::task::{DataOptions, RowOptions, TaskOptions};
use super::tune::TuneOptions;

option_groups! {
    /// All options of a run. What is not set stays open until the defaults are laid under it (`RunOptions::with_defaults`).
    ///
    /// Groups begin at round numbers in the help, so that an option of one can stand between those of another by a
    /// `display_order` of its own. All are below 999, where clap has `--help`.
    pub struct RunOptions supersedes by as_a_whole {
        /// The task plugin and its options.
        #[command(flatten, next_display_order = 50)]
        task: TaskOptions,

        /// The optimizer plugin and its options.
        #[command(flatten, next_display_order = 100)]
        optimizer: OptimizerOptions,

        /// Which plugins may run.
        #[command(flatten, next_display_order = 150)]
        digests: DigestOptions,

        /// The model that is tuned.
        #[command(flatten, next_display_order = 200)]
        model: ModelOptions,

        /// Where rows come from.
        #[command(flatten, next_display_order = 250)]
        data: DataOptions,

        /// Which rows are used.
        #[command(flatten, next_display_order = 300)]
        rows: RowOptions,

        /// What rows are drawn by.
        #[command(flatten, next_display_order = 350)]
        seeds: SeedOptions,

        /// What is scored.
        #[command(flatten, next_display_order = 400)]
        evaluation: EvaluationOptions,

        /// The published setting.
        #[command(flatten, next_display_order = 440)]
        published: PublishedOptions,

        /// Which step is the result.
        #[command(flatten, next_display_order = 450)]
        selection: SelectionOptions,

        /// How the cache is tuned.
        #[command(flatten, next_display_order = 500)]
        tune: TuneOptions,

        /// How the model is computed.
        #[command(flatten, next_display_order = 550)]
        compute: ComputeOptions,

        /// Where results go.
        #[command(flatten, next_display_order = 600)]
        output: OutputOptions,

        /// Whether a saved context is scored, and whether tuned ones are kept.
        #[command(flatten, next_display_order = 620)]
        contexts: ContextOptions,

        /// How they are kept.
        #[command(flatten, next_display_order = 630)]
        cache_dtype: CacheDTypeOptions,

        /// Whether there is a network.
        #[command(flatten, next_display_order = 650)]
        network: NetworkOptions,

        /// Where downloads are kept.
        #[command(flatten, next_display_order = 700)]
        hub_cache: HubCacheOptions,

        /// What every plugin may use.
        #[command(flatten, next_display_order = 750)]
        limits: LimitOptions,

        /// What single plugins may use.
        #[command(flatten)]
        limit_tables: LimitTables,
    }
}

/// What options of several groups make void of those below them.
fn as_a_whole(above: &RunOptions, below: &mut RunOptions) {
    cap_tables(above, below);
    one_setting(above, below);
}

/// A run file's tables of limits stay within the flags.
fn cap_tables(above: &RunOptions, below: &mut RunOptions) {
    let LimitTables { task_limits, optimizer_limits } = &mut below.limit_tables;
    for LimitTable(limits) in [task_limits, optimizer_limits] {
        *limits = std::mem::take(limits).at_most(&above.limits);
    }
}

impl RunOptions {
    /// These options, and the defaults where they are open and there is a default that is the same everywhere. What a saved
    /// context settles stays open.
    pub(crate) fn with_defaults(mut self) -> Self {
        self.stand_for_published();
        let defaults = match self.contexts.context {
            Some(_) => Self::defaults().behind_context(),
            None => Self::defaults(),
        };
        self.overlay(defaults)
    }

    /// What `results.json` has of these options in its `config`, by the name there: of those that are set, and that a
    /// result may depend on.
    ///
    /// # Errors
    /// A path that is no text.
    pub(crate) fn recorded(&self) -> Result<BTreeMap<&'static str, Value>, serde_json::Error> {
        let effects = [Effect::Results, Effect::Rounding, Effect::Source];
        let values = serialize_of(&effects, "", self, serde_json::value::Serializer)?;
        let of = |option: Declared| {
            Some((option.recorded.strip_prefix("config.")?, values.get(option.name.to_string())?.clone()))
        };
        Ok(Self::declared().into_iter().filter_map(of).collect())
    }

    /// Where `results.json` has the options of these effects, like `config.steps`; some places are those of several options.
    pub(crate) fn recorded_of(effects: &[Effect]) -> Vec<&'static str> {
        let declared = Self::declared().into_iter();
        declared.filter(|option| effects.contains(&option.effect)).map(|option| option.recorded).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A run goes on, and a comparison is silent, over these alone: whoever declares another means to.
    #[test]
    fn effects_are_declared_where_they_are_known() {
        let of = |effect: Effect| {
            let found = RunOptions::declared().into_iter().filter(|option| option.effect == effect);
            found.map(|option| option.name.to_string()).collect::<BTreeSet<String>>()
        };
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<String>>();
        assert_eq!(of(Effect::Source), names(&["model", "data", "context"]));
        assert_eq!(of(Effect::Rounding), names(&["threads", "batch-tokens"]));
        let without: BTreeSet<String> =
            of(Effect::Nothing).into_iter().filter(|name| !name.starts_with("plugin-")).collect();
        let expected = [
            "task",
            "optimizer",
            "published",
            "require-digest",
            "out",
            "save-context",
            "cache-dtype",
            "offline",
            "cache-dir",
            "task-limits",
            "optimizer-limits",
        ];
        assert_eq!(without, names(&expected));
        let options: RunOptions = toml::from_str("steps = 3\nmodel = \"m\"\nout = \"o\"\ntask = \"t\"\n").unwrap();
        let recorded = BTreeMap::from([("steps", Value::from(3)), ("model", Value::from("m"))]);
        assert_eq!(options.recorded().unwrap(), recorded);
        let places: BTreeSet<&str> = RunOptions::recorded_of(&[Effect::Source]).into_iter().collect();
        assert_eq!(places, BTreeSet::from(["config.model", "config.data", "context.folder"]));
    }
}
