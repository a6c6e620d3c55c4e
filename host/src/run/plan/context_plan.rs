//! A run that scores a saved context: what differs from another is where the context at its one step comes from.

use std::rc::Rc;
use std::sync::Arc;

use candle_core::{DType, Device};

use super::at_hand::AtHand;
use super::common::{Common, ModelInput};
use super::draw::Drawn;
use super::error::PlanError;
use super::fit::Room;
use super::inputs::text_start;
use super::render::Renderer;
use super::shared_start::check_recorded;
use super::{context_draw, memory, notes, record};
use crate::context::ContextFolder;
use crate::run::error::RunError;
use crate::run::folder::out_folder::{self, Beginning};
use crate::run::inputs::config::RunConfig;
use crate::run::inputs::error::TunedWithError;
use crate::run::inputs::model::OpenModel;
use crate::run::inputs::scored_split::ScoredSplit;
use crate::run::observer::Observer;
use crate::run::usage::PluginUsage;
use ft_record::files::context::ContextRecord;
use ft_record::files::schema::{FORMAT_VERSION, MemoryRecord, PlanRecord};
use ft_sandbox::{EngineOptions, TaskPlugin};
use ft_store::datasets::location::Access;
use ft_store::fs::file::probe_folder;

/// A run behind a saved context that nothing but the weights and the computing can stop.
pub struct ContextPlan {
    pub(in crate::run) config: RunConfig,
    pub(in crate::run) context: Arc<ContextFolder>,
    pub(in crate::run) device: Device,
    pub(in crate::run) dtype: DType,
    pub(in crate::run) model: Rc<ModelInput>,
    /// What is scored, with the one draw, which is that of the context's seed.
    pub(in crate::run) drawn: Drawn,
    pub(in crate::run) record: PlanRecord,
    pub(in crate::run) beginning: Beginning,
    pub(in crate::run) task_usage: PluginUsage,
}

impl ContextPlan {
    /// What will be done, as it is written down.
    pub fn record(&self) -> &PlanRecord {
        &self.record
    }

    /// What the task used so far; no optimizer runs.
    pub fn usage(&self) -> Vec<PluginUsage> {
        vec![self.task_usage.clone()]
    }

    /// Opens what the context was tuned with, holds it to the context, reads the evaluation split, and renders and tokenizes the
    /// rows that are scored.
    ///
    /// # Errors
    /// Whatever would stop the run later, as far as it can be known without the weights.
    pub(super) fn new(
        config: RunConfig,
        context: Arc<ContextFolder>,
        access: Access<'_>,
        observer: &Arc<dyn Observer>,
        engine: &EngineOptions,
    ) -> Result<Self, RunError> {
        // First of all: a folder that cannot be written to must not be found out about at the end.
        probe_folder(&config.out)?;
        let earlier = out_folder::earlier(&config.out, config.restart)?;
        let device = config.device.open()?;
        let dtype = config.dtype.resolve(&device);
        let common = Common::new(&config, access, observer, engine)?;
        let mut task = common.plugins.task(config.task.plugin_spec())?;
        let labels = task.plugin.labels()?;
        let model = common.model(&config)?;
        let digests = common.digests(&model, earlier.is_some())?;
        let at_hand = AtHand::new((&task, &labels), (&model, digests), (dtype, config.weights));
        at_hand.check(&context, config.task.description.as_deref())?;
        check_positions(&context, &model.model)?;
        let split = ScoredSplit::read(&mut task.plugin, &config.task, access)?;
        if !config.force {
            split.check_classes()?;
        }
        let drawn = draw(&config, &mut task.plugin, (&split, &labels), (&model.model, context.record()))?;
        let positions = context.record().tensors.positions;
        let memory = memory::of_context(&config, (&device, dtype), &model.model, (&drawn, positions));
        if !config.force {
            memory::check(&memory, &config.model, &device)?;
        }
        let mut notes = notes::before_scoring(&config, (&split, &labels), &drawn, (&model.model, context.record()));
        notes.extend(memory::saved(&memory, config.weights, dtype));
        let record = recorded((&config, &device), (&context, &at_hand), (&split, &drawn), (memory, notes))?;
        let beginning = out_folder::beginning(&config.out, earlier, &record)?;
        let task_usage = PluginUsage::new(task.plugin.description(), task.plugin.usage(), &config.task.limits);
        Ok(Self { config, context, device, dtype, model, drawn, record, beginning, task_usage })
    }
}

/// Holds what a context's record says of positions and of what queries start with to the model: it may be anybody's.
fn check_positions(context: &ContextFolder, model: &OpenModel) -> Result<(), TunedWithError> {
    let (folder, next) = (context.folder(), context.record().tensors.next_position);
    if model.family.config.max_positions.is_some_and(|most| next > most) {
        let (folder, found) = (folder.to_owned(), next.to_string());
        return Err(TunedWithError::Unknown { folder, what: "a next position of the model", found });
    }
    check_recorded(folder, model, next, &context.record().plan.shared_start)
}

/// Draws what is scored, and holds it to the tokens that the model has embeddings for.
fn draw(
    config: &RunConfig,
    task: &mut TaskPlugin,
    scored: (&ScoredSplit, &[String]),
    (model, context): (&OpenModel, &ContextRecord),
) -> Result<Drawn, RunError> {
    let start = text_start(config, model)?;
    let room = Room { limit: model.family.config.max_positions, further_passes: None };
    let renderer = Renderer::new(task, &model.tokenizer, room, config.task.description.as_deref())?;
    let drawn = context_draw::draw(renderer, config, scored, context)?;
    model.check_ids(drawn.scored().flat_map(|query| &query.tokens.choices).flat_map(|choice| &choice.ids))?;
    model.check_ids(&start)?;
    Ok(drawn)
}

/// What will be done, as it is written down: the context's plan, with what is scored now in the place of what was scored then.
fn recorded(
    (config, device): (&RunConfig, &Device),
    (context, at_hand): (&ContextFolder, &AtHand),
    (split, drawn): (&ScoredSplit, &Drawn),
    (memory, notes): (MemoryRecord, Vec<String>),
) -> Result<PlanRecord, PlanError> {
    let (folder, record) = (context.folder().display().to_string(), context.record());
    let draw = drawn.draws.first().ok_or(PlanError::NoSeed)?;
    let evaluation = &split.split.record;
    let others = record.plan.data.iter().filter(|data| data.split != evaluation.split);
    Ok(PlanRecord {
        format_version: FORMAT_VERSION,
        host_version: env!("CARGO_PKG_VERSION").into(),
        config: record::config_of_context(config, record, record::device(device, config), at_hand.dtype.raw()),
        task: at_hand.task.clone(),
        options: at_hand.options(context),
        model: at_hand.model.clone(),
        data: others.chain([evaluation]).cloned().collect(),
        labels: at_hand.labels.clone(),
        draw: draw.record.clone(),
        evaluation_rows: draw.queries.len(),
        evaluation_split_rows: split.split.examples.len(),
        longest_query: drawn.queries.iter().map(|query| query.tokens.longest()).max().unwrap_or(0),
        score_steps: vec![record.selected.step as usize],
        content_free: drawn.content_free.record(),
        unconditional_rows: config.mutual_information.then_some(drawn.unconditional.len()),
        context: Some(record.scored(&folder)),
        memory,
        notes: notes.into_iter().map(Into::into).collect(),
        ..record.plan.clone()
    })
}
