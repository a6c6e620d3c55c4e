//! Scoring task by task, against the plain scorer.

use ft_engine::model::{Context, Decoder};
use ft_engine::score::{self, ChoiceScore, QueryTokens};
use ft_engine::tune::State;

use crate::Bench;
use crate::common::Outcome;
use crate::common::figures::{Figure, Part};
use crate::common::model::Format;
use crate::common::queries::Shape;
use crate::common::rounds::{Case, in_turns};
use crate::support_plain::plain;

/// Query tokens that run together; what `--batch-tokens` is by default.
const BATCH_TOKENS: usize = 1024;

/// Two labels of one token: the shape of SST-2.
pub const TWO_LABELS: Shape =
    Shape { name: "2 choices, one token", demonstrations: 28, context: 28, choices: 2, choice: (1, 1) };
/// Shapes as of SST-2, TREC, QASC and HellaSwag.
const SHAPES: [Shape; 4] = [
    TWO_LABELS,
    Shape { name: "6 choices, one token", demonstrations: 112, context: 18, choices: 6, choice: (1, 1) },
    Shape { name: "8 choices, phrases", demonstrations: 56, context: 16, choices: 8, choice: (1, 3) },
    Shape { name: "4 choices, long endings", demonstrations: 200, context: 40, choices: 4, choice: (20, 28) },
];
const FORMATS: [Format; 2] = [Format::F32, Format::EightBit];

/// All queries, in batches as in a run.
pub fn scores(decoder: &Decoder, context: &Context, queries: &[QueryTokens]) -> Outcome<Vec<Vec<ChoiceScore>>> {
    let mut scores = Vec::with_capacity(queries.len());
    for batch in score::batches(queries, BATCH_TOKENS) {
        scores.extend(score::score(decoder, context, &queries[batch])?);
    }
    Ok(scores)
}

pub fn measure(bench: &Bench) -> Outcome<Part> {
    let mut figures = Vec::new();
    for shape in SHAPES {
        figures.extend(of_shape(bench, shape)?);
    }
    let what = "queries of arbitrary tokens after demonstrations; tokens that the choices of a query share count once; the \
                plain scorer runs demonstrations and choice anew for every choice, in f32, with the head on every token";
    Ok(Part { name: "scoring", what: what.into(), figures })
}

fn of_shape(bench: &Bench, shape: Shape) -> Outcome<Vec<Figure>> {
    let queries = shape.queries(bench.amount(36, 3));
    // What the first queries cost is what all cost on average, so the plain scorer need not run all.
    let few = &queries[..bench.amount(3, 1)];
    let demonstrations = shape.demonstrations();
    let states = FORMATS.map(|format| Ok((format, bench.models.get(format)?)));
    let states = states.into_iter().map(|model: Outcome<_>| {
        let (format, decoder) = model?;
        Ok((format, decoder, State::first(decoder, &demonstrations)?))
    });
    let states: Vec<(Format, &Decoder, State)> = states.collect::<Outcome<_>>()?;
    let reference = bench.models.get(Format::F32)?;
    let mut cases = vec![Case::new(format!("{}: plain scorer, f32", shape.name), || {
        let choices = few.iter().flat_map(|query| &query.choices);
        Ok(choices.map(|choice| plain(reference, &demonstrations, choice)).collect::<Vec<_>>())
    })];
    for (format, decoder, state) in &states {
        let context = &state.context;
        let queries = &queries;
        cases.push(Case::new(format!("{}: {format}", shape.name), move || scores(decoder, context, queries)));
    }
    let samples = in_turns(bench.effort, &mut cases)?;
    let [plain, scorers @ ..] = samples.as_slice() else { return Err("no case was timed".into()) };
    let tokens: usize = queries.iter().map(QueryTokens::tree_tokens).sum();
    let (all, few) = (queries.len() as f64, few.len() as f64);
    let mut figures = vec![Figure::rate(&plain.name, "queries/s", few, plain)];
    for scorer in scorers {
        figures.push(Figure::rate(&scorer.name, "queries/s", all, scorer));
        figures.push(Figure::rate(format!("{}, tokens", scorer.name), "tokens/s", tokens as f64, scorer));
        figures.push(Figure::ratio(format!("{} over the plain scorer", scorer.name), all / few, plain, scorer));
    }
    if let [dense, quantized] = scorers {
        figures.push(Figure::ratio(format!("{} over f32", quantized.name), 1.0, dense, quantized));
    }
    Ok(figures)
}
