//! Everything that can be checked before weights are read.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use candle_core::{DType, Device};

use super::common::{Common, ModelInput};
use super::content_free::ContentFree;
use super::context_plan::ContextPlan;
use super::draw::{Description, Draw, Drawn};
use super::error::PlanError;
use super::group::GroupPlan;
use super::inputs::Inputs;
use super::render::Query;
use super::{memory, notes, record};
use crate::options::Select;
use crate::run::error::RunError;
use crate::run::folder::out_folder;
use crate::run::folder::out_folder::Beginning;
use crate::run::inputs::config::{Purpose, RunConfig};
use crate::run::inputs::group::{TaskOrGroup, group_refused, task_or_group};
use crate::run::inputs::plugins::Configured;
use crate::run::observer::Observer;
use crate::run::usage::PluginUsage;
use ft_engine::model::tokenizer::Piece;
use ft_record::files::schema::{
    DrawRecord, FORMAT_VERSION, MOST_SCORED_STEPS, MemoryRecord, OptionsRecord, PlanRecord, ResultsRecord,
};
use ft_sandbox::{EngineOptions, OptimizerPlugin, TaskPlugin};
use ft_store::datasets::location::Access;
use ft_store::fs::file::probe_folder;
use ft_store::models::files::FileDigest;

/// A run that nothing but the weights and the computing can stop.
pub struct Plan {
    pub(in crate::run) config: RunConfig,
    pub(in crate::run) device: Device,
    pub(in crate::run) dtype: DType,
    pub(in crate::run) optimizer: Configured<OptimizerPlugin>,
    pub(in crate::run) model: Rc<ModelInput>,
    pub(in crate::run) queries: Vec<Query>,
    /// One for each seed; they score some of the queries.
    pub(in crate::run) draws: Vec<Draw>,
    /// Which step is the result of every seed.
    pub(in crate::run) select: Select,
    /// What is scored behind every context besides the queries.
    pub(in crate::run) content_free: ContentFree,
    /// The choices of each of the queries without it; none where they are not asked for.
    pub(in crate::run) unconditional: Vec<Query>,
    /// What stands before zero-shot queries.
    pub(in crate::run) description: Description,
    /// What queries of the task start with.
    pub(in crate::run) shared_start: Vec<u32>,
    pub(in crate::run) score_steps: BTreeSet<usize>,
    pub(in crate::run) record: PlanRecord,
    pub(in crate::run) beginning: Beginning,
    pub(in crate::run) task_usage: PluginUsage,
}

impl Plan {
    /// What will be done, as it is written down.
    pub fn record(&self) -> &PlanRecord {
        &self.record
    }

    /// The demonstrations of each seed as the pieces of text that are its tokens, in the order of the seeds.
    ///
    /// # Errors
    /// A failure of the tokenizer.
    pub fn demonstration_pieces(&self) -> Result<Vec<Vec<Piece>>, RunError> {
        let of_draw = |draw: &DrawRecord| Ok(self.model.model.tokenizer.pieces(draw.demonstrations.raw())?);
        self.record.draws().map(of_draw).collect()
    }

    /// What the plugins used so far.
    pub fn usage(&self) -> Vec<PluginUsage> {
        vec![self.task_usage.clone(), optimizer_usage(&self.optimizer.plugin, &self.config)]
    }
}

/// What a run comes to before weights are read.
pub enum Prepared {
    /// The run of a single task.
    Run(Box<Plan>),
    /// The runs of a group's tasks.
    Group(GroupPlan),
    /// The run that scores a saved context.
    Context(Box<ContextPlan>),
}

impl Prepared {
    /// What the plugins used so far.
    pub fn usage(&self) -> Vec<PluginUsage> {
        match self {
            Self::Run(plan) => plan.usage(),
            Self::Group(group) => group.usage(),
            Self::Context(plan) => plan.usage(),
        }
    }
}

