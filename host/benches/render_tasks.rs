//! What it takes to load and to render the evaluation splits of all ten tasks through their plugins.
//!
//! The data come from `../shared/data` where it lies beside the repository, else the bundled samples are used. All rows
//! are rendered, also where a run would draw some of them. Starting a plugin is timed apart: it compiles the component,
//! or finds it in the cache. The aim: under 5 s and 200 MB in all, on two cores.

use std::time::{Duration, Instant};

use ft_host::store::data::DataLocation;
use ft_host::task::example::Split;

#[path = "../tests/tasks/support.rs"]
mod support;

fn main() {
    let shared = support::repository().join("../shared/data");
    let data = if shared.is_dir() { DataLocation::Folder(shared) } else { DataLocation::Sample };
    match &data {
        DataLocation::Folder(folder) => println!("data: {}", folder.display()),
        _ => println!("data: the bundled samples; `../shared/data` is not there"),
    }
    println!(
        "{:<12}{:>8}{:>10}{:>12}{:>10}{:>12}{:>10}",
        "task", "rows", "MB text", "start s", "load s", "render s", "peak MB"
    );
    let mut total = Duration::ZERO;
    for name in support::TASKS {
        let started = Instant::now();
        let mut task = support::load(name, &[]);
        let ready = started.elapsed();
        let examples = support::examples(&mut task, &data, Split::Evaluation);
        let loaded = started.elapsed();
        let mut bytes = 0;
        for example in &examples {
            let choices = task.render_query(example).expect("renders");
            bytes += choices.iter().map(|choice| choice.full.len()).sum::<usize>();
        }
        let rendered = started.elapsed();
        total += rendered - ready;
        println!(
            "{name:<12}{:>8}{:>10.2}{:>12.3}{:>10.3}{:>12.3}{:>10}",
            examples.len(),
            bytes as f64 / 1e6,
            ready.as_secs_f64(),
            (loaded - ready).as_secs_f64(),
            (rendered - loaded).as_secs_f64(),
            peak_memory().map_or_else(|| "-".into(), |kib| format!("{:.0}", kib as f64 * 1024.0 / 1e6)),
        );
    }
    println!("loading and rendering in all: {:.2} s", total.as_secs_f64());
}

/// The most memory that this process has had, in KiB, where the system says it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
