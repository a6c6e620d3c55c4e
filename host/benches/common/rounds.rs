//! Cases that are timed in turns.
//!
//! Written by hand: the usual harnesses time one case after the other, minutes apart, and on a machine that others use
//! too a ratio of two such times says as much about the neighbours as about the code. Here every round runs every case
//! once, and ratios are taken within rounds.

use std::time::{Duration, Instant};

use super::Outcome;

/// How long to measure.
#[derive(Clone, Copy)]
pub struct Effort {
    /// Whether a round goes before those that count.
    pub warm_up: bool,
    /// Rounds that are run however long they take.
    pub least: usize,
    /// Rounds after which there is an end.
    pub most: usize,
    /// Time after which no further round begins.
    pub time: Duration,
}

type Run<'a> = Box<dyn FnMut() -> Outcome<Duration> + 'a>;

/// One thing to time.
pub struct Case<'a> {
    name: String,
    run: Run<'a>,
}

impl<'a> Case<'a> {
    /// All that the function does is timed.
    pub fn new<T>(name: impl Into<String>, mut work: impl FnMut() -> Outcome<T> + 'a) -> Self {
        Self::clocked(name, move || {
            let started = Instant::now();
            let result = work()?;
            let spent = started.elapsed();
            // What takes memory gives it back off the clock.
            drop(result);
            Ok(spent)
        })
    }

    /// The function says itself how long the part that counts took.
    pub fn clocked(name: impl Into<String>, run: impl FnMut() -> Outcome<Duration> + 'a) -> Self {
        Self { name: name.into(), run: Box::new(run) }
    }
}

/// A case's times, one for each round.
#[derive(Clone, Debug)]
pub struct Samples {
    /// The case.
    pub name: String,
    /// Seconds, in the order of the rounds.
    pub seconds: Vec<f64>,
}

impl Samples {
    /// The shortest time: what the machine does when nobody disturbs it.
    pub fn best(&self) -> f64 {
        self.seconds.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The usual time.
    pub fn median(&self) -> f64 {
        quantile(&self.seconds, 0.5)
    }

    /// For every round what `combine` makes of the times that these cases took in it.
    pub fn combined(name: impl Into<String>, cases: &[Samples], combine: impl Fn(&[f64]) -> f64) -> Self {
        let rounds = cases.iter().map(|case| case.seconds.len()).min().unwrap_or(0);
        let of_round = |round: usize| cases.iter().map(|case| case.seconds[round]).collect::<Vec<f64>>();
        Self { name: name.into(), seconds: (0..rounds).map(|round| combine(&of_round(round))).collect() }
    }
}

/// Runs all cases in turns. Each round begins with another case, so that none always follows the same one.
pub fn in_turns(effort: Effort, cases: &mut [Case<'_>]) -> Outcome<Vec<Samples>> {
    if effort.warm_up {
        for case in cases.iter_mut() {
            (case.run)()?;
        }
    }
    let mut times: Vec<Samples> =
        cases.iter().map(|case| Samples { name: case.name.clone(), seconds: Vec::new() }).collect();
    let started = Instant::now();
    let mut round = 0;
    while round < effort.least || (round < effort.most && started.elapsed() < effort.time) {
        for turn in 0..cases.len() {
            let index = (round + turn) % cases.len();
            times[index].seconds.push((cases[index].run)()?.as_secs_f64());
        }
        round += 1;
    }
    Ok(times)
}

/// The value below which this share of the values lies, between two of them in proportion; NaN of none.
pub fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    below + (above - below) * place.fract()
}
