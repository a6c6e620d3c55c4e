//! Rows to predictions, batch by batch.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::calibration::{Calibrate, Divisor};
use super::error::PredictError;
use super::prediction::{Prediction, RowPrediction, mean_log_probabilities};
use super::query;
use super::reopen::Reopened;
use crate::context::ContextFolder;
use crate::run::error::RunError;
use crate::run::inputs::plugins::Plugins;
use crate::run::observer::{Event, Observer};
use crate::run::plan::usable::Unusable;
use crate::run::plan::weights::SharedWeights;
use ft_engine::model::device::DeviceChoice;
use ft_engine::model::{Context, Decoder};
use ft_engine::score::{self, Parted, QueryTokens};
use ft_engine::task::example::Question;
use ft_engine::text::Untrusted;
use ft_record::files::context::ContextRecord;
use ft_sandbox::{EngineOptions, Limits, RowOutcome};
use ft_store::datasets::location::Access;
use ft_store::fs::cache_paths::CachePaths;
use ft_store::fs::digest_cache::DigestCache;
use ft_store::plugin_path::PluginPath;

/// What predictions are made with.
#[derive(Clone, Debug)]
pub struct PredictRequest<'a> {
    /// The folders of saved contexts, one or more.
    pub contexts: &'a [PathBuf],
    /// The task's file; where it is left open, where it was when the first context was tuned, or one of its name on the plugin path.
    pub task: Option<&'a Path>,
    /// The model; where it is left open, what it was called when the first context was tuned.
    pub model: Option<&'a str>,
    /// Where the model runs.
    pub device: DeviceChoice,
    /// Query tokens that run together.
    pub batch_tokens: usize,
    /// What the task may use.
    pub limits: &'a Limits,
    /// How probabilities are calibrated, if they are.
    pub calibrate: Option<Calibrate>,
}

impl PredictRequest<'_> {
    /// Query tokens that run together where nothing else is asked for.
    pub const BATCH_TOKENS: usize = 1024;
}

/// A context, and itself with what queries of the task start with read behind it.
struct Started {
    record: ContextRecord,
    plain: Context,
    /// The tokens that are read, and the context behind them; none where queries start with nothing in common.
    start: Option<(Vec<u32>, Context)>,
}

impl Started {
    fn new(folder: &ContextFolder, opened: &Reopened, decoder: &Decoder) -> Result<Self, RunError> {
        let plain = folder.context(decoder)?;
        let start = folder.record().plan.shared_start.clone();
        let start = (!start.is_empty()).then(|| {
            opened.check_start(folder, &plain, &start)?;
            let context = score::extended(decoder, &plain, &start)?;
            Ok::<_, RunError>((start, context))
        });
        Ok(Self { record: folder.record().clone(), plain, start: start.transpose()? })
    }
}

/// A row that is ready to be scored, or what became of it before.
pub enum PreparedRow {
    /// It can be scored.
    Query(PreparedQuery),
    /// It cannot.
    Not(RowPrediction),
}

/// A query in tokens.
pub struct PreparedQuery {
    id: String,
    choices: Vec<Untrusted>,
    tokens: QueryTokens,
}

/// Predicts rows behind saved contexts of one task and model.
pub struct Predictor {
    opened: Reopened,
    decoder: Arc<Decoder>,
    contexts: Vec<Started>,
    batch_tokens: usize,
    divisor: Option<Divisor>,
}

impl Predictor {
    /// Opens what the contexts were tuned with, then reads the weights, if they are not among those that are shared.
    ///
    /// # Errors
    /// Contexts that are damaged or were tuned with something else; a task or a model that is not there; calibration that the task
    /// cannot have.
    pub fn open(
        request: &PredictRequest<'_>,
        path: &PluginPath,
        access: Access<'_>,
        weights: &SharedWeights,
        observer: &Arc<dyn Observer>,
        engine: &EngineOptions,
    ) -> Result<Self, RunError> {
        let paths = CachePaths::new(access.environment);
        let plugins = Plugins::new(&paths, observer, engine)?;
        let (opened, folders) = Reopened::open(request, (&plugins, &DigestCache::new(&paths)), path, access)?;
        if request.calibrate.is_some() && opened.labels.is_empty() {
            return Err(PredictError::NoClasses.into());
        }
        observer.event(Event::LoadingWeights);
        let decoder = opened.load(weights)?;
        let contexts = folders.iter().map(|folder| Started::new(folder, &opened, &decoder));
        let contexts = contexts.collect::<Result<Vec<Started>, RunError>>()?;
        let mut predictor = Self { opened, decoder, contexts, batch_tokens: request.batch_tokens, divisor: None };
        predictor.divisor = request.calibrate.map(|way| predictor.divisor(way)).transpose()?;
        Ok(predictor)
    }

