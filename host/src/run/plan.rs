//! Everything that can be checked before weights are read.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use candle_core::{DType, Device};

use super::config::RunConfig;
use super::data::{SplitExamples, read_split};
use super::folder::OutFolder;
use super::model::OpenModel;
use super::observer::{Event, Observer};
use super::{RunError, memory, record};
use crate::model::device::DeviceChoice;
use crate::plugin::options::{self, OptionSetting};
use crate::plugin::{Description, LogSink, OptimizerPlugin, PluginBinary, PluginEngine, TaskPlugin};
use crate::report::schema::{FORMAT_VERSION, OptionsRecord, PlanRecord};
use crate::score::QueryTokens;
use crate::store::data::DataLocation;
use crate::store::environment::Environment;
use crate::store::fetch::fetch_model;
use crate::store::file::{PLUGIN_LIMIT, read_file};
use crate::store::paths::CachePaths;
use crate::store::progress::Progress;
use crate::store::remembered::RememberedDigests;
use crate::task::example::{Example, RenderedChoice, Split};
use crate::task::prompt::demonstration_text;
use crate::task::sampling::{self, Demonstrations, Request, Selection};
use crate::tune::Positions;

/// A run that nothing but the weights and the computing can stop.
pub struct Plan {
    pub(super) config: RunConfig,
    pub(super) device: Device,
    pub(super) dtype: DType,
    pub(super) optimizer: OptimizerPlugin,
    pub(super) model: OpenModel,
    pub(super) queries: Vec<Query>,
    pub(super) score_steps: BTreeSet<usize>,
    pub(super) record: PlanRecord,
}

/// One evaluation example, ready to be scored.
pub(super) struct Query {
    pub index: usize,
    pub id: String,
    pub answer: usize,
    pub tokens: QueryTokens,
    /// How many characters each choice's scored text has.
    pub characters: Vec<usize>,
}

