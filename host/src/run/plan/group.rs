//! The plans of a group's subtasks: all of them are made before weights are read.

use std::path::PathBuf;

use super::common::Common;
use super::error::PlanError;
use super::prepare::{Frame, Plan, plan_of};
use crate::run::error::RunError;
use crate::run::folder::group_folder;
use crate::run::inputs::config::RunConfig;
use crate::run::inputs::group::{SubtaskConfig, TaskOrGroup, task_or_group};
use crate::run::usage::PluginUsage;
use ft_engine::text::Untrusted;
use ft_record::files::group::SubtaskRecord;

/// The runs of a group, one for each of its subtasks.
pub struct GroupPlan {
    /// The group's name.
    pub(in crate::run) name: Untrusted,
    /// The folder of the group's results, with a folder for each subtask.
    pub(in crate::run) out: PathBuf,
    /// The subtasks in their order, each with its run.
    pub(in crate::run) subtasks: Vec<(SubtaskRecord, Plan)>,
}

impl GroupPlan {
    /// Plans a run for each subtask, in a folder of its name.
    ///
    /// # Errors
    /// What is in the way in the group's folder; what would stop a subtask's run, with the subtask's name.
    pub(super) fn new(
        config: &RunConfig,
        (name, subtasks): (String, Vec<SubtaskConfig>),
        frame: &Frame,
        common: &Common<'_>,
    ) -> Result<Self, RunError> {
        group_folder::check(&config.out, frame.earlier.as_ref())?;
        let plan = |subtask: SubtaskConfig| {
            let SubtaskConfig { name, groups, task } = subtask;
            let subtask =
                SubtaskRecord { name: name.as_str().into(), groups: groups.into_iter().map(Into::into).collect() };
            let save_context = config.save_context.as_ref().map(|folder| folder.join(&name));
            let config = RunConfig { task, out: config.out.join(&name), save_context, ..config.clone() };
            let plan = subtask_plan(config, common).map_err(|error| error.of_subtask(name))?;
            Ok((subtask, plan))
        };
        let subtasks = subtasks.into_iter().map(plan).collect::<Result<Vec<_>, RunError>>()?;
        Ok(Self { name: name.into(), out: config.out.clone(), subtasks })
    }

    /// The subtasks in their order, each with what its run will do.
    pub fn subtasks(&self) -> impl ExactSizeIterator<Item = (&SubtaskRecord, &Plan)> {
        self.subtasks.iter().map(|(subtask, plan)| (subtask, plan))
    }

    /// What the plugins used so far in all runs together.
    pub fn usage(&self) -> Vec<PluginUsage> {
        let mut all = Vec::new();
        self.subtasks.iter().for_each(|(_, plan)| PluginUsage::add_to(&mut all, plan.usage()));
        all
    }

    /// The group's name.
    pub fn name(&self) -> &Untrusted {
        &self.name
    }
}

fn subtask_plan(config: RunConfig, common: &Common<'_>) -> Result<Plan, RunError> {
    let frame = Frame::check(&config)?;
    match task_or_group(&config.task, &common.plugins)? {
        TaskOrGroup::Task(task) => plan_of(config, frame, *task, common),
        TaskOrGroup::Group(name, subtasks) => Err(PlanError::GroupInGroup { name, subtasks: subtasks.len() }.into()),
    }
}
