//! Rows to predictions, batch by batch.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::calibration::{Calibrate, Divisor};
use super::error::PredictError;
use super::prediction::{Prediction, RowPrediction, mean_log_probabilities};
use super::query;
use super::reopen::Reopened;
use crate::run::error::RunError;
use crate::run::inputs::plugins::Plugins;
use crate::run::observer::{Event, Observer};
use crate::run::plan::usable::Unusable;
use ft_engine::model::device::DeviceChoice;
use ft_engine::model::{Context, Decoder};
use ft_engine::score::{self, Parted, QueryTokens};
use ft_engine::task::example::Question;
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

/// A context, and itself with what queries of the task start with read behind it.
struct Started {
    plain: Context,
    /// The tokens that are read, and the context behind them; none where queries start with nothing in common.
    start: Option<(Vec<u32>, Context)>,
}

/// Predicts rows behind saved contexts.
pub struct Predictor {
    opened: Reopened,
    decoder: Decoder,
    contexts: Vec<Started>,
    batch_tokens: usize,
    divisor: Option<Divisor>,
}

impl Predictor {
    /// Opens what the contexts were tuned with, then reads the weights.
    ///
    /// # Errors
    /// Contexts that are damaged or were tuned with something else; a task or a model that is not there; calibration that the task
    /// cannot have.
    pub fn open(
        request: &PredictRequest<'_>,
        path: &PluginPath,
        access: Access<'_>,
        observer: &Arc<dyn Observer>,
        engine: &EngineOptions,
    ) -> Result<Self, RunError> {
        let paths = CachePaths::new(access.environment);
        let plugins = Plugins::new(&paths, observer, engine)?;
        let opened = Reopened::open(request, (&plugins, &DigestCache::new(&paths)), path, access)?;
        if request.calibrate.is_some() && opened.labels.is_empty() {
            return Err(PredictError::NoClasses.into());
        }
        observer.event(Event::LoadingWeights);
        let decoder = opened.load()?;
        let started = |folder: &crate::context::ContextFolder| {
            let plain = folder.context(&decoder)?;
            let start = folder.record().plan.shared_start.clone();
            let start = (!start.is_empty()).then(|| {
                opened.check_start(folder, &plain, &start)?;
                let context = score::extended(&decoder, &plain, &start)?;
                Ok::<_, RunError>((start, context))
            });
            Ok(Started { plain, start: start.transpose()? })
        };
        let contexts = opened.contexts.iter().map(started).collect::<Result<Vec<Started>, RunError>>()?;
        let mut predictor = Self { opened, decoder, contexts, batch_tokens: request.batch_tokens, divisor: None };
        predictor.divisor = request.calibrate.map(|way| predictor.divisor(way)).transpose()?;
        Ok(predictor)
    }

    /// The records of the contexts, in their order.
    pub fn records(&self) -> impl Iterator<Item = &ContextRecord> {
        self.opened.contexts.iter().map(crate::context::ContextFolder::record)
    }

    /// The classes; none where rows have choices of their own.
    pub fn labels(&self) -> &[String] {
        &self.opened.labels
    }

    /// Begins a table with these columns, whose rows come with [`Self::predict`].
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
        let outcomes = self.opened.task.read_unlabelled(rows)?;
        let mut pending = Vec::with_capacity(outcomes.len());
        for outcome in outcomes {
            pending.push(match outcome {
                RowOutcome::Question(question) => match self.query(&question)? {
                    Ok(tokens) => Pending::Query(question, tokens),
                    Err(reason) => Pending::Not(RowPrediction::Refused(reason.to_string())),
                },
                RowOutcome::Rejected(rejection) => {
                    let column = rejection.column.map(|column| format!("column `{column}`: ")).unwrap_or_default();
                    Pending::Not(RowPrediction::Refused(column + &rejection.message))
                }
                RowOutcome::LeftOut => Pending::Not(RowPrediction::LeftOut),
            });
        }
        self.answer(pending)
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
        let choices = self.opened.labels.iter().map(|label| label.as_str().into()).collect::<Vec<_>>();
        let not_of_text = |message: String| RunError::from(PredictError::NotOfText { message });
        if choices.is_empty() {
            return Err(not_of_text("its rows have choices of their own".to_owned()));
        }
        let question =
            Question { id: text.chars().take(40).collect(), query: text.into(), choices, fields: Vec::new() };
        let pending = match self.query(&question)? {
            Ok(tokens) => Pending::Query(question, tokens),
            Err(Unusable::Prompt(error)) => return Err(not_of_text(error.to_string())),
            Err(reason) => Pending::Not(RowPrediction::Refused(reason.to_string())),
        };
        Ok(self.answer(vec![pending])?.remove(0))
    }

    /// A question's tokens behind the longest context, or why there are none.
    fn query(&mut self, question: &Question) -> Result<Result<QueryTokens, Unusable>, RunError> {
        let positions = self.positions();
        let Reopened { task, model, .. } = &mut self.opened;
        query::of_rendered(task.render_question(question), &model.model, positions)
    }

    /// The positions before a query, behind the longest context.
    fn positions(&self) -> usize {
        self.contexts.iter().map(|context| context.plain.next_position).max().unwrap_or(0)
    }

    /// Scores the queries among some rows behind every context.
    fn answer(&mut self, pending: Vec<Pending>) -> Result<Vec<RowPrediction>, RunError> {
        let queries = pending.iter().filter_map(|row| match row {
            Pending::Query(_, tokens) => Some(tokens.clone()),
            Pending::Not(_) => None,
        });
        let queries: Vec<QueryTokens> = queries.collect();
        let logliks = self.contexts.iter().map(|context| self.scores(context, &queries));
        let logliks = logliks.collect::<Result<Vec<Vec<Vec<f64>>>, RunError>>()?;
        let mut place = 0;
        let answers = pending.into_iter().map(|row| match row {
            Pending::Not(row) => row,
            Pending::Query(Question { id, choices, .. }, _) => {
                let of_row = logliks.iter().map(|of_context| of_context[place].clone()).collect();
                place += 1;
                match Prediction::new(id, choices, of_row) {
                    Some(mut prediction) => {
                        let divisor = self.divisor.as_mut();
                        prediction.calibrated = divisor.and_then(|divisor| divisor.apply(&prediction.probabilities));
                        RowPrediction::Predicted(prediction)
                    }
                    None => RowPrediction::Refused("expected finite log-likelihoods, got NaN or infinity".to_owned()),
                }
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
        if !inputs.iter().flatten().all(|probability| probability.is_finite()) {
            return Err(PredictError::NoContentFree.into());
        }
        if inputs.is_empty() {
            return Err(PredictError::NoContentFree.into());
        }
        Ok(Divisor::of_content_free(&inputs))
    }
}

/// A row, as a query or as what became of it before it was one.
enum Pending {
    Query(Question, QueryTokens),
    Not(RowPrediction),
}
