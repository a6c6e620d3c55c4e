//! `ft-host serve` at 1, 8 and 64 clients: queries that arrive together packed into one pass, against one at a time, and
//! against llama.cpp's server where one is given.
//!
//! Every server answers behind its own context the whole time, and a window of one follows a window of the other, so
//! that both have the same machine. Clients are threads of this process, on the processors that the servers use.

mod llama;
mod load;
mod servers;
mod texts;

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::Bench;
use crate::common::Outcome;
use crate::common::figures::{Figure, Part};
use crate::common::machine::Machine;
use crate::common::rounds::{Case, Effort, Samples, in_turns};
use crate::support_serve::process::Server;
use load::{Target, Window};
use servers::{Model, Served};
use texts::KINDS;

/// Clients that ask at the same time.
const CLIENTS: [usize; 3] = [1, 8, 64];

/// Texts of a kind; the first comes again when all others were asked for.
const TEXTS: usize = 4096;

/// The classes' first tokens in a completion, behind `Sentiment:`.
const CLASSES: [&str; 2] = [" negative", " positive"];

/// Answers that are looked into for both classes.
const LOOKED_INTO: usize = 20;

/// The servers, and the demonstrations that llama.cpp's reads.
struct Running {
    packed: Server,
    one_at_a_time: Server,
    llama: Option<(llama::Llama, String)>,
}

pub fn measure(bench: &Bench) -> Outcome<Part> {
    let given = llama::Given::from_environment(named)?;
    let model = match named("FT_BENCH_MODEL")? {
        Some(path) => Model::Given(path),
        None if given.is_some() => return Err("expected `FT_BENCH_MODEL` beside `FT_LLAMA_GGUF`, got none".into()),
        None => {
            eprint!("\nSKIPPED: a real model (a tiny one is served): `FT_BENCH_MODEL` is not set\n");
            Model::Tiny
        }
    };
    let threads = Machine::here().threads;
    let served = Served::tune(model, threads)?;
    let running = Running {
        packed: served.start("packed", &[])?,
        one_at_a_time: served.start("one", &["--pack-rows", "1"])?,
        llama: match &given {
            Some(given) => {
                Some((llama::Llama::start(given, threads, &served.path("llama.log"))?, served.demonstrations()?))
            }
            None => None,
        },
    };
    let window = Duration::from_millis(bench.amount(5000, 300) as u64);
    let mut figures = Vec::new();
    let mut notes = String::new();
    for kind in &KINDS {
        let texts = kind.texts(TEXTS);
        let targets = targets(&running, &texts);
        for clients in CLIENTS {
            figures.extend(of_clients(bench, &targets, window, clients, kind.name)?);
        }
        if let Some((llama, demonstrations)) = &running.llama {
            let bodies = llama::bodies(demonstrations, &texts[..LOOKED_INTO]);
            let found = llama.classified(&bodies, CLASSES)?;
            notes += &format!("; {found} of {LOOKED_INTO} answers of llama.cpp for {} have both classes", kind.name);
        }
    }
    let what = format!(
        "one text a request behind a context tuned on SST-2's sample, in windows of {:.1} s; model: {}, f32{notes}",
        window.as_secs_f64(),
        served.model()
    );
    Ok(Part { name: "serve", what, figures })
}

/// The file or folder that a variable names, relative to the root of the repository; none if it is not set.
fn named(variable: &str) -> Outcome<Option<PathBuf>> {
    let Some(name) = std::env::var_os(variable).filter(|name| !name.is_empty()) else { return Ok(None) };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    // Without resolving links: a Python of a virtual environment is one, and finds its packages by where it lies.
    let path = std::path::absolute(path)?;
    if !path.exists() {
        return Err(format!("`{variable}`: expected a file or folder, got {}", path.display()).into());
    }
    Ok(Some(path))
}

/// What the servers are asked; the first is the packed one.
fn targets(running: &Running, texts: &[String]) -> Vec<Target> {
    let host = |name, address| Target::new(name, address, "/v1/predict", "\"probabilities\"", servers::bodies(texts));
    let mut targets =
        vec![host("packed", running.packed.address), host("one at a time", running.one_at_a_time.address)];
    if let Some((llama, demonstrations)) = &running.llama {
        let bodies = llama::bodies(demonstrations, texts);
        targets.push(Target::new("llama.cpp", llama.address, llama::COMPLETIONS, llama::EXPECTED, bodies));
    }
    targets
}

/// All servers at one number of clients, in turns.
fn of_clients(bench: &Bench, targets: &[Target], window: Duration, clients: usize, kind: &str) -> Outcome<Vec<Figure>> {
    // Every server has three windows, whatever they show: the time is bounded by their length.
    let rounds = bench.amount(3, 1);
    let effort = Effort { least: rounds, most: rounds, ..bench.effort };
    let windows: Vec<RefCell<Vec<Window>>> = targets.iter().map(|_| RefCell::default()).collect();
    let mut cases: Vec<Case<'_>> = (targets.iter().zip(&windows))
        .map(|(target, windows)| {
            Case::clocked(target.name, move || {
                let seen = target.window(clients, window)?;
                let time = seen.time_per_request;
                windows.borrow_mut().push(seen);
                Ok(time)
            })
        })
        .collect();
    let times = in_turns(effort, &mut cases)?;
    drop(cases);
    let clients = if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") };
    let name = |target: &str| format!("{kind}, {clients}: {target}");
    let mut figures: Vec<Figure> =
        times.iter().map(|time| Figure::rate(name(&time.name), "requests/s", 1.0, time)).collect();
    for other in &times[1..] {
        figures.push(Figure::ratio(name(&format!("packed, times {}", other.name)), 1.0, other, &times[0]));
    }
    for (target, windows) in targets.iter().zip(&windows) {
        let windows = windows.borrow();
        // Those of a first round that does not count are not among the times either.
        let counted = &windows[windows.len() - rounds..];
        for (part, of_window) in [("p50", Window::p50 as fn(&Window) -> f64), ("p99", Window::p99)] {
            let seconds = counted.iter().map(of_window).collect();
            let latency = Samples { name: format!("{}, {part}", target.name), seconds };
            figures.push(Figure::time(name(&latency.name), "ms", &latency));
        }
    }
    Ok(figures)
}
