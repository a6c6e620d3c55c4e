//! What a seed draws, as text and tokens: demonstrations, queries, and what the step is chosen by.

use super::baseline::{self, BaselineContext};
use super::content_free::ContentFree;
use super::error::DrawError;
use super::evaluation::{EvaluationRows, Scored, tokens_before};
use super::held_out::{Candidates, Chosen, Fold, choose_all};
use super::one_by_one::Tuned;
use super::render::{Query, Renderer};
use super::select;
use super::shared_start;
use super::shown::{Role, Shown};
use super::usable::UnusableRows;
use crate::options::Select;
use crate::run::error::RunError;
use crate::run::inputs::config::{Purpose, RunConfig};
use crate::run::inputs::rows::Rows;
use ft_engine::task::overlap::KnownExamples;
use ft_engine::tune::Demonstrations;
use ft_record::files::schema::DrawRecord;

/// What one seed draws.
pub struct Draw {
    /// The demonstrations, as they are written down, and the evaluation rows that are left out.
    pub record: DrawRecord,
    /// What is scored: places in [`Drawn::queries`], in the order in which they are scored.
    pub queries: Vec<usize>,
    /// How many evaluation rows were drawn, before any was left out.
    pub evaluation_rows: usize,
    /// Whether `--limit` ended the rows before the last of them.
    pub limited: bool,
    /// Scored rows that ask what a demonstration asks, and have another answer.
    pub other_answers: usize,
    /// What is tuned on.
    pub demonstrations: Demonstrations,
    /// What the step is chosen by.
    pub held_out: Chosen,
    /// What else the queries are scored behind, in the order in which they are.
    pub baselines: Vec<BaselineContext>,
}

impl Draw {
    /// Tokens of the longest context that queries are scored behind.
    pub fn longest_context(&self) -> usize {
        let baselines = self.baselines.iter().map(|context| context.ids.len());
        baselines.chain([self.record.demonstration_ids.len()]).max().unwrap_or(0)
    }
}

/// What all seeds draw.
pub struct Drawn {
    /// What each seed draws, in the order of the seeds.
    pub draws: Vec<Draw>,
    /// Which step is the result of every seed.
    pub select: Select,
    /// Why held-out examples do not select it, where they would if they could be used.
    pub not_held_out: Option<DrawError>,
    /// All that is scored, once each.
    pub queries: Vec<Query>,
    /// The choices of each of the queries without it, in the queries' order; none without `--mutual-information`.
    pub unconditional: Vec<Query>,
    /// Evaluation rows that no seed scores since they cannot be used.
    pub unusable: UnusableRows,
    /// What is scored behind every context besides the queries.
    pub content_free: ContentFree,
    /// What stands before the first demonstration and before zero-shot queries.
    pub description: Description,
    /// What queries of the task start with.
    pub shared_start: Vec<u32>,
}

impl Drawn {
    /// All that is scored behind contexts of results, and the choices without their queries.
    pub fn scored(&self) -> impl Iterator<Item = &Query> {
        self.queries.iter().chain(&self.unconditional).chain(&self.content_free.queries)
    }
}

/// The text before the first demonstration, which zero-shot queries have before them too.
#[derive(Default)]
pub struct Description {
    /// The text; empty for none.
    pub text: String,
    /// Its token ids, with those that the model expects at the beginning of a text; none where there is no text.
    pub ids: Vec<u32>,
}

