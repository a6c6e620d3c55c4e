//! A run on a terminal: what it will do, what it says on the way, and what it came to.

use std::path::Path;

use super::screen::{Page, Screen};
use super::table;
use crate::run::{GroupPlan, Outcome};
use ft_engine::text::{Untrusted, size};
use ft_record::analysis::seconds::Seconds;
use ft_record::analysis::{Analysis, AnalysisError, Known};
use ft_record::files::schema::{MemoryRecord, PlanRecord};
use ft_record::present::table_model;
use ft_sandbox::LogRecord;

/// The first lines of the demonstrations.
pub(crate) fn demonstrations(plan: &PlanRecord, lines: usize, screen: Screen) -> Page {
    screen.head(plan.draw.demonstrations.raw(), lines) + Page::blank()
}

/// What a run will do: its demonstrations, rows, steps, memory and notes.
pub(crate) fn plan(record: &PlanRecord, screen: Screen) -> Page {
    let mut page = demonstrations(record, 20, screen);
    page += screen.prose(&format!(
        "{} demonstration tokens, {} of {} evaluation rows, longest query {} tokens, scored steps {:?}",
        record.draw.demonstration_ids.len(),
        record.evaluation_rows,
        record.evaluation_split_rows,
        record.longest_query,
        record.score_steps
    ));
    page += memory(&record.memory, screen);
    for note in &record.notes {
        page += screen.note(&note.harmless());
    }
    page
}

fn memory(memory: &MemoryRecord, screen: Screen) -> Page {
    let free =
        memory.available.map_or_else(|| "available memory unknown".into(), |free| format!("{} are free", size(free)));
    screen.prose(&format!(
        "about {} of memory: weights {}, keys and values {}, states {}, records {}; {free}",
        size(memory.total),
        size(memory.weights),
        size(memory.cache),
        size(memory.activations),
        size(memory.records),
    ))
}

/// Tables of what a run came to, and its notes.
///
/// # Errors
/// If the records are not those of one run.
pub(crate) fn outcome(outcome: &Outcome, screen: Screen) -> Result<Page, AnalysisError> {
    let results = &outcome.results;
    let rows = results.plan.scored_rows();
    let known = Known::of(results, &rows, &outcome.controls);
    let analysis = Analysis::new(&outcome.records, &known)?;
    let mut page = table::render_all(&table_model::of_run(&analysis, &Seconds::of(results)), screen);
    for note in &results.plan.notes {
        page += screen.note(&note.harmless());
    }
    Ok(page)
}

/// What tuning will do: its demonstrations, steps, memory and notes.
pub(crate) fn tune_plan(record: &PlanRecord, screen: Screen) -> Page {
    let mut page = demonstrations(record, 20, screen);
    let (tokens, config) = (record.draw.demonstration_ids.len(), &record.config);
    page += screen.prose(&format!(
        "{tokens} demonstration tokens, {} steps, the result selected by {}",
        config.steps,
        config.select.harmless()
    ));
    page += memory(&record.memory, screen);
    page + record.notes.iter().map(|note| screen.note(&note.harmless())).collect::<Page>()
}

/// What the runs of a group will do: a line for each, and the notes.
pub(crate) fn group_plan(group: &GroupPlan, screen: Screen) -> Page {
    let subtasks = group.subtasks();
    let mut page = screen.prose(&format!("{}: {} tasks", group.name().harmless(), subtasks.len()));
    let mut notes: Vec<(&Untrusted, Vec<String>)> = Vec::new();
    let count = subtasks.len();
    for (subtask, plan) in subtasks {
        let (name, record) = (subtask.name.harmless(), plan.record());
        let line = format!(
            "{name}: {} demonstration tokens, {} of {} evaluation rows, longest query {} tokens",
            record.draw.demonstration_ids.len(),
            record.evaluation_rows,
            record.evaluation_split_rows,
            record.longest_query
        );
        page += screen.line(&line, 2);
        for note in &record.notes {
            match notes.iter_mut().find(|(other, _)| *other == note) {
                Some((_, names)) => names.push(name.clone()),
                None => notes.push((note, vec![name.clone()])),
            }
        }
    }
    for (note, names) in notes {
        let of = if names.len() == count { String::new() } else { format!("{}: ", names.join(", ")) };
        page += screen.note(&(of + &note.harmless()));
    }
    page
}

/// Where the results are.
pub(crate) fn place(folder: &Path, interrupted: bool, screen: Screen) -> Page {
    let folder = folder.display();
    screen.prose(&match interrupted {
        true => format!("interrupted: what was scored is in `{folder}`"),
        false => format!("results are in `{folder}`"),
    })
}

/// That the weights are being read.
pub(crate) fn loading_weights(screen: Screen) -> Page {
    screen.prose("reading weights")
}

/// A message that a plugin logged.
pub(crate) fn log(record: &LogRecord, screen: Screen) -> Page {
    screen.prose(&format!("{} ({}): {}", record.plugin, record.level, record.message))
}

/// That a server heard an interrupt.
pub(crate) fn answering_last(screen: Screen) -> Page {
    screen.prose("answering what was asked; press Ctrl-C again to quit now")
}

/// That an interrupt was heard.
pub(crate) fn finishing_batch(screen: Screen) -> Page {
    screen.prose("finishing this batch; press Ctrl-C again to quit now")
}