impl Plan {
    /// What will be done, as it is written down.
    pub fn record(&self) -> &PlanRecord {
        &self.record
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
) -> Result<Plan, RunError> {
    OutFolder::check(&config.out)?;
    let score_steps =
        config.score_steps.resolve(config.steps).map_err(|step| RunError::NoSuchStep { step, steps: config.steps })?;
    let paths = CachePaths::new(environment)?;
    let device = config.device.open()?;
    let dtype = config.dtype.resolve(&device);

    let engine = PluginEngine::new(Some(&paths.components()?))?;
    let log: LogSink = {
        let observer = observer.clone();
        Arc::new(move |message| observer.event(Event::Log(&message)))
    };
    let mut task = TaskPlugin::load(&engine, binary(&config.task)?, config.limits.clone(), log.clone())?;
    let mut optimizer =
        OptimizerPlugin::load(&engine, binary(&config.optimizer)?, config.limits.clone(), log, &device)?;
    let task_options = resolve(task.description(), &config.task_options)?;
    let optimizer_options = resolve(optimizer.description(), &config.optimizer_options)?;
    task.configure(&task_options)?;
    optimizer.open(&optimizer_options)?;

    let rows = Rows::read(&mut task, &config)?;
    let files = fetch_model(&config.model, environment, progress)?;
    let model = OpenModel::open(&files)?;
    let text = rows.demonstrations(&mut task)?;
    let ids = model.tokenizer.encode_with_special(&text)?;
    if ids.is_empty() {
        return Err(RunError::EmptyDemonstrations { text });
    }
    let queries = rows.queries(&mut task, &model, config.limit)?;
    check_positions(&config, &model, ids.len(), &queries)?;

    let tokens = queries.iter().map(|query| &query.tokens);
    let memory = memory::of_run(&config, &device, dtype, &model, ids.len(), tokens);
    if !config.force {
        memory::check(&memory, &config.model, &device)?;
    }

    let mut notes = notes(&config, &rows, &model, &queries);
    notes.extend(memory::saved(&memory, config.weights, dtype));
    let digests = files.digests(&RememberedDigests::new(&paths), progress)?;
    let record = PlanRecord {
        format_version: FORMAT_VERSION,
        host_version: env!("CARGO_PKG_VERSION").into(),
        config: record::config(&config, device_name(&device, &config), dtype.as_str()),
        task: record::plugin(task.description(), task.binary()),
        optimizer: record::plugin(optimizer.description(), optimizer.binary()),
        options: OptionsRecord { task: record::options(&task_options), optimizer: record::options(&optimizer_options) },
        model: record::model(&files.origin, digests, &model),
        data: vec![rows.demonstrations.record, rows.evaluation.record],
        demonstrations: text,
        demonstration_ids: ids,
        demonstration_rows: rows.selection.demonstrations,
        evaluation_rows: queries.len(),
        evaluation_split_rows: rows.evaluation.examples.len(),
        longest_query: queries.iter().map(|query| query.tokens.longest()).max().unwrap_or(0),
        memory,
        score_steps: std::iter::once(0).chain(score_steps.iter().copied()).collect(),
        notes,
    };
    Ok(Plan { config, device, dtype, optimizer, model, queries, score_steps, record })
}

fn binary(path: &Path) -> Result<PluginBinary, RunError> {
    Ok(PluginBinary::new(path.display().to_string(), read_file(path, PLUGIN_LIMIT)?))
}

fn resolve(description: &Description, given: &[(String, String)]) -> Result<Vec<OptionSetting>, RunError> {
    options::resolve(&description.options, given)
        .map_err(|source| RunError::Option { plugin: description.name.clone(), source })
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

/// Both splits, and which of their rows are used.
struct Rows {
    demonstrations: SplitExamples,
    evaluation: SplitExamples,
    selection: Selection,
    sampled: bool,
}

impl Rows {
    fn read(task: &mut TaskPlugin, config: &RunConfig) -> Result<Self, RunError> {
        let sources = task.sources()?;
        let labels = task.labels()?;
        let mut read = |split: Split| {
            let source = sources.iter().find(|source| source.split == split);
            source.map(|source| read_split(task, &config.data, source)).transpose()
        };
        let missing = |split: Split| RunError::NoRows { file: format!("`{}`", config.task.display()), split };
        let demonstrations = read(Split::Demonstrations)?.ok_or_else(|| missing(Split::Demonstrations))?;
        let evaluation = read(Split::Evaluation)?.ok_or_else(|| missing(Split::Evaluation))?;
        let evaluation_sample =
            sources.iter().find(|source| source.split == Split::Evaluation).and_then(|source| source.sample);
        let answers: Vec<usize> = demonstrations.examples.iter().map(|example| example.answer).collect();
        let pool = if labels.is_empty() {
            Demonstrations::Alike { rows: answers.len() }
        } else {
            Demonstrations::Labelled { labels: &answers, classes: labels.len() }
        };
        let request = Request {
            seed: config.seed,
            shots: config.shots,
            demonstrations: pool,
            evaluation_rows: evaluation.examples.len(),
            evaluation_sample,
        };
        let selection = sampling::select(&request)
            .map_err(|source| RunError::Sampling { file: demonstrations.record.file.clone(), source })?;
        let sampled = selection.evaluation.len() < evaluation.examples.len();
        Ok(Self { demonstrations, evaluation, selection, sampled })
    }

    fn demonstrations(&self, task: &mut TaskPlugin) -> Result<String, RunError> {
        let chosen = self.selection.demonstrations.iter().map(|row| &self.demonstrations.examples[*row]);
        let rendered = chosen.map(|example| task.render_demonstration(example)).collect::<Result<Vec<_>, _>>()?;
        Ok(demonstration_text(&rendered, &task.separator()?))
    }

    fn queries(&self, task: &mut TaskPlugin, model: &OpenModel, limit: Option<usize>) -> Result<Vec<Query>, RunError> {
        let chosen = self.selection.evaluation.iter().take(limit.unwrap_or(usize::MAX));
        chosen
            .map(|index| {
                let example: &Example = &self.evaluation.examples[*index];
                let choices = task.render_query(example)?;
                let tokens = QueryTokens::encode(&model.tokenizer, &choices)?
                    .map_err(|source| RunError::EmptyContinuation { id: example.id.clone(), source })?;
                let characters = choices.iter().map(RenderedChoice::scored_characters).collect();
                Ok(Query { index: *index, id: example.id.clone(), answer: example.answer, tokens, characters })
            })
            .collect()
    }
}

/// Passes after the first need twice the demonstrations' positions, scoring the demonstrations' and the longest query's.
fn check_positions(config: &RunConfig, model: &OpenModel, length: usize, queries: &[Query]) -> Result<(), RunError> {
    let Some(limit) = model.family.config.max_positions else { return Ok(()) };
    let (needed, what, hint) = match config.positions {
        Positions::Continue if config.steps > 1 => (
            2 * length,
            format!("a second pass over the demonstrations' {length} tokens"),
            "ask for fewer `--shots`, or set `--positions restart`, which runs every pass at the first positions",
        ),
        _ => (length, format!("a pass over the demonstrations' {length} tokens"), "ask for fewer `--shots`"),
    };
    if needed > limit {
        return Err(RunError::ContextTooLong { what, example: None, needed, limit, hint });
    }
    let longest = queries.iter().max_by_key(|query| query.tokens.longest());
    match longest {
        Some(query) if length + query.tokens.longest() > limit => Err(RunError::ContextTooLong {
            what: format!("a query of {} tokens after the demonstrations' {length}", query.tokens.longest()),
            example: Some(query.id.clone()),
            needed: length + query.tokens.longest(),
            limit,
            hint: "ask for fewer `--shots`, or take a model with a longer context",
        }),
        _ => Ok(()),
    }
}

/// What a reader of the results has to know.
fn notes(config: &RunConfig, rows: &Rows, model: &OpenModel, queries: &[Query]) -> Vec<String> {
    let mut notes = Vec::new();
    if config.data == DataLocation::Sample {
        notes.push("the data are the bundled sample, not the data set".to_owned());
    }
    let all = rows.evaluation.examples.len();
    if rows.sampled {
        let drawn = rows.selection.evaluation.len();
        notes.push(format!("{drawn} of {all} evaluation rows were drawn at random, as the task asks"));
    }
    if queries.len() < rows.selection.evaluation.len() {
        notes.push(format!(
            "limited to the first {} of {} evaluation rows",
            queries.len(),
            rows.selection.evaluation.len()
        ));
    }
    let unpreceded = queries.iter().filter(|query| query.tokens.starts_with_span()).count();
    if unpreceded > 0 && model.tokenizer.bos().is_none() {
        notes.push(format!(
            "zero-shot: in {unpreceded} queries nothing stands before the scored span's first token, which is left out"
        ));
    }
    notes
}
