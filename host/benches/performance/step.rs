//! Steps of Deep-Thinking: through the momentum component and through the same rule natively, and what every rule's update
//! costs beside the pass.

use std::cell::RefCell;
use std::time::Instant;

use ft_engine::tune::{
    Demonstrations, MetaOptimizer, Momentum, OptimizerError, State, StepContext, StepPolicy, Update,
};

use crate::Bench;
use crate::common::Outcome;
use crate::common::figures::{Figure, Part};
use crate::common::model::{Format, VOCABULARY};
use crate::common::rounds::{Case, Effort, Samples, in_turns};
use crate::components::{engine, optimizer};

/// Tokens of demonstrations.
const LENGTHS: [u32; 3] = [28, 128, 512];
/// Tokens of demonstrations for the rules' costs: those of SST-2's, TREC's and longer prompts with one shot.
const RULES_LENGTHS: [u32; 3] = [28, 54, 128];
/// The rules that ask for the proposed cache alone, by their components.
const RULES: [&str; 9] = ["momentum", "gate", "sgd", "nesterov", "adam", "rmsprop", "lion", "trust-ratio", "anderson"];
/// Short steps are repeated more often, since noise is not shorter.
const MOST: usize = 60;

/// A rule whose updates are timed within the steps.
struct Timed<'a, R> {
    rule: R,
    seconds: &'a RefCell<Vec<f64>>,
}

impl<R: MetaOptimizer> MetaOptimizer for Timed<'_, R> {
    fn step(&mut self, context: &mut dyn StepContext) -> Result<Update, OptimizerError> {
        // The pass is no part of the update.
        context.propose()?;
        let started = Instant::now();
        let update = self.rule.step(context);
        self.seconds.borrow_mut().push(started.elapsed().as_secs_f64());
        update
    }
}

pub fn measure(bench: &Bench) -> Outcome<Part> {
    let mut figures = Vec::new();
    for length in LENGTHS {
        figures.extend(of_length(bench, length)?);
    }
    let what = "a step of Deep-Thinking in f32, the whole step (pass, update, checks, norms) and the update within it";
    Ok(Part { name: "step", what: what.into(), figures })
}

fn of_length(bench: &Bench, length: u32) -> Outcome<Vec<Figure>> {
    let decoder = bench.models.get(Format::F32)?;
    let ids: Vec<u32> = (0..length).map(|token| token * 7 % VOCABULARY).collect();
    let first = State::first(decoder, &ids)?;
    let spent: [RefCell<Vec<f64>>; 2] = Default::default();
    let native = Timed { rule: Momentum::new(0.01, 0.9), seconds: &spent[0] };
    let component = Timed { rule: optimizer(&engine(None)?, "momentum")?, seconds: &spent[1] };
    let mut cases = [
        steps(format!("native, {length} tokens"), native, &first, &ids, bench)?,
        steps(format!("component, {length} tokens"), component, &first, &ids, bench)?,
    ];
    let effort = Effort { most: bench.amount(MOST, bench.effort.most), ..bench.effort };
    let whole = in_turns(effort, &mut cases)?;
    drop(cases);
    let updates: Vec<Samples> = whole.iter().zip(&spent).map(|(step, spent)| updates(step, &spent.borrow())).collect();
    let [native, component] = whole.as_slice() else { return Err("no step was timed".into()) };
    // The passes are the same work: what the updates differ by is what the component costs.
    let parts = [native.clone(), updates[0].clone(), updates[1].clone()];
    let charged = Samples::combined("native step with the component's update", &parts, |times| {
        let [step, native, component] = [times[0], times[1], times[2]];
        step - native + component
    });
    Ok(vec![
        Figure::time(&native.name, "ms", native),
        Figure::time(&component.name, "ms", component),
        Figure::time(&updates[0].name, "ms", &updates[0]),
        Figure::time(&updates[1].name, "ms", &updates[1]),
        Figure::ratio(format!("{length} tokens: component over native"), 1.0, component, native),
        Figure::ratio(format!("{length} tokens: the same by the updates alone"), 1.0, &charged, native),
    ])
}

/// The updates within the steps that count: a round to warm up is not among the samples.
fn updates(step: &Samples, spent: &[f64]) -> Samples {
    let seconds = spent[spent.len() - step.seconds.len()..].to_vec();
    Samples { name: format!("{}, update", step.name), seconds }
}

pub fn measure_rules(bench: &Bench) -> Outcome<Part> {
    let mut figures = Vec::new();
    for length in RULES_LENGTHS {
        figures.extend(rules(bench, length)?);
    }
    let what = "the update of every rule through its component, with its default options, in f32; its share is that of \
                the rest of the same step, the pass above all";
    Ok(Part { name: "rules", what: what.into(), figures })
}

fn rules(bench: &Bench, length: u32) -> Outcome<Vec<Figure>> {
    let decoder = bench.models.get(Format::F32)?;
    let ids: Vec<u32> = (0..length).map(|token| token * 7 % VOCABULARY).collect();
    let (first, engine) = (State::first(decoder, &ids)?, engine(None)?);
    let spent: [RefCell<Vec<f64>>; RULES.len()] = Default::default();
    let cases = RULES.iter().zip(&spent).map(|(name, seconds)| {
        let rule = Timed { rule: optimizer(&engine, name)?, seconds };
        steps(format!("{name}, {length} tokens"), rule, &first, &ids, bench)
    });
    let mut cases = cases.collect::<Outcome<Vec<_>>>()?;
    let effort = Effort { least: bench.amount(20, 1), most: bench.amount(MOST, 2), ..bench.effort };
    let whole = in_turns(effort, &mut cases)?;
    drop(cases);
    let figures = whole.iter().zip(&spent).flat_map(|(step, spent)| {
        let update = updates(step, &spent.borrow());
        let rest =
            Samples::combined("the rest of the step", &[step.clone(), update.clone()], |times| times[0] - times[1]);
        let share = Figure::ratio(format!("{}, of the rest of the step", update.name), 1.0, &update, &rest);
        [Figure::time(&update.name, "ms", &update), share]
    });
    Ok(figures.collect())
}

/// Every run is the next step of the same iteration.
fn steps<'a>(
    name: String,
    mut rule: impl MetaOptimizer + 'a,
    first: &State,
    ids: &'a [u32],
    bench: &'a Bench,
) -> Outcome<Case<'a>> {
    let decoder = bench.models.get(Format::F32)?;
    let (mut state, demonstrations) = (first.clone(), Demonstrations::of_tokens(ids));
    Ok(Case::clocked(name, move || {
        let started = Instant::now();
        let next = state.next(decoder, &demonstrations, StepPolicy::PUBLISHED, &mut rule)?;
        let spent = started.elapsed();
        state = next;
        Ok(spent)
    }))
}
