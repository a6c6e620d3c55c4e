//! Everything that can be checked before weights are read.

use std::collections::BTreeSet;
use std::sync::Arc;

use candle_core::{DType, Device};

use super::config::RunConfig;
use super::draw::{self, Draw, Drawn};
use super::folder::Beginning;
use super::model::OpenModel;
use super::observer::Observer;
use super::plugins::{self, Plugins};
use super::rehearsal::{Form, rehearse};
use super::render::{Query, Renderer};
use super::rows::Rows;
use super::usage::PluginUsage;
use super::{RunError, folder, memory, notes, record};
use ft_engine::model::device::DeviceChoice;
use ft_engine::model::families::UnknownSettings;
use ft_record::schema::{FORMAT_VERSION, MOST_SCORED_STEPS, OptionsRecord, PlanRecord};
use ft_sandbox::options::OptionSetting;
use ft_sandbox::{EngineOptions, OptimizerPlugin};
use ft_store::datasets::location::Access;
use ft_store::fs::cache_paths::CachePaths;
use ft_store::fs::digest_cache::RememberedDigests;
use ft_store::fs::file::probe_folder;
use ft_store::hub::fetch::fetch_model;
use ft_store::machine::environment::Environment;
use ft_store::models::files::FilesState;
use ft_store::progress::Progress;

/// A run that nothing but the weights and the computing can stop.
pub struct Plan {
    pub(super) config: RunConfig,
    pub(super) device: Device,
    pub(super) dtype: DType,
    pub(super) optimizer: OptimizerPlugin,
    pub(super) optimizer_options: Vec<OptionSetting>,
    pub(super) model: OpenModel,
    /// How the model's files stood before any of them was read.
    pub(super) model_files: FilesState,
    pub(super) queries: Vec<Query>,
    /// One for each seed; they score some of the queries.
    pub(super) draws: Vec<Draw>,
    pub(super) score_steps: BTreeSet<usize>,
    pub(super) record: PlanRecord,
    pub(super) beginning: Beginning,
    pub(super) task_usage: PluginUsage,
}

impl Plan {
    /// What will be done, as it is written down.
    pub fn record(&self) -> &PlanRecord {
        &self.record
    }

    /// What the plugins used so far.
    pub fn usage(&self) -> Vec<PluginUsage> {
        vec![self.task_usage.clone(), optimizer_usage(&self.optimizer, &self.config)]
    }
}

