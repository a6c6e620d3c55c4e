//! The functions of a task, which take and give what the present package has, whichever version the plugin was made for.

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Lift, Resource};

use super::exports::{Fallible, Function, OptionSettings};
use crate::bindings::{data, dataset, prompt, since_0_1, types};
use crate::state::HostState;
use crate::state::row_table::RowTable;

/// What a task exports besides `info`.
pub(crate) struct TaskExports {
    pub(crate) configure: Fallible<(OptionSettings,), ()>,
    /// None before 0.2.
    pub(crate) task_name: Option<Function<(), Option<String>>>,
    /// None before 0.2.
    pub(crate) subtasks: Option<Function<(), Vec<dataset::Subtask>>>,
    pub(crate) sources: SourcesExport,
    pub(crate) labels: Function<(), Vec<String>>,
    pub(crate) read: ReadExport,
    pub(crate) written: ExamplesExport,
    pub(crate) separator: Function<(), String>,
    pub(crate) render_demonstration: RenderExport<String>,
    pub(crate) render_query: RenderExport<Vec<prompt::Choice>>,
    /// None before 0.2.
    pub(crate) prompt_description: Option<Function<(), String>>,
    /// None before 0.2.
    pub(crate) content_free: Option<Function<(), Vec<data::Example>>>,
}

/// `dataset.sources`, which names no files before 0.2.
#[derive(Clone, Copy)]
pub(crate) enum SourcesExport {
    /// As in 0.1.
    WithoutFiles(Function<(), Vec<since_0_1::dataset::Source>>),
    /// As it is now.
    Present(Function<(), Vec<dataset::Source>>),
}

impl SourcesExport {
    /// Calls it.
    pub(crate) fn call(&self, store: &mut Store<HostState>) -> wasmtime::Result<Vec<dataset::Source>> {
        match self {
            Self::WithoutFiles(sources) => {
                let (sources,) = sources.call(store, ())?;
                let present = |source: since_0_1::dataset::Source| {
                    let since_0_1::dataset::Source { split, repository, config, name, folder, sample } = source;
                    let split = match split {
                        since_0_1::data::Split::Demonstrations => data::Split::Demonstrations,
                        since_0_1::data::Split::Evaluation => data::Split::Evaluation,
                    };
                    dataset::Source { split, repository, config, name, folder, sample, files: Vec::new() }
                };
                Ok(sources.into_iter().map(present).collect())
            }
            Self::Present(sources) => sources.call(store, ()).map(|(sources,)| sources),
        }
    }
}

/// The parameters of `dataset.read`, with the split as the version names it.
type ReadParameters<S> = (S, Resource<RowTable>, u32);

/// `dataset.read`, which leaves no rows out before 0.2, and knows no rows without answers.
#[derive(Clone, Copy)]
pub(crate) enum ReadExport {
    /// As in 0.1.
    OfAllRows(Fallible<ReadParameters<since_0_1::data::Split>, since_0_1::dataset::Batch>),
    /// As it is now.
    Present(Fallible<ReadParameters<data::Split>, dataset::Batch>),
}

impl ReadExport {
    /// Calls it. A plugin of version 0.1 reads the rows of the split `unlabelled` as those of the evaluation.
    pub(crate) fn call(
        &self,
        store: &mut Store<HostState>,
        (split, table, max): ReadParameters<data::Split>,
    ) -> wasmtime::Result<(Result<dataset::Batch, types::Error>,)> {
        match self {
            Self::OfAllRows(read) => {
                let split = match split {
                    data::Split::Demonstrations => since_0_1::data::Split::Demonstrations,
                    data::Split::Evaluation | data::Split::Unlabelled => since_0_1::data::Split::Evaluation,
                };
                let (batch,) = read.call(store, (split, table, max))?;
                let present = |rejection: since_0_1::dataset::Rejection| {
                    let since_0_1::dataset::Rejection { row, column, message } = rejection;
                    dataset::Rejection { row, column, message }
                };
                let batch = batch.map(|since_0_1::dataset::Batch { examples, rejected }| dataset::Batch {
                    examples: examples.into_iter().map(present_example).collect(),
                    rejected: rejected.into_iter().map(present).collect(),
                    left_out: Vec::new(),
                });
                Ok((batch,))
            }
            Self::Present(read) => read.call(store, (split, table, max)),
        }
    }
}

/// A function that gives examples, each of which has an answer before 0.2.
#[derive(Clone, Copy)]
pub(crate) enum ExamplesExport {
    /// As in 0.1.
    WithAnswers(Function<(), Vec<since_0_1::data::Example>>),
    /// As it is now.
    Present(Function<(), Vec<data::Example>>),
}

impl ExamplesExport {
    /// Calls it.
    pub(crate) fn call(&self, store: &mut Store<HostState>) -> wasmtime::Result<Vec<data::Example>> {
        match self {
            Self::WithAnswers(examples) => {
                let (examples,) = examples.call(store, ())?;
                Ok(examples.into_iter().map(present_example).collect())
            }
            Self::Present(examples) => examples.call(store, ()).map(|(examples,)| examples),
        }
    }
}

/// A function that makes text of an example, which has an answer before 0.2.
#[derive(Clone, Copy)]
pub(crate) enum RenderExport<T> {
    /// As in 0.1.
    WithAnswer(Fallible<(since_0_1::data::Example,), T>),
    /// As it is now.
    Present(Fallible<(data::Example,), T>),
}

impl<T> RenderExport<T>
where
    (Result<T, types::Error>,): ComponentNamedList + Lift,
{
    /// Calls it. A plugin of version 0.1 is handed choice 0 as the answer of an example without one.
    pub(crate) fn call(
        &self,
        store: &mut Store<HostState>,
        example: data::Example,
    ) -> wasmtime::Result<(Result<T, types::Error>,)> {
        match self {
            Self::WithAnswer(render) => {
                let data::Example { id, query, choices, answer, fields } = example;
                let answer = answer.unwrap_or(0);
                render.call(store, (since_0_1::data::Example { id, query, choices, answer, fields },))
            }
            Self::Present(render) => render.call(store, (example,)),
        }
    }
}

fn present_example(example: since_0_1::data::Example) -> data::Example {
    let since_0_1::data::Example { id, query, choices, answer, fields } = example;
    data::Example { id, query, choices, answer: Some(answer), fields }
}
