//! A task's prompts as the model gets them: text and token boundaries, without weights.

use std::sync::Arc;

use serde::Serialize;

use super::error::RunError;
use super::inputs::config::TaskConfig;
use super::inputs::definition::TaskFile;
use super::inputs::model::open_tokenizer;
use super::inputs::plugins::{PluginSpec, Plugins};
use super::inputs::rows::Rows;
use super::observer::Observer;
use super::plan::error::DrawError;
use super::plan::fit::Room;
use super::plan::render::Renderer;
use super::plan::shown::{Rendered, Shown};
use super::plan::usable::{Unusable, UnusableRow};
use ft_engine::model::Tokenizer;
use ft_engine::model::tokenizer::Piece;
use ft_engine::task::example::{Example, RenderedChoice, Source, Split};
use ft_engine::task::overlap::KnownExamples;
use ft_engine::text::Untrusted;
use ft_sandbox::{EngineOptions, Limits};
use ft_store::datasets::location::Access;
use ft_store::fs::cache_paths::CachePaths;
use ft_store::hub::fetch::fetch_tokenizer;
use ft_store::machine::environment::Environment;

/// Tokens of a query's choices together that are shown, each with its text.
const MOST_PIECES: usize = 1 << 22;

/// The prompt of one query.
#[derive(Clone, Debug, Serialize)]
pub struct Preview {
    /// The text before the first demonstration, and before a query without demonstrations; absent if it is empty.
    #[serde(skip_serializing_if = "is_empty")]
    pub description: Untrusted,
    /// The demonstrations' text, behind the description.
    pub demonstrations: Untrusted,
    /// The token ids of that text, with those that the model expects around a text.
    pub demonstration_ids: Vec<u32>,
    /// The same text as the pieces that are its tokens, without those that the model expects around a text.
    #[serde(skip)]
    pub demonstration_tokens: Vec<Piece>,
    /// The query's row in the evaluation split.
    pub index: usize,
    /// The query's own name.
    pub id: Untrusted,
    /// The right choice.
    pub answer: usize,
    /// The query with each of its choices.
    pub choices: Vec<ChoicePreview>,
    /// What a reader should know of how the data were read and demonstrations chosen, and why a run does not score this row.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Untrusted>,
}

/// One choice of a query.
#[derive(Clone, Debug, Serialize)]
pub struct ChoicePreview {
    /// The text before the scored span.
    pub context: Untrusted,
    /// The context and the choice.
    pub full: Untrusted,
    /// The tokens of `full`.
    pub tokens: Vec<Piece>,
    /// The first scored token.
    pub span_start: usize,
}

/// Which prompt is looked at.
#[derive(Clone, Copy, Debug)]
pub struct PreviewRequest<'a> {
    /// The model whose tokenizer it is, as the user names it.
    pub model: &'a str,
    /// The seed that draws the demonstrations.
    pub seed: u64,
    /// The query's row in the evaluation split, from 0.
    pub index: usize,
}

/// Renders and tokenizes the demonstrations and the query that are asked for.
///
/// # Errors
/// Whatever would stop a run before the weights, and a row that is not there.
pub fn preview(
    config: &TaskConfig,
    asked: PreviewRequest<'_>,
    access: Access<'_>,
    observer: &Arc<dyn Observer>,
    engine: &EngineOptions,
) -> Result<Preview, RunError> {
    let plugins = Plugins::new(&CachePaths::new(access.environment), observer, engine)?;
    let mut task = plugins.task(config.plugin_spec())?.plugin;
    let rows = Rows::read(&mut task, config, true, access)?;
    let PreviewRequest { index, seed, .. } = asked;
    let example = rows
        .evaluation_examples()
        .get(index)
        .ok_or_else(|| DrawError::NoSuchRow { index, rows: rows.evaluation_examples().len() })?;
    // Before the tokenizer: what is wrong with the rows is no matter of the network.
    let rendered = Rendered::draw(&mut task, &rows, config, seed)?;
    let tokenizer = open_tokenizer(&fetch_tokenizer(asked.model, access.environment, access.progress)?)?;
    let renderer = Renderer::new(&mut task, &tokenizer, Room::UNBOUNDED, config.description.as_deref())?;
    let shown = rendered.tokenized(&renderer)?;
    let description = renderer.description()?.0.into();
    let query = renderer.task.render_query(example)?;
    let mut notes = rows.notes(config);
    notes.extend(row_notes(&shown, seed, (index, example), &query));
    let unusable = |too_much| UnusableRow {
        split: Split::Evaluation,
        id: example.id.clone(),
        reason: Box::new(Unusable::TooMuchText(too_much)),
        more: 0,
    };
    renderer.text_bound().query(&query).map_err(unusable)?;
    let choices = choices(&example.id, query, &tokenizer)?;
    let empty = |choice: &ChoicePreview| choice.span_start >= choice.tokens.len();
    if let Some(choice) = choices.iter().position(empty) {
        notes.push(format!("choice {choice} leaves nothing to score: a run does not take this row"));
    }
    Ok(Preview {
        description,
        demonstration_ids: shown.ids,
        demonstration_tokens: tokenizer.pieces(&shown.text)?,
        demonstrations: shown.text.into(),
        index,
        id: example.id.clone().into(),
        answer: example.answer,
        choices,
        notes: notes.into_iter().map(Into::into).collect(),
    })
}

