//! What a seed draws, as text and tokens: demonstrations, queries, and what the step is chosen by.

use std::collections::HashMap;

use super::RunError;
use super::config::{HELD_OUT_ROWS, HeldOut, RunConfig, Select};
use super::rows::Rows;
use crate::model::Tokenizer;
use crate::plugin::TaskPlugin;
use crate::report::schema::DrawRecord;
use crate::score::QueryTokens;
use crate::task::example::{Example, RenderedChoice, Split};
use crate::task::prompt::demonstration_text;
use crate::task::sampling::Selection;

/// One example, ready to be scored.
#[derive(Clone)]
pub struct Query {
    /// Its row in its split.
    pub index: usize,
    /// Its name.
    pub id: String,
    /// The right choice.
    pub answer: usize,
    /// Its choices' tokens.
    pub tokens: QueryTokens,
    /// How many characters each choice's scored text has.
    pub characters: Vec<usize>,
}

/// What one seed draws.
pub struct Draw {
    /// Its demonstrations, as they are written down.
    pub record: DrawRecord,
    /// What is scored: places in [`Drawer::queries`], in the order in which they are scored.
    pub queries: Vec<usize>,
    /// How many evaluation rows there are to score, before a limit.
    pub evaluation_rows: usize,
    /// What the step is chosen by; none where it is not chosen by examples.
    pub held_out: Vec<Fold>,
}

/// Examples that are scored over a cache of demonstrations to choose the step.
pub struct Fold {
    /// The demonstrations' token ids.
    pub ids: Vec<u32>,
    /// The examples; none of them is among the demonstrations.
    pub queries: Vec<Query>,
}

/// Renders and tokenizes what seeds draw. A query that several seeds score is there once.
pub struct Drawer<'a> {
    config: &'a RunConfig,
    rows: &'a Rows,
    task: &'a mut TaskPlugin,
    tokenizer: &'a Tokenizer,
    separator: String,
    queries: Vec<Query>,
    /// The place in `queries` of a row of the evaluation split.
    places: HashMap<usize, usize>,
}

/// Demonstrations, each as text.
///
/// # Errors
/// An example that the prompt does not take, or a failure of the plugin.
pub fn render_all(task: &mut TaskPlugin, shown: &[(usize, &Example)]) -> Result<Vec<String>, RunError> {
    Ok(shown.iter().map(|(_, example)| task.render_demonstration(example)).collect::<Result<_, _>>()?)
}

fn rows_of(shown: &[(usize, &Example)]) -> Vec<usize> {
    shown.iter().map(|(row, _)| *row).collect()
}

impl<'a> Drawer<'a> {
    /// Over a task's rows.
    ///
    /// # Errors
    /// A failure of the plugin.
    pub fn new(
        config: &'a RunConfig,
        rows: &'a Rows,
        task: &'a mut TaskPlugin,
        tokenizer: &'a Tokenizer,
    ) -> Result<Self, RunError> {
        let separator = task.separator()?;
        Ok(Self { config, rows, task, tokenizer, separator, queries: Vec::new(), places: HashMap::new() })
    }

    /// What `seed` draws.
    ///
    /// # Errors
    /// Too few rows, an example that the prompt does not take, a failure of the plugin.
    pub fn draw(&mut self, seed: u64) -> Result<Draw, RunError> {
        let rows = self.rows;
        let selection = rows.select(&self.config.task, seed)?;
        let shown = rows.demonstrations(&selection);
        let rendered = render_all(self.task, &shown)?;
        let text = demonstration_text(&rendered, &self.separator);
        let ids = self.tokenizer.encode_with_special(&text)?;
        if ids.is_empty() {
            return Err(RunError::EmptyDemonstrations { text });
        }
        let limit = self.config.limit.unwrap_or(usize::MAX);
        let queries = selection.evaluation.iter().take(limit).map(|row| self.query(*row)).collect::<Result<_, _>>()?;
        let (held_out_rows, held_out) = match self.held_out(shown.len()) {
            None => (Vec::new(), Vec::new()),
            Some(HeldOut::Rows(count)) => self.apart(&selection, count, &ids)?,
            Some(HeldOut::LeaveOneOut | HeldOut::Either) => (rows_of(&shown), self.folds(&shown, &rendered)?),
        };
        let record = DrawRecord {
            seed,
            demonstrations: text,
            demonstration_ids: ids,
            demonstration_rows: rows_of(&shown),
            held_out_rows,
        };
        Ok(Draw { record, queries, evaluation_rows: selection.evaluation.len(), held_out })
    }

    /// All queries that were drawn, once each.
    pub fn into_queries(self) -> Vec<Query> {
        self.queries
    }

    fn held_out(&self, demonstrations: usize) -> Option<HeldOut> {
        match self.config.select {
            Select::HeldOut(HeldOut::Either) if demonstrations < 2 => Some(HeldOut::Rows(HELD_OUT_ROWS)),
            Select::HeldOut(held_out) => Some(held_out),
            Select::Last | Select::Converged { .. } => None,
        }
    }

    /// The place of an evaluation row among the queries.
    fn query(&mut self, row: usize) -> Result<usize, RunError> {
        if let Some(place) = self.places.get(&row) {
            return Ok(*place);
        }
        let query = self.render(Split::Evaluation, row, &self.rows.evaluation.examples[row])?;
        self.queries.push(query);
        self.places.insert(row, self.queries.len() - 1);
        Ok(self.queries.len() - 1)
    }

    fn render(&mut self, split: Split, index: usize, example: &Example) -> Result<Query, RunError> {
        let choices = self.task.render_query(example)?;
        let id = example.id.clone();
        let tokens = QueryTokens::encode(self.tokenizer, &choices)?.map_err(|source| RunError::EmptyContinuation {
            split,
            id: id.clone(),
            source,
        })?;
        let characters = choices.iter().map(RenderedChoice::scored_characters).collect();
        Ok(Query { index, id, answer: example.answer, tokens, characters })
    }

    /// Rows of the demonstrations' split that are no demonstrations, over all demonstrations.
    fn apart(&mut self, selection: &Selection, count: usize, ids: &[u32]) -> Result<(Vec<usize>, Vec<Fold>), RunError> {
        let all = &self.rows.demonstrations;
        let rows = self.rows.hold_out(selection, count)?;
        let queries = rows
            .iter()
            .map(|row| self.render(Split::Demonstrations, *row, &all.examples[*row]))
            .collect::<Result<_, _>>()?;
        Ok((rows, vec![Fold { ids: ids.to_vec(), queries }]))
    }

    /// Every demonstration over a cache of the others.
    fn folds(&mut self, shown: &[(usize, &Example)], rendered: &[String]) -> Result<Vec<Fold>, RunError> {
        if rendered.len() < 2 {
            return Err(RunError::NothingToLeaveOut);
        }
        let mut folds = Vec::with_capacity(rendered.len());
        for (left_out, (row, example)) in shown.iter().enumerate() {
            let others = rendered.iter().enumerate().filter(|(index, _)| *index != left_out);
            let others: Vec<&str> = others.map(|(_, text)| text.as_str()).collect();
            let ids = self.tokenizer.encode_with_special(&demonstration_text(&others, &self.separator))?;
            folds.push(Fold { ids, queries: vec![self.render(Split::Demonstrations, *row, example)?] });
        }
        Ok(folds)
    }
}