/// Loads the plugins, reads and samples the data, renders and tokenizes all prompts, and checks that they fit the model; of a
/// group for each of its tasks; of a saved context without what it was tuned with.
///
/// # Errors
/// Whatever would stop the run later, as far as it can be known without the weights.
pub fn prepare(
    config: RunConfig,
    access: Access<'_>,
    observer: &Arc<dyn Observer>,
    engine: &EngineOptions,
) -> Result<Prepared, RunError> {
    if let Some(context) = config.context.clone() {
        let plan = ContextPlan::new(config, context, access, observer, engine)?;
        return Ok(Prepared::Context(Box::new(plan)));
    }
    let frame = Frame::check(&config)?;
    let common = Common::new(&config, access, observer, engine)?;
    match task_or_group(&config.task, &common.plugins)? {
        TaskOrGroup::Task(task) => Ok(Prepared::Run(Box::new(plan_of(config, frame, *task, &common)?))),
        TaskOrGroup::Group(name, subtasks) => {
            Ok(Prepared::Group(GroupPlan::new(&config, (name, subtasks), &frame, &common)?))
        }
    }
}

/// The plan of a single task's run, or of its tuning, as far as it can be known without the weights.
///
/// # Errors
/// Those of [`prepare`], and a group of tasks.
pub fn prepare_single(
    config: RunConfig,
    access: Access<'_>,
    observer: &Arc<dyn Observer>,
    engine: &EngineOptions,
) -> Result<Plan, RunError> {
    let mut frame = Frame::check(&config)?;
    if config.purpose == Purpose::Tune {
        // What a run left beside contexts is nothing that a tuning goes on with.
        frame.earlier = None;
    }
    let common = Common::new(&config, access, observer, engine)?;
    match task_or_group(&config.task, &common.plugins)? {
        TaskOrGroup::Task(task) => plan_of(config, frame, *task, &common),
        TaskOrGroup::Group(name, subtasks) => Err(group_refused(name, &subtasks).into()),
    }
}

/// The plan of a single task's run.
///
/// # Errors
/// Those of [`prepare`].
pub(super) fn plan_of(
    config: RunConfig,
    frame: Frame,
    task: Configured<TaskPlugin>,
    common: &Common<'_>,
) -> Result<Plan, RunError> {
    let mut inputs = Inputs::read(&config, task, &frame.device, common)?;
    let drawn = inputs.draw(&config)?;
    let scored_contexts = frame.scored_contexts(&config);
    check_scored_contexts(drawn.draws.len(), scored_contexts)?;
    let asked = inputs.dry_step(&config, &common.plugins, &drawn)?;
    let placement = (&frame.device, frame.dtype);
    let memory = memory::of_run(&config, placement, &inputs.model.model, (&drawn, scored_contexts), &asked);
    if !config.force {
        memory::check(&memory, &config.model, &frame.device)?;
    }
    let digests = common.digests(&inputs.model, frame.earlier.is_some())?;
    let record = frame.record(&config, &inputs, &drawn, memory, digests)?;
    let beginning = out_folder::beginning(&config.out, frame.earlier, &record)?;
    let task_usage =
        PluginUsage::new(inputs.task.plugin.description(), inputs.task.plugin.usage(), &config.task.limits);
    Ok(Plan {
        config,
        device: frame.device,
        dtype: frame.dtype,
        optimizer: inputs.optimizer,
        model: inputs.model,
        queries: drawn.queries,
        draws: drawn.draws,
        select: drawn.select,
        content_free: drawn.content_free,
        unconditional: drawn.unconditional,
        description: drawn.description,
        shared_start: drawn.shared_start,
        score_steps: frame.score_steps,
        record,
        beginning,
        task_usage,
    })
}

/// What is settled before anything is read.
pub(super) struct Frame {
    /// What an earlier process left in the output folder.
    pub(super) earlier: Option<ResultsRecord>,
    /// The steps to score, zero-shot not among them.
    score_steps: BTreeSet<usize>,
    device: Device,
    dtype: DType,
}

