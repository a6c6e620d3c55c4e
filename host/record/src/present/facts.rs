//! What a run was made of, in a few lines.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::analysis::group_report::GroupReport;
use crate::analysis::run_report::RunReport;
use crate::files::schema::{PlanRecord, PluginRecord, ScoredContextRecord};
use ft_engine::text::Untrusted;

/// What was run, as names and values that can be shown.
pub fn of_run(run: &RunReport) -> Vec<(&'static str, String)> {
    of_plan(&run.results.plan)
}

/// What a plan says of it, as names and values that can be shown.
pub fn of_plan(plan: &PlanRecord) -> Vec<(&'static str, String)> {
    let config = &plan.config;
    let plugin = |plugin: &PluginRecord, options: &BTreeMap<Untrusted, Untrusted<Value>>| {
        let options = options.iter().map(|(name, value)| format!(", {}={}", name.harmless(), value.harmless()));
        format!("{} {}{}", plugin.name.harmless(), plugin.version.harmless(), options.collect::<String>())
    };
    let (asked, source) = (plan.model.asked.harmless(), plan.model.source.harmless());
    let evaluation = plan.data.iter().find(|data| data.split == "evaluation");
    let data = evaluation.map_or_else(
        || config.data.harmless(),
        |data| {
            let (scored, all) = (plan.evaluation_rows, plan.evaluation_split_rows);
            let (repository, name) = (data.repository.harmless(), data.name.harmless());
            format!("{repository} {name}, {scored} of {all} rows ({})", config.data.harmless())
        },
    );
    let seeds: Vec<String> = config.seeds.iter().map(u64::to_string).collect();
    let settings = format!(
        "shots {}, {} steps, seeds {}, select {}, positions {}",
        config.shots,
        config.steps,
        seeds.join(","),
        config.select.harmless(),
        config.positions.harmless()
    );
    let mut facts = vec![
        ("task", plugin(&plan.task, &plan.options.task)),
        ("optimizer", plugin(&plan.optimizer, &plan.options.optimizer)),
        ("model", format!("{asked} ({source}), {} on {}", config.dtype.harmless(), config.device.harmless())),
        ("data", data),
        ("settings", settings),
    ];
    facts.extend(plan.context.as_ref().map(|context| ("context", of_context(context))));
    facts.push(("host", format!("ft-host {}", plan.host_version.harmless())));
    facts
}

/// Which saved context was scored.
fn of_context(context: &ScoredContextRecord) -> String {
    let ScoredContextRecord { folder, step, sha256, stored_dtype, host_version } = context;
    format!(
        "`{}`, tuned before: step {step}, stored in {}, sha256 {}, by ft-host {}",
        folder.harmless(),
        stored_dtype.harmless(),
        sha256.harmless(),
        host_version.harmless()
    )
}

/// What a group is, and what its runs have in common: the first of them tells, and a note where others differ.
pub fn of_group(group: &GroupReport) -> Vec<(&'static str, String)> {
    let (complete, of) = (group.complete().count(), group.record.subtasks.len());
    let mut facts =
        vec![("group", group.record.name.harmless()), ("subtasks", format!("{of}, of which {complete} are complete"))];
    let of_run = group.runs.first().map(|(_, run)| of_run(run)).unwrap_or_default();
    facts.extend(of_run.into_iter().filter(|(name, _)| !matches!(*name, "task" | "data")));
    facts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::context::testing::{plan, record};

    #[test]
    fn a_context_that_is_scored_is_among_the_facts() {
        let names = |plan: &PlanRecord| of_plan(plan).into_iter().map(|(name, _)| name).collect::<Vec<_>>();
        assert_eq!(names(&plan()), ["task", "optimizer", "model", "data", "settings", "host"]);
        let scored = PlanRecord { context: Some(record().scored("a\u{1b}[2J")), ..plan() };
        assert_eq!(names(&scored), ["task", "optimizer", "model", "data", "settings", "context", "host"]);
        let digest = "cd".repeat(32);
        let expected =
            format!("`a\\u{{1b}}[2J`, tuned before: step 3, stored in bf16, sha256 {digest}, by ft-host 0.1.0");
        assert_eq!(of_plan(&scored)[5].1, expected);
    }
}
