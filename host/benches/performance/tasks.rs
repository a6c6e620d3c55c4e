//! What it takes to load and to render the evaluation splits of all ten tasks through their plugins.
//!
//! The data come from the folder that `FT_DATA_DIR` names, where it is set and there is time, else the bundled samples
//! are used. All rows are rendered, also where a run would draw some of them. The aim: under 5 s and 200 MB in all, on
//! two cores.

use std::cell::Cell;
use std::path::PathBuf;
use std::sync::LazyLock;

use ft_engine::task::example::Split;
use ft_sandbox::TaskPlugin;
use ft_store::datasets::location::DataLocation;

use crate::Bench;
use crate::common::Outcome;
use crate::common::figures::{Figure, Part};
use crate::common::rounds::{Case, Samples, in_turns};
use crate::support_data::data_sets;
use crate::tasks_support::{self, TASKS};

/// The folder of the whole data sets; asked for once, since what is missing is said each time.
static WHOLE: LazyLock<Option<PathBuf>> =
    LazyLock::new(|| data_sets("the whole data sets (the bundled samples are rendered)"));

fn data(bench: &Bench) -> DataLocation {
    let folder = if bench.quick { None } else { WHOLE.as_deref() };
    folder.map_or_else(tasks_support::sample, tasks_support::folder)
}

/// The rows of a task's evaluation split, rendered.
fn render(task: &mut TaskPlugin, data: &DataLocation) -> Outcome<usize> {
    let examples = tasks_support::examples(task, data, Split::Evaluation);
    for example in &examples {
        task.render_query(example)?;
    }
    Ok(examples.len())
}

/// Puts all tasks into the compile cache.
pub fn compile_all() {
    for name in TASKS {
        tasks_support::load(name, &[]);
    }
}

/// All tasks, one after the other.
pub fn render_all(bench: &Bench) -> Outcome<()> {
    let data = data(bench);
    TASKS.into_iter().try_for_each(|name| render(&mut tasks_support::load(name, &[]), &data).map(drop))
}

pub fn measure(bench: &Bench) -> Outcome<Part> {
    let data = data(bench);
    let rows: [Cell<usize>; TASKS.len()] = Default::default();
    let mut cases: Vec<Case<'_>> = (TASKS.into_iter().enumerate())
        .map(|(index, name)| {
            let mut task = tasks_support::load(name, &[]);
            let (rows, data) = (&rows[index], &data);
            Case::new(name, move || {
                rows.set(render(&mut task, data)?);
                Ok(())
            })
        })
        .collect();
    let samples = in_turns(bench.effort, &mut cases)?;
    drop(cases);
    let rows = rows.map(Cell::into_inner);
    let mut figures: Vec<Figure> = (samples.iter().zip(rows))
        .map(|(case, rows)| Figure::time(format!("{}, {rows} rows", case.name), "ms", case))
        .collect();
    let all = Samples::combined("all ten", &samples, |seconds| seconds.iter().sum());
    figures.push(Figure::time(format!("all ten, {} rows", rows.iter().sum::<usize>()), "ms", &all));
    Ok(Part {
        name: "tasks",
        what: format!("evaluation splits loaded and rendered by their plugins; data: {data}"),
        figures,
    })
}