impl Frame {
    /// Looks at the output folder, the steps and the device.
    ///
    /// # Errors
    /// A folder that cannot be written to or has something in the way, a step beyond the last, a device that is not there.
    pub(super) fn check(config: &RunConfig) -> Result<Self, RunError> {
        // First of all: a folder that cannot be written to must not be found out about at the end.
        probe_folder(&config.out)?;
        let earlier = out_folder::earlier(&config.out, config.restart)?;
        let steps = config.steps;
        let score_steps = config.score_steps.resolve(steps).map_err(|step| PlanError::NoSuchStep { step, steps })?;
        let device = config.device.open()?;
        let dtype = config.dtype.resolve(&device);
        // What could not be saved at the end is found out before anything is computed.
        if let Some(folder) = &config.save_context {
            probe_folder(folder)?;
        }
        if let Some(asked) = config.cache_dtype.filter(|_| dtype != DType::F32) {
            return Err(PlanError::CacheDType { asked, held: dtype.as_str() }.into());
        }
        Ok(Self { earlier, score_steps, device, dtype })
    }

    /// How many contexts of each seed queries are scored behind: steps, zero-shot and baselines.
    fn scored_contexts(&self, config: &RunConfig) -> usize {
        1 + self.score_steps.len() + config.baselines.0.len()
    }

    /// What will be done, as it is written down.
    fn record(
        &self,
        config: &RunConfig,
        inputs: &Inputs,
        drawn: &Drawn,
        memory: MemoryRecord,
        digests: Vec<FileDigest>,
    ) -> Result<PlanRecord, RunError> {
        let Inputs { task, optimizer, rows, model } = inputs;
        let ModelInput { files, model, .. } = model.as_ref();
        let (draw, further) = drawn.draws.split_first().ok_or(PlanError::NoSeed)?;
        let mut notes = notes::before(config, rows, drawn, model);
        notes.extend(memory::saved(&memory, config.weights, self.dtype));
        let device = record::device(&self.device, config);
        Ok(PlanRecord {
            format_version: FORMAT_VERSION,
            host_version: env!("CARGO_PKG_VERSION").into(),
            config: record::config(config, (rows.shots(&config.task), drawn.select), device, self.dtype.as_str()),
            task: record::plugin(task.plugin.task_name(), task.plugin.description(), task.plugin.binary()),
            optimizer: record::plugin(
                &optimizer.plugin.description().name,
                optimizer.plugin.description(),
                optimizer.plugin.binary(),
            ),
            options: OptionsRecord {
                task: record::options(&task.options),
                optimizer: record::options(&optimizer.options),
            },
            model: record::model(&files.origin, digests, model),
            data: rows.splits().map(|split| split.record.clone()).collect(),
            labels: rows.labels.iter().map(|label| label.as_str().into()).collect(),
            description: drawn.description.text.clone().into(),
            draw: draw.record.clone(),
            further_draws: further.iter().map(|draw| draw.record.clone()).collect(),
            evaluation_rows: draw.queries.len(),
            evaluation_split_rows: rows.evaluation_examples().len(),
            longest_query: drawn.queries.iter().map(|query| query.tokens.longest()).max().unwrap_or(0),
            score_steps: std::iter::once(0).chain(self.score_steps.iter().copied()).collect(),
            content_free: drawn.content_free.record(),
            shared_start: drawn.shared_start.clone(),
            context: None,
            unconditional_rows: config.mutual_information.then_some(drawn.unconditional.len()),
            memory,
            notes: notes.into_iter().map(Into::into).collect(),
        })
    }
}

/// Refuses more scored steps and baselines of all seeds than a file of results has room for.
fn check_scored_contexts(seeds: usize, steps: usize) -> Result<(), PlanError> {
    if (seeds as u64).saturating_mul(steps as u64) > MOST_SCORED_STEPS {
        return Err(PlanError::TooManySteps { most: MOST_SCORED_STEPS, seeds, steps });
    }
    Ok(())
}

/// What an optimizer used so far.
pub(in crate::run) fn optimizer_usage(optimizer: &OptimizerPlugin, config: &RunConfig) -> PluginUsage {
    PluginUsage::new(optimizer.description(), optimizer.usage(), &config.optimizer_limits)
}
