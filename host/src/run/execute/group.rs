//! Carrying out the plans of a group: subtask by subtask, with one reading of the weights.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::execution::{Found, Outcome, done_already, execute_with, load};
use crate::run::error::RunError;
use crate::run::folder::group_folder::GroupFolder;
use crate::run::folder::out_folder;
use crate::run::observer::{Event, Observer};
use crate::run::plan::group::GroupPlan;
use crate::run::plan::prepare::Plan;
use crate::run::plan::weights::SharedWeights;
use crate::run::usage::PluginUsage;
use ft_engine::model::Decoder;
use ft_record::analysis::group::averages;
use ft_record::analysis::{Analysis, Known};
use ft_record::files::controls::Controls;
use ft_record::files::group::{GROUP_FORMAT_VERSION, GroupRecord, SubtaskRecord};
use ft_record::files::samples::SampleRecord;
use ft_record::files::schema::ResultsRecord;

/// What came of the runs of a group.
pub struct GroupOutcome {
    /// What was written to `group.json`.
    pub record: GroupRecord,
    /// The folder of the results.
    pub folder: PathBuf,
    /// Whether the runs were stopped before their end.
    pub interrupted: bool,
    /// What the plugins used in all runs together.
    pub usage: Vec<PluginUsage>,
}

/// Carries out the runs of a group, one after another. When `stop` becomes true, the run that goes on ends at the next batch or
/// question of the optimizer, and no further one begins. What an earlier process did of the same plans is not done again, and
/// weights are read where something is left to do.
///
/// # Errors
/// Failures of the model, the optimizer or the disk, with the subtask's name; what was scored before is in the folders.
pub fn execute_group(
    group: GroupPlan,
    weights: &SharedWeights,
    observer: &Arc<dyn Observer>,
    stop: &AtomicBool,
) -> Result<GroupOutcome, RunError> {
    let mut runs = Runs { weights, decoder: None, found: 0, usage: Vec::new() };
    let (folder, done) = begun(&group, &mut runs, observer)?;
    let GroupPlan { name, out, subtasks: plans } = group;
    let (subtasks, plans): (Vec<SubtaskRecord>, Vec<Plan>) = plans.into_iter().unzip();
    let record = |complete: &[(&SubtaskRecord, Analysis)]| {
        let analyses: Vec<(&SubtaskRecord, &Analysis)> = complete.iter().map(|(name, known)| (*name, known)).collect();
        GroupRecord {
            format_version: GROUP_FORMAT_VERSION,
            host_version: env!("CARGO_PKG_VERSION").into(),
            name: name.clone(),
            subtasks: subtasks.clone(),
            complete: complete.len() == subtasks.len(),
            averages: averages(&subtasks, &analyses),
        }
    };
    let mut complete = Vec::with_capacity(subtasks.len());
    let mut interrupted = false;
    folder.write(&record(&complete))?;
    for (number, (subtask, (plan, done))) in subtasks.iter().zip(plans.into_iter().zip(done)).enumerate() {
        let name = subtask.name.raw().as_str();
        observer.event(Event::Subtask { name, number: number + 1, of: subtasks.len() });
        let ended = runs.one(plan, done, observer, stop).map_err(|error| error.of_subtask(name.to_owned()))?;
        interrupted = ended.is_none();
        complete.extend(ended.map(|analysis| (subtask, analysis)));
        folder.write(&record(&complete))?;
        if interrupted || stop.load(Ordering::Relaxed) {
            interrupted |= complete.len() < subtasks.len();
            break;
        }
    }
    if runs.found > 0 {
        let (found, of, out) = (runs.found, subtasks.len(), out.display());
        observer.event(Event::Note(&format!(
            "{found} of {of} subtasks are in `{out}` already, complete; nothing was computed for them (`--restart` starts all over)"
        )));
    }
    Ok(GroupOutcome { record: record(&complete), folder: out, interrupted, usage: runs.usage })
}

/// Opens the group's folder, and gives the numbers of the subtasks that are complete in it.
/// What earlier runs left in it that these do not go on with is set aside for all subtasks before the first of them runs: if this
/// process is killed, no subtask has results of another time or configuration. Weights are read first, where a run needs them: a
/// model that cannot be read must not set anything aside.
///
/// # Errors
/// A model that cannot be read, what is in the way in a folder, records that are not those of one run.
fn begun(
    group: &GroupPlan,
    runs: &mut Runs<'_>,
    observer: &Arc<dyn Observer>,
) -> Result<(GroupFolder, Vec<Option<Analysis>>), RunError> {
    let done = group.subtasks.iter().map(|(subtask, plan)| {
        let of_subtask = |error: RunError| error.of_subtask(subtask.name.raw().clone());
        let found = done_already(plan).map_err(of_subtask)?;
        let known = found.map(|Found { results, records, controls, .. }| analysis(&results, &records, &controls));
        known.transpose().map_err(of_subtask)
    });
    let done: Vec<Option<Analysis>> = done.collect::<Result<_, RunError>>()?;
    if let Some(((_, plan), _)) = group.subtasks.iter().zip(&done).find(|(_, done)| done.is_none()) {
        runs.decoder = Some(load(plan, runs.weights, observer.as_ref())?);
    }
    let (folder, moved) = GroupFolder::open(&group.out)?;
    if let Some(moved) = moved {
        observer.event(Event::Note(&format!("the samples of an earlier run are kept as `{}`", moved.display())));
    }
    let mut kept = 0;
    for (_, plan) in &group.subtasks {
        kept += usize::from(out_folder::set_aside_for(&plan.config.out, &plan.beginning)?);
    }
    if kept > 0 {
        observer.event(Event::Note(&format!(
            "earlier runs of {kept} subtasks are kept under other names in their folders"
        )));
    }
    Ok((folder, done))
}

/// What goes from one run of a group to the next.
struct Runs<'a> {
    /// Weights that are in memory.
    weights: &'a SharedWeights,
    /// The model's weights, where a run needs them.
    decoder: Option<Arc<Decoder>>,
    /// The runs that were complete already.
    found: usize,
    usage: Vec<PluginUsage>,
}

impl Runs<'_> {
    /// Carries out one run, unless it is `done`; nothing if it was stopped before its end.
    ///
    /// # Errors
    /// Those of [`execute_with`], and records that are not those of one run.
    fn one(
        &mut self,
        plan: Plan,
        done: Option<Analysis>,
        observer: &Arc<dyn Observer>,
        stop: &AtomicBool,
    ) -> Result<Option<Analysis>, RunError> {
        if done.is_some() {
            self.found += 1;
            PluginUsage::add_to(&mut self.usage, plan.usage());
            return Ok(done);
        }
        let decoder = self.decoder.as_ref().expect("weights are read if a run is not done");
        let Outcome { results, records, controls, interrupted, usage, .. } =
            execute_with(plan, decoder, observer, stop)?;
        PluginUsage::add_to(&mut self.usage, usage);
        if interrupted { Ok(None) } else { Ok(Some(analysis(&results, &records, &controls)?)) }
    }
}

fn analysis(results: &ResultsRecord, records: &[SampleRecord], controls: &Controls) -> Result<Analysis, RunError> {
    let rows = results.plan.scored_rows();
    Ok(Analysis::new(records, &Known::of(results, &rows, controls))?)
}