fn is_empty(text: &Untrusted) -> bool {
    text.raw().is_empty()
}

/// Why a run with this seed does not score a row, and what a reader should know of the row.
fn row_notes(
    shown: &Shown<'_>,
    seed: u64,
    (index, example): (usize, &Example),
    query: &[RenderedChoice],
) -> Vec<String> {
    let mut notes = Vec::new();
    let drawn = &shown.selection.evaluation;
    if !drawn.contains(&index) {
        let drawn = drawn.len();
        notes.push(format!("this row is not among the {drawn} evaluation rows that seed {seed} draws"));
    }
    let mut known = KnownExamples::default();
    for ((row, demonstration), text) in shown.demonstrations.iter().zip(&shown.rendered) {
        known.add(demonstration, text.raw(), *row);
    }
    let found = known.find(example, query);
    if !found.same.is_empty() {
        notes
            .push("this row is a demonstration too: a run leaves it out, unless `--allow-overlap` is given".to_owned());
    } else if !found.other_answer.is_empty() {
        notes.push("a demonstration asks what this row asks, and has another answer".to_owned());
    }
    notes
}

/// What a single task loads, one source for each split, or all tasks of a group where `of_groups` allows one.
///
/// # Errors
/// A file that is no task plugin, options that it does not take, or that stand for a group; a failure of the plugin.
pub fn task_sources(
    (task, options, limits): (&TaskFile, &[(String, String)], &Limits),
    of_groups: bool,
    environment: &Environment,
    observer: &Arc<dyn Observer>,
    engine: &EngineOptions,
) -> Result<Vec<Source>, RunError> {
    let plugins = Plugins::new(&CachePaths::new(environment), observer, engine)?;
    let TaskFile { plugin: file, definition } = task;
    let spec = PluginSpec { file, options, limits, definition: definition.as_ref() };
    if !of_groups {
        return Ok(plugins.task(spec)?.plugin.sources()?);
    }
    let mut task = plugins.task_or_group(spec, None)?.plugin;
    if task.subtasks().is_empty() {
        return Ok(task.sources()?);
    }
    let mut sources: Vec<Source> = Vec::new();
    for subtask in task.subtasks() {
        for source in plugins.task_or_group(spec, Some(&subtask.options))?.plugin.sources()? {
            // Those of a filter on one column are the same rows.
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
    }
    Ok(sources)
}

fn choices(id: &str, rendered: Vec<RenderedChoice>, tokenizer: &Tokenizer) -> Result<Vec<ChoicePreview>, RunError> {
    let (count, mut pieces) = (rendered.len(), 0);
    let preview = |choice: RenderedChoice| {
        let tokens = tokenizer.pieces(choice.full.raw())?;
        pieces += tokens.len();
        if pieces > MOST_PIECES {
            return Err(DrawError::TooManyPieces { id: id.to_owned(), choices: count, most: MOST_PIECES }.into());
        }
        let span_start = tokenizer.encode(choice.context.raw())?.len();
        Ok(ChoicePreview { context: choice.context, full: choice.full, tokens, span_start })
    };
    rendered.into_iter().map(preview).collect()
}
