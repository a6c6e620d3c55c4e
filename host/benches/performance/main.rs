//! What scoring and tuning cost, and what the machine could do: `cargo xtask bench [--quick] [PART...]`.
//!
//! Figures are reported, never asserted. `docs/performance.md` says what each means.

#[path = "../common/mod.rs"]
mod common;
#[path = "../../tests/support_data/mod.rs"]
mod support_data;
#[path = "../../tests/support_plain/mod.rs"]
mod support_plain;
// What the tests alone need of it (half a body, signals) is not for the bench.
#[path = "../../tests/support_serve/mod.rs"]
#[allow(dead_code)]
mod support_serve;
#[path = "../../tests/tasks/support.rs"]
mod tasks_support;

mod components;
mod costs;
mod memory;
mod prefill;
mod questions;
mod scoring;
mod serve;
mod step;
mod tasks;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::Outcome;
use common::figures::{Part, Report};
use common::machine::Machine;
use common::model::{self, Models};
use common::rounds::Effort;

/// What the parts share.
pub struct Bench {
    /// Whether to go through everything with little work and few repetitions.
    quick: bool,
    /// How long each measurement takes.
    effort: Effort,
    /// The models, loaded once for all parts.
    models: Models,
}

impl Bench {
    fn new(quick: bool) -> Self {
        let effort = if quick {
            Effort { warm_up: false, least: 1, most: 5, time: Duration::from_secs(1) }
        } else {
            Effort { warm_up: true, least: 5, most: 25, time: Duration::from_secs(30) }
        };
        Self { quick, effort, models: Models::default() }
    }

    /// How much of something: so much, or less where it has to be quick.
    fn amount(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

/// Asks for little work.
const QUICK: &str = "--quick";

type Measure = fn(&Bench) -> Outcome<Part>;

const PARTS: [(&str, Measure); 10] = [
    ("prefill", prefill::measure),
    ("scoring", scoring::measure),
    ("step", step::measure),
    ("rules", step::measure_rules),
    ("questions", questions::measure),
    ("costs", costs::measure),
    ("components", components::measure),
    ("tasks", tasks::measure),
    ("memory", memory::measure),
    ("serve", serve::measure),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [memory::CHILD, work, rest @ ..] => memory::child(work, &Bench::new(rest.contains(&QUICK))),
        words => run(words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(words: &[&str]) -> Outcome<()> {
    let names = || PARTS.iter().map(|(name, _)| *name);
    let mut quick = false;
    let mut asked = Vec::new();
    for word in words {
        match *word {
            QUICK => quick = true,
            // Cargo says so to every bench.
            "--bench" => {}
            name if names().any(|part| part == name) => asked.push(name),
            other => {
                return Err(format!("no part `{other}`; there are {}", names().collect::<Vec<_>>().join(", ")).into());
            }
        }
    }
    let bench = Bench::new(quick);
    let mut report = Report {
        format_version: 1,
        version: env!("CARGO_PKG_VERSION"),
        quick,
        machine: Machine::here(),
        model: model::WHAT,
        parts: Vec::new(),
    };
    for (name, measure) in PARTS {
        if asked.is_empty() || asked.contains(&name) {
            let started = Instant::now();
            eprint!("{name} ...");
            report.parts.push(measure(&bench)?);
            eprintln!(" {:.0} s", started.elapsed().as_secs_f64());
        }
    }
    println!("{report}");
    let path = PathBuf::from(concat!(env!("CARGO_TARGET_TMPDIR"), "/../bench.json"));
    std::fs::write(&path, serde_json::to_string_pretty(&report)? + "\n")?;
    println!("the same as JSON: {}", path.canonicalize()?.display());
    Ok(())
}
