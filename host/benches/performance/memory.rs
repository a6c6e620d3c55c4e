//! The most memory that a process takes for a whole run, each in a process of its own.

use std::process::Command;

use ft_engine::tune::State;

use crate::common::Outcome;
use crate::common::figures::{Figure, Part};
use crate::common::machine::peak_memory;
use crate::common::model::{Format, load};
use crate::scoring::{TWO_LABELS, scores};
use crate::{Bench, QUICK, tasks};

/// The argument that makes this program such a process; what it has to do follows.
pub const CHILD: &str = "--peak-memory-of";

const TASKS: &str = "tasks";
/// Enough queries for two full batches, or for one.
const QUERIES: (usize, usize) = (75, 38);

/// Does the work and says what it took at most, in bytes.
pub fn child(work: &str, bench: &Bench) -> Outcome<()> {
    if work == TASKS {
        tasks::render_all(bench)?;
    } else {
        let decoder = load(work.parse::<Format>()?)?;
        let state = State::first(&decoder, &TWO_LABELS.demonstrations())?;
        let queries = TWO_LABELS.queries(bench.amount(QUERIES.0, QUERIES.1));
        scores(&decoder, &state.context, &queries)?;
    }
    let peak = peak_memory().ok_or("this system does not say how much memory a process has had")?;
    println!("{peak}");
    Ok(())
}

pub fn measure(bench: &Bench) -> Outcome<Part> {
    // A process that has to compile the plugins first takes more.
    tasks::compile_all();
    let mut figures = Vec::new();
    for (work, name) in
        [("f32", "scoring, f32"), ("8-bit", "scoring, 8-bit"), (TASKS, "loading and rendering all ten tasks")]
    {
        let megabytes = (0..bench.amount(3, 1)).map(|_| in_a_process(bench, work).map(|bytes| bytes as f64 / 1e6));
        figures.push(Figure::amount(name, "MB", &megabytes.collect::<Outcome<Vec<f64>>>()?));
    }
    let queries = bench.amount(QUERIES.0, QUERIES.1);
    let what = format!(
        "the most resident memory (VmHWM) of a process that loads the weights, runs 28 tokens of demonstrations and \
                scores {queries} queries with 2 choices; of one that loads and renders the data sets"
    );
    Ok(Part { name: "memory", what, figures })
}

fn in_a_process(bench: &Bench, work: &str) -> Outcome<u64> {
    let quick = bench.quick.then_some(QUICK);
    let output = Command::new(std::env::current_exe()?).args([CHILD, work]).args(quick).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
