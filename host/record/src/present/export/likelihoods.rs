//! Training and held-out likelihood drawn together: whether a step that the optimizer holds to be better is one. The
//! log-likelihoods are those of the records, by which held-out examples select; tables have that among the choices.

use std::collections::BTreeMap;

use super::plot::{Axis, Line, Plot, Point, Values};
use crate::analysis::run_report::RunReport;
use crate::analysis::{RightChoice, StepLikelihood, means};

const HEAD: &str = "<h3>Training and held-out log-likelihood at every step</h3>\n\
    <p class=\"legend\">training: minus what the optimizer says it minimised, at the cache of the step; held-out, \
    evaluation: mean log-likelihood of the right choice, in nats, by which held-out examples select (that of tables is \
    among the choices); large dot: the step that is the result</p>\n";

/// Beyond this a number says nothing, and has no place in a plot.
const LARGEST: f64 = 1e300;

/// The lines of one seed, by step.
#[derive(Default)]
struct OfSeed {
    training: BTreeMap<u32, f64>,
    held_out: BTreeMap<u32, f64>,
    evaluation: BTreeMap<u32, f64>,
}

/// A figure for each seed that has a training loss or held-out examples; nothing where none has.
pub(super) fn figures(run: &RunReport) -> String {
    let mut seeds: BTreeMap<u64, OfSeed> = BTreeMap::new();
    for record in &run.trace {
        // The loss of step t is that of the cache before its update.
        if let (Some(loss), Some(step)) = (record.loss, record.step.checked_sub(1)) {
            seeds.entry(record.seed).or_default().training.insert(step, -loss);
        }
    }
    for StepLikelihood { seed, step, mean, .. } in &run.held_out {
        seeds.entry(*seed).or_default().held_out.insert(*step, *mean);
    }
    if seeds.is_empty() {
        return String::new();
    }
    let scored = run.records.iter().filter(|record| record.step > 0).map(RightChoice::of);
    for StepLikelihood { seed, step, mean, .. } in means(scored, |seed| seeds.contains_key(&seed), false) {
        if run.analysis.step(seed, step).is_some()
            && let Some(of_seed) = seeds.get_mut(&seed)
        {
            of_seed.evaluation.insert(step, mean);
        }
    }
    HEAD.to_owned() + &seeds.iter().map(|(seed, of_seed)| figure(run, *seed, of_seed)).collect::<String>()
}

fn figure(run: &RunReport, seed: u64, of_seed: &OfSeed) -> String {
    let point = |(step, value): (&u32, &f64)| {
        let marked = run.analysis.is_selected(seed, *step);
        Point { at: *step, value: *value, interval: None, marked }
    };
    let line = |(name, values): (&str, &BTreeMap<u32, f64>)| {
        let points: Vec<Point> = values.iter().filter(|(_, value)| value.abs() < LARGEST).map(point).collect();
        (!points.is_empty()).then(|| Line::new(name, points))
    };
    let lines = [("training", &of_seed.training), ("held-out", &of_seed.held_out), ("evaluation", &of_seed.evaluation)];
    let plot = Plot {
        title: format!("seed {seed}: log-likelihood at every step"),
        lines: lines.into_iter().filter_map(line).collect(),
        references: Vec::new(),
        axis: Axis::Steps,
        values: Values::Numbers,
    };
    plot.figure()
}
