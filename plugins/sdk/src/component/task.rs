//! A [`Task`] as a component of the world `task-plugin`.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::rc::Rc;

use super::info::task::{description, error, options, value_out};
use super::panic::log_panics;
use crate::id::check_id;
use crate::{Choice, Example, Row, RowError, Source, Split, Subtask, Task};

pub(super) use ft_plugin_task_world as world;
use world::exports::forward_tuning::plugin::{dataset, info, prompt};
use world::forward_tuning::plugin::{data, types};

thread_local! {
    /// The task, once it is configured.
    static TASK: RefCell<Option<Rc<dyn Task>>> = const { RefCell::new(None) };
    /// How many rows of each split's table have been read: `[demonstrations, evaluation, unlabelled]`.
    static ROWS: [Cell<u64>; 3] = const { [Cell::new(0), Cell::new(0), Cell::new(0)] };
}

/// What the host calls; `export_task!` makes one of it.
pub struct TaskComponent<T>(PhantomData<T>);

impl<T: Task> info::Guest for TaskComponent<T> {
    fn describe() -> info::Description {
        log_panics();
        description(T::describe())
    }
}

impl<T: Task> dataset::Guest for TaskComponent<T> {
    fn configure(settings: Vec<types::OptionSetting>) -> Result<(), types::Error> {
        log_panics();
        let task = T::new(&options(settings)).map_err(error)?;
        TASK.set(Some(Rc::new(task)));
        Ok(())
    }

    fn task_name() -> Option<String> {
        task().task_name()
    }

    fn subtasks() -> Vec<dataset::Subtask> {
        task().subtasks().into_iter().map(subtask_out).collect()
    }

    fn sources() -> Vec<dataset::Source> {
        task().sources().into_iter().map(source_out).collect()
    }

    fn labels() -> Vec<String> {
        task().labels()
    }

    fn read(split: data::Split, table: &dataset::Table, max: u32) -> Result<dataset::Batch, types::Error> {
        let (task, split) = (task(), split_in(split));
        let rows = table.next_rows(max)?;
        let first = advance(split, rows.len() as u64);
        let mut batch =
            dataset::Batch { examples: Vec::with_capacity(rows.len()), rejected: Vec::new(), left_out: Vec::new() };
        for (index, text) in (first..).zip(&rows) {
            match example_of(task.as_ref(), split, index, text) {
                Ok(Some(example)) => batch.examples.push(example_out(example, || index.to_string())),
                Ok(None) => batch.left_out.push(index),
                Err(RowError { column, message }) => {
                    batch.rejected.push(dataset::Rejection { row: index, column, message });
                }
            }
        }
        Ok(batch)
    }

    fn written() -> Vec<data::Example> {
        examples_out(task().written(), "written")
    }
}

impl<T: Task> prompt::Guest for TaskComponent<T> {
    fn description() -> String {
        task().prompt_description()
    }

    fn separator() -> String {
        task().separator()
    }

    fn render_demonstration(example: data::Example) -> Result<String, types::Error> {
        task().demonstration(&example_in(example)).map_err(error)
    }

    fn render_query(example: data::Example) -> Result<Vec<prompt::Choice>, types::Error> {
        let choices = task().query(&example_in(example)).map_err(error)?;
        Ok(choices.into_iter().map(|Choice { context, full }| prompt::Choice { context, full }).collect())
    }

    fn content_free() -> Vec<data::Example> {
        examples_out(task().content_free(), "content-free")
    }
}

fn task() -> Rc<dyn Task> {
    TASK.with_borrow(Clone::clone).expect("the host calls `configure` first")
}

/// Counts `rows` more rows of a split's table and gives the index of the first of them. The end of a table (no rows)
/// starts the count afresh.
fn advance(split: Split, rows: u64) -> u64 {
    ROWS.with(|counts| {
        let count = &counts[split as usize];
        let first = count.get();
        count.set(if rows == 0 { 0 } else { first + rows });
        first
    })
}

/// The example of a row; `None` if it is none of the task's.
fn example_of(task: &dyn Task, split: Split, index: u64, text: &str) -> Result<Option<Example>, RowError> {
    let row = match split {
        Split::Demonstrations | Split::Evaluation => Row::parse(index, text)?,
        Split::Unlabelled => Row::parse_unlabelled(index, text)?,
    };
    if !task.takes(split, &row)? {
        return Ok(None);
    }
    let example = task.example(split, &row)?;
    check_id(&example.id)?;
    Ok(Some(example))
}

fn split_in(split: data::Split) -> Split {
    match split {
        data::Split::Demonstrations => Split::Demonstrations,
        data::Split::Evaluation => Split::Evaluation,
        data::Split::Unlabelled => Split::Unlabelled,
    }
}

fn subtask_out(subtask: Subtask) -> dataset::Subtask {
    let Subtask { name, groups, options } = subtask;
    let options = options.into_iter().map(|(name, value)| types::OptionSetting { name, value: value_out(value) });
    dataset::Subtask { name, groups, options: options.collect() }
}

fn source_out(source: Source) -> dataset::Source {
    let split = match source.split {
        Split::Demonstrations => data::Split::Demonstrations,
        Split::Evaluation => data::Split::Evaluation,
        Split::Unlabelled => data::Split::Unlabelled,
    };
    let Source { repository, config, name, folder, sample, files, .. } = source;
    dataset::Source { split, repository, config, name, folder, sample, files }
}

fn example_in(example: data::Example) -> Example {
    let data::Example { id, query, choices, answer, fields } = example;
    Example { id, query, choices, answer: answer.map(|answer| answer as usize), fields }
}

/// Examples that are made of no rows; those without an id are numbered behind `name`.
fn examples_out(examples: Vec<Example>, name: &str) -> Vec<data::Example> {
    let numbered = examples.into_iter().enumerate();
    numbered.map(|(index, example)| example_out(example, || format!("{name}-{index}"))).collect()
}

/// `name` gives the id of an example that has none. An answer that is too large for the boundary is none of a choice,
/// and the host says so.
fn example_out(example: Example, name: impl FnOnce() -> String) -> data::Example {
    let Example { id, query, choices, answer, fields } = example;
    let id = if id.is_empty() { name() } else { id };
    let answer = answer.map(|answer| u32::try_from(answer).unwrap_or(u32::MAX));
    data::Example { id, query, choices, answer, fields }
}