/// Lets every seed draw, renders and tokenizes what it draws, and leaves out of scoring what may not or cannot be scored. A
/// query that several seeds score is there once.
///
/// A row that does not fit behind the demonstrations of one seed is left out for all seeds that draw it, so that their
/// results are about the same rows; rows that are demonstrations are left out for the seed whose demonstrations they are.
///
/// # Errors
/// Too few rows, an example that the prompt does not take, what does not fit, a failure of the plugin.
pub(super) fn draw(mut renderer: Renderer<'_>, config: &RunConfig, rows: &Rows) -> Result<Drawn, RunError> {
    let scores = config.purpose == Purpose::Score;
    let (text, ids) = renderer.description()?;
    let description = Description { text: text.to_owned(), ids };
    let (tuned, mut known) = tuned(&mut renderer, config, rows)?;
    let fewest = tuned.iter().map(|tuned| tuned.shown.demonstrations.len()).min();
    let select = select::settle(config, fewest.unwrap_or(0));
    let mut held_out = Vec::with_capacity(tuned.len());
    for (seed, of_seed) in tuned.iter().enumerate() {
        held_out.push(Candidates::draw(&mut renderer, rows, (of_seed, seed), select, &mut known)?);
    }
    let examples = rows.evaluation_examples();
    let before = tokens_before(examples.len(), description.ids.len(), tuned.iter().map(|tuned| &tuned.shown));
    let mut evaluation = EvaluationRows::new(renderer, (config, examples), known, before);
    let mut scored = Vec::with_capacity(tuned.len());
    for (seed, (of_seed, candidates)) in tuned.iter().zip(&mut held_out).enumerate() {
        let drawn = if scores { of_seed.shown.selection.evaluation.as_slice() } else { &[] };
        scored.push(evaluation.score(seed, drawn, candidates)?);
    }
    let EvaluationRows { mut renderer, queries, unconditional, unusable, .. } = evaluation;
    let unusable = unusable.allowed(config.task.skip_bad_rows)?;
    let of_first = scored.first().map(|scored| scored.places.len());
    for ((seed, of_seed), scored) in config.seeds.iter().zip(&tuned).zip(&scored).filter(|_| scores) {
        check_scored(*seed, of_seed.shown.selection.evaluation.len(), scored, &unusable)?;
    }
    let (held_out, not_held_out) = choose_all(held_out, config, renderer.room)?;
    let select = if not_held_out.is_some() { Select::Last } else { select };
    let mut draws = Vec::with_capacity(tuned.len());
    for (seed, ((of_seed, held_out), scored)) in config.seeds.iter().zip(tuned.into_iter().zip(held_out).zip(scored)) {
        let Tuned { shown: of_seed, mut demonstrations, .. } = of_seed;
        let evaluation_rows = of_seed.selection.evaluation.len();
        let count = scored.places.len();
        if let [Fold { demonstrations: of_fold, .. }] = held_out.folds.as_slice() {
            demonstrations.held_out.clone_from(&of_fold.held_out);
        }
        let record = DrawRecord {
            seed: *seed,
            demonstrations: of_seed.text.into(),
            demonstration_ids: of_seed.ids,
            demonstration_rows: of_seed.demonstrations.iter().map(|(row, _)| *row).collect(),
            held_out_rows: held_out.rows.clone(),
            overlapping_rows: scored.overlapping,
            unusable_rows: scored.unusable,
            scored_rows: Some(count).filter(|count| Some(*count) != of_first),
        };
        let Scored { places, limited, other_answers, .. } = scored;
        let baselines = baselines(&renderer, config, &record, places.iter().map(|place| &queries[*place]))?;
        draws.push(Draw {
            record,
            queries: places,
            evaluation_rows,
            limited,
            other_answers,
            demonstrations,
            held_out,
            baselines,
        });
    }
    let longest = draws.iter().map(Draw::longest_context).chain([description.ids.len()]).max().unwrap_or(0);
    let shared_start = shared_start::of_task(&mut renderer, rows)?;
    let content_free = match config.purpose {
        Purpose::Score => ContentFree::draw(&mut renderer, &rows.labels, longest)?,
        Purpose::Tune => ContentFree::default(),
    };
    Ok(Drawn { draws, select, not_held_out, queries, unconditional, unusable, content_free, description, shared_start })
}

/// Refuses a seed that scores none of the `rows` rows that it drew.
pub(super) fn check_scored(seed: u64, rows: usize, scored: &Scored, unusable: &UnusableRows) -> Result<(), DrawError> {
    if !scored.places.is_empty() {
        return Ok(());
    }
    let first = unusable.first();
    let (overlapping, unusable) = (scored.overlapping.len(), scored.unusable.len());
    Err(DrawError::NothingToScore { seed, rows, overlapping, unusable, first })
}

/// What every seed is tuned on, and those demonstrations as examples that are known.
fn tuned<'r>(
    renderer: &mut Renderer<'_>,
    config: &RunConfig,
    rows: &'r Rows,
) -> Result<(Vec<Tuned<'r>>, KnownExamples<Role>), RunError> {
    let mut tuned = Vec::with_capacity(config.seeds.len());
    for seed in &config.seeds {
        let of_seed = Shown::draw(renderer, rows, &config.task, *seed)?;
        renderer.check_fit(&of_seed.pairs(), &of_seed.text, &of_seed.ids)?;
        tuned.push(Tuned::of(renderer, of_seed, *seed)?);
    }
    let mut known = KnownExamples::default();
    for (seed, Tuned { shown, .. }) in tuned.iter().enumerate() {
        for (place, ((_, example), text)) in shown.demonstrations.iter().zip(&shown.rendered).enumerate() {
            known.add(example, text.raw(), Role::Demonstration { seed, place });
        }
    }
    Ok((tuned, known))
}

/// What a seed's queries are scored behind besides its demonstrations, where all of them fit.
fn baselines<'q>(
    renderer: &Renderer<'_>,
    config: &RunConfig,
    record: &DrawRecord,
    queries: impl Iterator<Item = &'q Query>,
) -> Result<Vec<BaselineContext>, RunError> {
    if config.baselines.0.is_empty() {
        return Ok(Vec::new());
    }
    let (before, ids) = (renderer.tokens_before(record.demonstrations.raw())?, &record.demonstration_ids);
    let longest = queries.map(|query| query.tokens.longest()).max().unwrap_or(0);
    let baselines = || config.baselines.0.iter().copied();
    baseline::check_fit(renderer.room, record.seed, (ids.len(), before), longest, baselines())?;
    Ok(baselines().map(|baseline| BaselineContext::new(baseline, ids, before)).collect())
}