/// Loads the plugins, reads and samples the data, renders and tokenizes all prompts, and checks that they fit the model.
///
/// # Errors
/// Whatever would stop the run later, as far as it can be known without the weights.
pub fn prepare(
    config: RunConfig,
    environment: &Environment,
    observer: &Arc<dyn Observer>,
    progress: &dyn Progress,
    engine: &EngineOptions,
) -> Result<Plan, RunError> {
    // First of all: a folder that cannot be written to must not be found out about at the end.
    probe_folder(&config.out)?;
    let earlier = folder::earlier(&config.out, config.restart)?;
    let score_steps =
        config.score_steps.resolve(config.steps).map_err(|step| RunError::NoSuchStep { step, steps: config.steps })?;
    let paths = CachePaths::new(environment);
    let device = config.device.open()?;
    let dtype = config.dtype.resolve(&device);

    let plugins = Plugins::new(&paths, observer, engine)?.requiring(&config.required_digests);
    let (mut task, task_options) = plugins.task(&config.task)?;
    let mut optimizer = plugins.optimizer(&config.optimizer, &config.optimizer_limits, &device)?;
    let optimizer_options = plugins::resolve(optimizer.description(), &config.optimizer_options)?;
    optimizer.open(&optimizer_options)?;

    let rows = Rows::read(&mut task, &config.task, Access { environment, progress })?;
    if !config.force {
        rows.check_classes()?;
    }
    let files = fetch_model(&config.model, environment, progress)?;
    let model_files = files.state()?;
    let unknown = if config.force { UnknownSettings::Note } else { UnknownSettings::Refuse };
    let model = OpenModel::open(&files, unknown)?;
    let renderer = Renderer {
        separator: task.separator()?.into_raw(),
        config: &config,
        task: &mut task,
        tokenizer: &model.tokenizer,
        positions: model.family.config.max_positions,
        tokens: 0,
    };
    let drawn = draw::draw(renderer, &rows)?;
    let folds = drawn.draws.iter().flat_map(|draw| &draw.held_out.folds);
    model.check_ids(drawn.draws.iter().flat_map(|draw| &draw.record.demonstration_ids))?;
    model.check_ids(folds.clone().flat_map(|fold| &fold.ids))?;
    let scored = drawn.queries.iter().chain(folds.flat_map(|fold| &fold.queries));
    model.check_ids(scored.flat_map(|query| &query.tokens.choices).flat_map(|choice| &choice.ids))?;
    model.check_ids(&model.tokenizer.bos())?;
    let (seeds, steps) = (drawn.draws.len(), 1 + score_steps.len());
    if (seeds as u64).saturating_mul(steps as u64) > MOST_SCORED_STEPS {
        return Err(RunError::TooManySteps { most: MOST_SCORED_STEPS, seeds, steps });
    }
    let (draw, further_draws) = match drawn.draws.split_first() {
        Some((first, further)) => (first, further.iter().map(|draw| draw.record.clone()).collect()),
        None => return Err(RunError::NoSeed),
    };

    let lengths = drawn.draws.iter().map(|draw| draw.record.demonstration_ids.len());
    if let Some(positions) = lengths.min().filter(|positions| *positions > 0 && config.steps > 1) {
        let form = Form { layers: model.family.config.layers.len(), positions };
        rehearse(&plugins, &config.optimizer, &config.optimizer_limits, &optimizer_options, form)?;
    }

    let longest = drawn.draws.iter().map(|draw| draw.record.demonstration_ids.len()).max().unwrap_or(0);
    let tokens = drawn.queries.iter().map(|query| &query.tokens);
    // Zero-shot is scored besides.
    let records = memory::of_records(&drawn.draws, &drawn.queries, 1 + score_steps.len(), config.steps);
    let memory = memory::of_run(&config, &device, dtype, &model, longest, tokens, records);
    if !config.force {
        memory::check(&memory, &config.model, &device)?;
    }
    let mut notes = notes::before(&config, &rows, &drawn, &model);
    notes.extend(memory::saved(&memory, config.weights, dtype));
    // Where results are to be gone on with, it has to be the same model, and not one that was once taken for it.
    let remembered = RememberedDigests::new(&paths);
    let remembered = if earlier.is_some() { remembered.computed_anew() } else { remembered };
    let digests = files.digests(&remembered, progress)?;
    let record = PlanRecord {
        format_version: FORMAT_VERSION,
        host_version: env!("CARGO_PKG_VERSION").into(),
        config: record::config(&config, rows.shots(&config.task), device_name(&device, &config), dtype.as_str()),
        task: record::plugin(task.description(), task.binary()),
        optimizer: record::plugin(optimizer.description(), optimizer.binary()),
        options: OptionsRecord { task: record::options(&task_options), optimizer: record::options(&optimizer_options) },
        model: record::model(&files.origin, digests, &model),
        data: vec![rows.demonstrations.record.clone(), rows.evaluation.record.clone()],
        labels: rows.labels.iter().map(|label| label.as_str().into()).collect(),
        draw: draw.record.clone(),
        further_draws,
        evaluation_rows: draw.queries.len(),
        evaluation_split_rows: rows.evaluation.examples.len(),
        longest_query: drawn.queries.iter().map(|query| query.tokens.longest()).max().unwrap_or(0),
        score_steps: std::iter::once(0).chain(score_steps.iter().copied()).collect(),
        memory,
        notes: notes.into_iter().map(Into::into).collect(),
    };
    let task_usage = PluginUsage::new(task.description(), task.usage(), &config.task.limits);
    let Drawn { draws, queries, .. } = drawn;
    let beginning = folder::beginning(&config.out, earlier, &record)?;
    Ok(Plan {
        config,
        device,
        dtype,
        optimizer,
        optimizer_options,
        model,
        model_files,
        queries,
        draws,
        score_steps,
        record,
        beginning,
        task_usage,
    })
}

/// What an optimizer used so far.
pub(super) fn optimizer_usage(optimizer: &OptimizerPlugin, config: &RunConfig) -> PluginUsage {
    PluginUsage::new(optimizer.description(), optimizer.usage(), &config.optimizer_limits)
}

/// The device that a choice came to.
fn device_name(device: &Device, config: &RunConfig) -> String {
    match config.device {
        _ if device.is_cpu() => DeviceChoice::Cpu,
        DeviceChoice::Auto => DeviceChoice::Cuda(0),
        chosen => chosen,
    }
    .to_string()
}
