//! How times grow: with the queries, with the demonstrations, with the choices.

use ft_engine::tune::{Demonstrations, Momentum, State, StepPolicy};

use crate::Bench;
use crate::common::Outcome;
use crate::common::figures::{Figure, Part};
use crate::common::model::Format;
use crate::common::queries::Shape;
use crate::common::rounds::{Case, Samples, in_turns};
use crate::scoring::{TWO_LABELS, scores};

const DEMONSTRATIONS: [usize; 4] = [28, 56, 112, 224];
const CHOICES: [usize; 4] = [1, 2, 4, 8];
/// Choices of four tokens: of one-token choices any number costs the same.
const PHRASES: Shape = Shape { choice: (4, 4), ..TWO_LABELS };

pub fn measure(bench: &Bench) -> Outcome<Part> {
    let count = bench.amount(36, 3);
    let mut figures = Vec::new();
    let scoring = [1, 2, 4].map(|times| (format!("{} queries", times * count), TWO_LABELS, times * count));
    figures.extend(growth(&scored(bench, &scoring)?));
    let scoring = DEMONSTRATIONS.map(|demonstrations| {
        (format!("{count} queries after {demonstrations} tokens"), Shape { demonstrations, ..TWO_LABELS }, count)
    });
    figures.extend(growth(&scored(bench, &scoring)?));
    figures.extend(growth(&stepped(bench)?));
    let scoring =
        CHOICES.map(|choices| (format!("{count} queries, choices: {choices}"), Shape { choices, ..PHRASES }, count));
    figures.extend(growth(&scored(bench, &scoring)?));
    let what = "times in f32, and what they are of the first of their kind; two one-token choices after contexts of 28 \
                tokens, but the last kind has choices of 4 tokens";
    Ok(Part { name: "costs", what: what.into(), figures })
}

fn scored(bench: &Bench, kinds: &[(String, Shape, usize)]) -> Outcome<Vec<Samples>> {
    let decoder = bench.models.get(Format::F32)?;
    let mut cases = Vec::new();
    for (name, shape, count) in kinds {
        let state = State::first(decoder, &shape.demonstrations())?;
        let queries = shape.queries(*count);
        cases.push(Case::new(name, move || scores(decoder, &state.context, &queries)));
    }
    in_turns(bench.effort, &mut cases)
}

/// Step 2 over demonstrations of several lengths.
fn stepped(bench: &Bench) -> Outcome<Vec<Samples>> {
    let decoder = bench.models.get(Format::F32)?;
    let mut cases = Vec::new();
    for demonstrations in DEMONSTRATIONS {
        let ids = Shape { demonstrations, ..TWO_LABELS }.demonstrations();
        let state = State::first(decoder, &ids)?;
        cases.push(Case::new(format!("a step over {demonstrations} tokens"), move || {
            Ok(state.next(
                decoder,
                &Demonstrations::of_tokens(ids.clone()),
                StepPolicy::PUBLISHED,
                &mut Momentum::new(0.01, 0.9),
            )?)
        }));
    }
    in_turns(bench.effort, &mut cases)
}

fn growth(samples: &[Samples]) -> Vec<Figure> {
    let times = samples.iter().map(|case| Figure::time(&case.name, "ms", case));
    let ratios = samples
        .iter()
        .skip(1)
        .map(|case| Figure::ratio(format!("{}: times the first", case.name), 1.0, case, &samples[0]));
    times.chain(ratios).collect()
}
