//! What is scored behind a saved context: evaluation rows alone, since the context's demonstrations were drawn when it was tuned.

use super::content_free::ContentFree;
use super::draw::{Description, Draw, Drawn, check_scored};
use super::evaluation::EvaluationRows;
use super::held_out::{Candidates, Chosen};
use super::render::Renderer;
use super::shown::Role;
use crate::options::Select;
use crate::run::error::RunError;
use crate::run::inputs::config::RunConfig;
use crate::run::inputs::scored_split::ScoredSplit;
use ft_engine::task::overlap::KnownExamples;
use ft_engine::tune::Demonstrations;
use ft_record::files::context::ContextRecord;
use ft_record::files::schema::DrawRecord;

/// Draws the evaluation rows by the context's seed, renders and tokenizes them, and leaves out what may not or cannot be scored
/// behind the context, as the draw of a run does. Rows that are demonstrations are known by the text of those.
///
/// # Errors
/// No row that can be scored, one that cannot where such rows are not left out, a failure of the plugin.
pub(super) fn draw(
    renderer: Renderer<'_>,
    config: &RunConfig,
    (split, labels): (&ScoredSplit, &[String]),
    context: &ContextRecord,
) -> Result<Drawn, RunError> {
    let (seed, plan) = (context.selected.seed, &context.plan);
    let drawn = split.select(&config.task, seed)?;
    let known = demonstrations(&renderer, context);
    let examples = split.split.examples.as_slice();
    let before = vec![context.tensors.next_position; examples.len()];
    let mut evaluation = EvaluationRows::new(renderer, (config, examples), known, before);
    let scored = evaluation.score(0, &drawn, &mut Candidates::none())?;
    let EvaluationRows { mut renderer, queries, unconditional, unusable, .. } = evaluation;
    let unusable = unusable.allowed(config.task.skip_bad_rows)?;
    check_scored(seed, drawn.len(), &scored, &unusable)?;
    let content_free = ContentFree::draw(&mut renderer, labels, context.tensors.next_position)?;
    let record = DrawRecord {
        overlapping_rows: scored.overlapping,
        unusable_rows: scored.unusable,
        scored_rows: None,
        ..plan.draw.clone()
    };
    let draw = Draw {
        record,
        queries: scored.places,
        evaluation_rows: drawn.len(),
        limited: scored.limited,
        other_answers: scored.other_answers,
        demonstrations: Demonstrations::default(),
        held_out: Chosen::nothing(),
        baselines: Vec::new(),
    };
    Ok(Drawn {
        draws: vec![draw],
        select: Select::Last,
        not_held_out: None,
        queries,
        unconditional,
        unusable,
        content_free,
        // Nothing is scored without the demonstrations, so that nobody needs its tokens.
        description: Description { text: plan.description.raw().clone(), ids: Vec::new() },
        shared_start: plan.shared_start.clone(),
    })
}

/// The context's demonstrations as examples that are known, by the text behind the description.
fn demonstrations(renderer: &Renderer<'_>, context: &ContextRecord) -> KnownExamples<Role> {
    let (text, description) = (context.plan.draw.demonstrations.raw(), context.plan.description.raw());
    let text = text.strip_prefix(description.as_str()).unwrap_or(text);
    let mut known = KnownExamples::default();
    known.add_text(text, renderer.separator(), Role::Demonstration { seed: 0, place: 0 });
    known
}
