//! What an optimizer's questions cost: the likelihood of each demonstration behind the cache without its own positions, its
//! gradient, and a step of the component that is built on it.

use ft_engine::model::decoder::{Batch, TokenTree};
use ft_engine::score::{ChoiceTokens, QueryTokens};
use ft_engine::tune::{
    AnsweredQuery, DemonstrationSpan, Demonstrations, Dropout, Examples, MetaOptimizer, Objective, OptimizerError,
    State, StepContext, StepPolicy, StepReport, Update, Verdict,
};

use crate::Bench;
use crate::common::Outcome;
use crate::common::figures::{Figure, Part};
use crate::common::model::{Format, VOCABULARY};
use crate::common::rounds::{Case, Samples, in_turns};
use crate::components::{engine, optimizer};

/// Tokens of a demonstration; the last is its answer.
const TOKENS: usize = 20;
const DEMONSTRATIONS: [usize; 3] = [8, 16, 32];

/// So many demonstrations of [`TOKENS`] tokens, each as a query with its answer.
fn demonstrations(count: usize) -> Demonstrations {
    let token = |index: usize| (index as u32 * 7919 + 13) % VOCABULARY;
    let ids: Vec<u32> = (0..count * TOKENS).map(token).collect();
    let spans = (0..count).map(|at| DemonstrationSpan {
        tokens: at * TOKENS..(at + 1) * TOKENS,
        answer: (at + 1) * TOKENS - 1..(at + 1) * TOKENS,
    });
    let query = |at: usize| {
        let ids = ids[at * TOKENS..(at + 1) * TOKENS].to_vec();
        let choice = ChoiceTokens { span_start: ids.len() - 1, ids };
        AnsweredQuery { tokens: QueryTokens { choices: vec![choice] }.into(), answer: 0 }
    };
    let queries = (0..count).map(query).collect();
    Demonstrations { spans: spans.collect(), queries, ..Demonstrations::of_tokens(ids.clone()) }
}

/// Asks one thing and keeps the cache.
struct Asks(fn(&mut dyn StepContext) -> Result<(), OptimizerError>);

impl MetaOptimizer for Asks {
    fn step(&mut self, context: &mut dyn StepContext) -> Result<Update, OptimizerError> {
        (self.0)(context)?;
        let cache = context.cache().matrices().cloned().collect();
        Ok(Update { cache, verdict: Verdict::Continue, report: StepReport::default() })
    }
}

fn nothing(_: &mut dyn StepContext) -> Result<(), OptimizerError> {
    Ok(())
}

fn likelihood(context: &mut dyn StepContext) -> Result<(), OptimizerError> {
    let cache = context.cache().clone();
    context.likelihood(&cache, Examples::LeaveOneOut, Objective::Answer)?;
    Ok(())
}

fn gradient(context: &mut dyn StepContext) -> Result<(), OptimizerError> {
    let cache = context.cache().clone();
    let dropout = Dropout { rate: 0.05, seed: context.seed() };
    context.gradient(&cache, Examples::LeaveOneOut, Objective::Answer, dropout)?;
    Ok(())
}

pub fn measure(bench: &Bench) -> Outcome<Part> {
    let mut figures = Vec::new();
    for count in DEMONSTRATIONS {
        figures.extend(of_count(bench, count)?);
    }
    let what = "questions about 8, 16 and 32 demonstrations of 20 tokens in f32; a step's own pass over the demonstrations is \
                taken off a question's time, and is part of the component's step";
    Ok(Part { name: "questions", what: what.into(), figures })
}

fn of_count(bench: &Bench, count: usize) -> Outcome<Vec<Figure>> {
    let decoder = bench.models.get(Format::F32)?;
    let shown = demonstrations(count);
    let first = State::first(decoder, &shown.ids)?;
    let both: Vec<u32> = shown.ids.iter().chain(&shown.ids).copied().collect();
    let (trees, last) = ([TokenTree::chain(&both)], [both.len() - 1]);
    let engine = engine(None)?;
    let mut rule = optimizer(&engine, "context-tuning")?;
    let asked = |name: &str, ask| {
        let (first, shown) = (&first, &shown);
        Case::new(format!("{name}, {count} demonstrations"), move || {
            Ok(first.next(decoder, shown, StepPolicy::PUBLISHED, &mut Asks(ask))?)
        })
    };
    let mut cases = vec![
        Case::new(format!("one pass over {count} demonstrations and their queries"), || {
            let context = ft_engine::model::Context::zero_shot(None);
            Ok(decoder.forward(Batch::after(&context, &trees, &last))?)
        }),
        asked("a step that asks nothing", nothing),
        asked("a likelihood", likelihood),
        asked("a gradient", gradient),
        Case::new(format!("a step of context-tuning, {count} demonstrations"), || {
            Ok(first.next(decoder, &shown, StepPolicy::PUBLISHED, &mut rule)?)
        }),
    ];
    let samples = in_turns(bench.effort, &mut cases)?;
    drop(cases);
    let [pass, still, likelihood, gradient, tuned] = samples.as_slice() else { return Err("five cases".into()) };
    let own = |of: &Samples| Samples::combined(&of.name, &[of.clone(), still.clone()], |times| times[0] - times[1]);
    let (likelihood, gradient) = (own(likelihood), own(gradient));
    Ok(vec![
        Figure::time(&pass.name, "ms", pass),
        Figure::time(&likelihood.name, "ms", &likelihood),
        Figure::time(&gradient.name, "ms", &gradient),
        Figure::time(&tuned.name, "ms", tuned),
        Figure::ratio(format!("{}: times a likelihood", gradient.name), 1.0, &gradient, &likelihood),
        Figure::ratio(format!("{}: times the one pass", tuned.name), 1.0, tuned, pass),
    ])
}