    /// Adds a context that was tuned with the same model and task; it stands behind those that are there.
    ///
    /// # Errors
    /// A context that was tuned with something else, or that cannot be one of this model.
    pub fn add(&mut self, folder: &ContextFolder) -> Result<(), RunError> {
        self.opened.check_use(folder)?;
        self.contexts.push(Started::new(folder, &self.opened, &self.decoder)?);
        Ok(())
    }

    /// Opens the task anew, after a failure of it.
    ///
    /// # Errors
    /// A task that is not there any more, or is another by now.
    pub fn reopen_task(&mut self, plugins: &Plugins, limits: &Limits) -> Result<(), RunError> {
        self.opened.reopen_task(plugins, limits)
    }

    /// Takes a context away; those behind it move up.
    ///
    /// # Panics
    /// If there is none of that number.
    pub fn remove(&mut self, context: usize) {
        self.contexts.remove(context);
    }

    /// The records of the contexts, in their order.
    pub fn records(&self) -> impl Iterator<Item = &ContextRecord> {
        self.contexts.iter().map(|context| &context.record)
    }

    /// The classes; none where rows have choices of their own.
    pub fn labels(&self) -> &[String] {
        &self.opened.labels
    }

    /// Begins a table with these columns, whose rows come with [`Self::predict`] or [`Self::prepare_rows`].
    ///
    /// # Errors
    /// A failure of the task.
    pub fn begin(&mut self, columns: Vec<String>) -> Result<(), RunError> {
        Ok(self.opened.task.begin_unlabelled(columns)?)
    }

    /// Predicts the next rows of the table, each one JSON object as text, in their order.
    ///
    /// # Errors
    /// A failure of the task or the model that is not about a single row.
    pub fn predict(&mut self, rows: Vec<String>) -> Result<Vec<RowPrediction>, RunError> {
        let prepared = self.prepare_rows(rows, self.positions())?;
        self.answer(prepared)
    }

    /// Passes over the next rows of the table, which the task counts all the same.
    ///
    /// # Errors
    /// A failure of the task.
    pub fn pass_over(&mut self, rows: Vec<String>) -> Result<(), RunError> {
        Ok(self.opened.task.read_unlabelled(rows).map(drop)?)
    }

    /// Predicts a text by itself, for a task with classes whose prompt needs no more than a text.
    ///
    /// # Errors
    /// [`PredictError::NotOfText`] for another task; a failure of the model.
    pub fn predict_text(&mut self, text: &str) -> Result<RowPrediction, RunError> {
        let prepared = self.prepare_text(text, self.positions())?;
        Ok(self.answer(vec![prepared])?.remove(0))
    }

