//! A task's prompts as the model gets them: text and token boundaries, without weights.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::RunError;
use super::config::TaskConfig;
use super::model::open_tokenizer;
use super::observer::Observer;
use super::plugins::Plugins;
use super::render::render_all;
use super::rows::Rows;
use super::text_bound::TextBound;
use ft_engine::model::Tokenizer;
use ft_engine::model::tokenizer::Piece;
use ft_engine::task::example::{RenderedChoice, Source, Split};
use ft_engine::task::overlap::KnownExamples;
use ft_engine::task::prompt::demonstration_text;
use ft_engine::text::Untrusted;
use ft_sandbox::{EngineOptions, Limits};
use ft_store::datasets::location::Access;
use ft_store::fs::cache_paths::CachePaths;
use ft_store::hub::fetch::fetch_tokenizer;
use ft_store::machine::environment::Environment;
use ft_store::progress::Progress;

/// Tokens of a query's choices together that are shown, each with its text.
const MOST_PIECES: usize = 1 << 22;

/// The prompt of one query.
#[derive(Clone, Debug, Serialize)]
pub struct Preview {
    /// The demonstrations' text.
    pub demonstrations: Untrusted,
    /// Its tokens, with those that the model expects around a text.
    pub demonstration_ids: Vec<u32>,
    /// The query's row in the evaluation split.
    pub index: usize,
    /// Its name.
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

/// Renders and tokenizes the demonstrations of `seed` and the query of evaluation row `index`.
///
/// # Errors
/// Whatever would stop a run before the weights, and a row that is not there.
pub fn preview(
    config: &TaskConfig,
    (model, seed, index): (&str, u64, usize),
    environment: &Environment,
    observer: &Arc<dyn Observer>,
    progress: &dyn Progress,
    engine: &EngineOptions,
) -> Result<Preview, RunError> {
    let (mut task, _) = Plugins::new(&CachePaths::new(environment), observer, engine)?.task(config)?;
    let rows = Rows::read(&mut task, config, Access { environment, progress })?;
    let example = rows
        .evaluation
        .examples
        .get(index)
        .ok_or_else(|| RunError::NoSuchRow { index, rows: rows.evaluation.examples.len() })?;
    let selection = rows.select(config, seed)?;
    let shown = rows.demonstrations(&selection);
    let rendered = render_all(&mut task, &shown)?;
    let (separator, tokenizer) = (task.separator()?, open_tokenizer(&fetch_tokenizer(model, environment, progress)?)?);
    let texts: Vec<&str> = rendered.iter().map(|text| text.raw().as_str()).collect();
    let pairs = shown.iter().zip(&texts).map(|((_, example), text)| (*example, *text));
    TextBound::new(None, &tokenizer).demonstrations(&pairs.collect::<Vec<_>>(), separator.raw())?;
    let demonstrations = demonstration_text(&texts, separator.raw());
    let query = task.render_query(example)?;
    let mut notes = rows.notes(config);
    if !selection.evaluation.contains(&index) {
        let drawn = selection.evaluation.len();
        notes.push(format!("this row is not among the {drawn} evaluation rows that seed {seed} draws"));
    }
    let mut known = KnownExamples::default();
    shown.iter().zip(&texts).for_each(|((row, example), text)| known.add(example, text, *row));
    let found = known.find(example, &query);
    if !found.same.is_empty() {
        notes
            .push("this row is a demonstration too: a run leaves it out, unless `--allow-overlap` is given".to_owned());
    } else if !found.other_answer.is_empty() {
        notes.push("a demonstration asks what this row asks, and has another answer".to_owned());
    }
    let unusable = |reason| RunError::Unusable {
        split: Split::Evaluation,
        id: example.id.clone(),
        reason: Box::new(reason),
        more: 0,
    };
    TextBound::new(None, &tokenizer).query(&query).map_err(unusable)?;
    let choices = choices(&example.id, query, &tokenizer)?;
    let empty = |choice: &ChoicePreview| choice.span_start >= choice.tokens.len();
    if let Some(choice) = choices.iter().position(empty) {
        notes.push(format!("choice {choice} leaves nothing to score: a run does not take this row"));
    }
    Ok(Preview {
        demonstration_ids: tokenizer.encode_with_special(&demonstrations)?,
        demonstrations: demonstrations.into(),
        index,
        id: example.id.clone().into(),
        answer: example.answer,
        choices,
        notes: notes.into_iter().map(Into::into).collect(),
    })
}

/// What a task loads, one source for each split.
///
/// # Errors
/// A file that is no task plugin, or a failure of the plugin.
pub fn task_sources(
    plugin: &Path,
    limits: &Limits,
    environment: &Environment,
    observer: &Arc<dyn Observer>,
    engine: &EngineOptions,
) -> Result<Vec<Source>, RunError> {
    let config = TaskConfig::bare(plugin, limits);
    let (mut task, _) = Plugins::new(&CachePaths::new(environment), observer, engine)?.task(&config)?;
    Ok(task.sources()?)
}

fn choices(id: &str, rendered: Vec<RenderedChoice>, tokenizer: &Tokenizer) -> Result<Vec<ChoicePreview>, RunError> {
    let (count, mut pieces) = (rendered.len(), 0);
    let preview = |choice: RenderedChoice| {
        let tokens = tokenizer.pieces(choice.full.raw())?;
        pieces += tokens.len();
        if pieces > MOST_PIECES {
            return Err(RunError::TooManyPieces { id: id.to_owned(), choices: count, most: MOST_PIECES });
        }
        let span_start = tokenizer.encode(choice.context.raw())?.len();
        Ok(ChoicePreview { context: choice.context, full: choice.full, tokens, span_start })
    };
    rendered.into_iter().map(preview).collect()
}