    /// The next rows of the table as queries, for contexts that have so many positions before a query.
    ///
    /// # Errors
    /// A failure of the task or the tokenizer that is not about a single row.
    pub fn prepare_rows(&mut self, rows: Vec<String>, positions: usize) -> Result<Vec<PreparedRow>, RunError> {
        let outcomes = self.opened.task.read_unlabelled(rows)?;
        let mut prepared = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            prepared.push(match outcome {
                RowOutcome::Question(question) => match self.query(&question, positions)? {
                    Ok(tokens) => PreparedRow::query(question, tokens),
                    Err(reason) => PreparedRow::Not(RowPrediction::Refused(reason.to_string())),
                },
                RowOutcome::Rejected(rejection) => {
                    let column = rejection.column.map(|column| format!("column `{column}`: ")).unwrap_or_default();
                    PreparedRow::Not(RowPrediction::Refused(column + &rejection.message))
                }
                RowOutcome::LeftOut => PreparedRow::Not(RowPrediction::LeftOut),
            });
        }
        Ok(prepared)
    }

    /// A text by itself as a query, for contexts that have so many positions before a query.
    ///
    /// # Errors
    /// Those of [`Self::predict_text`].
    pub fn prepare_text(&mut self, text: &str, positions: usize) -> Result<PreparedRow, RunError> {
        let choices = self.opened.labels.iter().map(|label| label.as_str().into()).collect::<Vec<_>>();
        let not_of_text = |message: String| RunError::from(PredictError::NotOfText { message });
        if choices.is_empty() {
            return Err(not_of_text("its rows have choices of their own".to_owned()));
        }
        let question =
            Question { id: text.chars().take(40).collect(), query: text.into(), choices, fields: Vec::new() };
        match self.query(&question, positions)? {
            Ok(tokens) => Ok(PreparedRow::query(question, tokens)),
            Err(Unusable::Prompt(error)) => Err(not_of_text(error.to_string())),
            Err(reason) => Ok(PreparedRow::Not(RowPrediction::Refused(reason.to_string()))),
        }
    }

    /// The log-likelihoods of every choice of queries behind one of the contexts.
    ///
    /// # Errors
    /// A failure of the model.
    ///
    /// # Panics
    /// If there is no context of that number.
    pub fn score(&self, context: usize, queries: &[&PreparedQuery]) -> Result<Vec<Vec<f64>>, RunError> {
        let queries: Vec<QueryTokens> = queries.iter().map(|query| query.tokens.clone()).collect();
        self.scores(&self.contexts[context], &queries)
    }

    /// The positions before a query, behind the longest context.
    fn positions(&self) -> usize {
        self.contexts.iter().map(|context| context.plain.next_position).max().unwrap_or(0)
    }

    /// The positions before a query behind one of the contexts.
    ///
    /// # Panics
    /// If there is no context of that number.
    pub fn positions_behind(&self, context: usize) -> usize {
        self.contexts[context].plain.next_position
    }

    /// A question's tokens behind so many positions, or why there are none.
    fn query(&mut self, question: &Question, positions: usize) -> Result<Result<QueryTokens, Unusable>, RunError> {
        let Reopened { task, model, .. } = &mut self.opened;
        query::of_rendered(task.render_question(question), &model.model, positions)
    }

    /// Scores the queries among some rows behind every context.
    fn answer(&mut self, prepared: Vec<PreparedRow>) -> Result<Vec<RowPrediction>, RunError> {
        let queries = prepared.iter().filter_map(|row| match row {
            PreparedRow::Query(query) => Some(query.tokens.clone()),
            PreparedRow::Not(_) => None,
        });
        let queries: Vec<QueryTokens> = queries.collect();
        let logliks = self.contexts.iter().map(|context| self.scores(context, &queries));
        let logliks = logliks.collect::<Result<Vec<Vec<Vec<f64>>>, RunError>>()?;
        let mut place = 0;
        let answers = prepared.into_iter().map(|row| match row {
            PreparedRow::Not(row) => row,
            PreparedRow::Query(query) => {
                let of_row = logliks.iter().map(|of_context| of_context[place].clone()).collect();
                place += 1;
                let mut answer = query.answer(of_row);
                if let (RowPrediction::Predicted(prediction), Some(divisor)) = (&mut answer, &mut self.divisor) {
                    prediction.calibrated = divisor.apply(&prediction.probabilities);
                }
                answer
            }
        });
        Ok(answers.collect())
    }

    /// The log-likelihoods of every choice of queries behind a context.
    fn scores(&self, context: &Started, queries: &[QueryTokens]) -> Result<Vec<Vec<f64>>, RunError> {
        let (start, behind_start) = match &context.start {
            Some((start, behind)) => (start.as_slice(), behind),
            None => (&[][..], &context.plain),
        };
        let parted = Parted::new(queries, start);
        let mut scores = Vec::with_capacity(queries.len());
        for batch in parted.batches(self.batch_tokens) {
            let behind = if parted.has_start[batch.start] { behind_start } else { &context.plain };
            let of_batch = score::score(&self.decoder, behind, &parted.rest[batch])?;
            scores.extend(of_batch.into_iter().map(|query| query.iter().map(|choice| choice.loglik).collect()));
        }
        Ok(scores)
    }

    /// What probabilities are divided by.
    fn divisor(&mut self, way: Calibrate) -> Result<Divisor, RunError> {
        if way == Calibrate::Prior {
            return Ok(Divisor::of_rows(self.opened.labels.len()));
        }
        let mut queries = Vec::new();
        for example in self.opened.task.content_free()? {
            let positions = self.positions();
            let rendered = self.opened.task.render_query(&example);
            queries.extend(query::of_rendered(rendered, &self.opened.model.model, positions)?.ok());
        }
        let logliks = self.contexts.iter().map(|context| self.scores(context, &queries));
        let logliks = logliks.collect::<Result<Vec<Vec<Vec<f64>>>, RunError>>()?;
        let of_input = |input: usize| {
            let of_contexts: Vec<Vec<f64>> = logliks.iter().map(|of_context| of_context[input].clone()).collect();
            mean_log_probabilities(&of_contexts).into_iter().map(f64::exp).collect()
        };
        let inputs: Vec<Vec<f64>> = (0..queries.len()).map(of_input).collect();
        if inputs.is_empty() || !inputs.iter().flatten().all(|probability| probability.is_finite()) {
            return Err(PredictError::NoContentFree.into());
        }
        Ok(Divisor::of_content_free(&inputs))
    }
}

impl PreparedRow {
    fn query(Question { id, choices, .. }: Question, tokens: QueryTokens) -> Self {
        Self::Query(PreparedQuery { id, choices, tokens })
    }
}

impl PreparedQuery {
    /// The prediction by the log-likelihoods of the choices behind some contexts, one at least.
    pub fn answer(self, logliks: Vec<Vec<f64>>) -> RowPrediction {
        let refused = || RowPrediction::Refused("expected finite log-likelihoods, got NaN or infinity".to_owned());
        Prediction::new(self.id, self.choices, logliks).map_or_else(refused, RowPrediction::Predicted)
    }
}
