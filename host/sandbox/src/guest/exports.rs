//! The functions that a plugin exports, found by the names of the package version that it was made for.
//!
//! A function that both versions have is the same in both, so that callers need not know for which one a plugin was made.

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Instance, Lift, Lower, Resource, ResourceAny, TypedFunc};

use crate::bindings::{data, dataset, info, meta_optimizer, prompt, since_0_1, types};
use crate::component::contract::PackageVersion;
use crate::state::HostState;
use crate::state::row_table::RowTable;
use crate::state::step::Step;

/// A function that gives one value.
type Function<Parameters, T> = TypedFunc<Parameters, (T,)>;

/// A function that gives one value, or reports an error.
type Fallible<Parameters, T> = Function<Parameters, Result<T, types::Error>>;

type OptionSettings = Vec<types::OptionSetting>;

/// `info.describe`.
pub(crate) type Describe = Function<(), info::Description>;

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
    pub(crate) written: Function<(), Vec<data::Example>>,
    pub(crate) separator: Function<(), String>,
    pub(crate) render_demonstration: Fallible<(data::Example,), String>,
    pub(crate) render_query: Fallible<(data::Example,), Vec<prompt::Choice>>,
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
                    dataset::Source { split, repository, config, name, folder, sample, files: Vec::new() }
                };
                Ok(sources.into_iter().map(present).collect())
            }
            Self::Present(sources) => sources.call(store, ()).map(|(sources,)| sources),
        }
    }
}

/// The parameters of `dataset.read`.
type ReadParameters = (data::Split, Resource<RowTable>, u32);

/// `dataset.read`, which leaves no rows out before 0.2.
#[derive(Clone, Copy)]
pub(crate) enum ReadExport {
    /// As in 0.1.
    OfAllRows(Fallible<ReadParameters, since_0_1::dataset::Batch>),
    /// As it is now.
    Present(Fallible<ReadParameters, dataset::Batch>),
}

impl ReadExport {
    /// Calls it.
    pub(crate) fn call(
        &self,
        store: &mut Store<HostState>,
        parameters: ReadParameters,
    ) -> wasmtime::Result<(Result<dataset::Batch, types::Error>,)> {
        match self {
            Self::OfAllRows(read) => {
                let (batch,) = read.call(store, parameters)?;
                let present = |rejection: since_0_1::dataset::Rejection| {
                    let since_0_1::dataset::Rejection { row, column, message } = rejection;
                    dataset::Rejection { row, column, message }
                };
                let batch = batch.map(|since_0_1::dataset::Batch { examples, rejected }| dataset::Batch {
                    examples,
                    rejected: rejected.into_iter().map(present).collect(),
                    left_out: Vec::new(),
                });
                Ok((batch,))
            }
            Self::Present(read) => read.call(store, parameters),
        }
    }
}

/// What an optimizer exports besides `info`.
pub(crate) struct OptimizerExports {
    pub(crate) open: Fallible<(OptionSettings,), ResourceAny>,
    pub(crate) step: StepExport,
}

/// `meta-optimizer.session.step`, which is where the versions differ.
#[derive(Clone, Copy)]
pub(crate) enum StepExport {
    /// It is handed the slots of the cache and of what a pass proposes.
    Handed(HandedStep),
    /// It is lent the step, and asks.
    Asking(AskingStep),
}

/// The step of 0.1: the session, the step's number, and the slots.
pub(crate) type HandedStep =
    Fallible<(ResourceAny, u32, Vec<since_0_1::meta_optimizer::Slot>), since_0_1::meta_optimizer::Update>;

/// The step of 0.2: the session, and the step.
pub(crate) type AskingStep = Fallible<(ResourceAny, Resource<Step>), meta_optimizer::Update>;

/// An instance and the version whose names its exports have.
pub(crate) struct Exports<'a> {
    pub(crate) store: &'a mut Store<HostState>,
    pub(crate) instance: &'a Instance,
    pub(crate) package: PackageVersion,
}

impl Exports<'_> {
    /// `info.describe`.
    pub(crate) fn describe(&mut self) -> wasmtime::Result<Describe> {
        self.function("info", "describe")
    }

    /// All of a task.
    pub(crate) fn task(&mut self) -> wasmtime::Result<TaskExports> {
        Ok(TaskExports {
            configure: self.function("dataset", "configure")?,
            task_name: match self.package {
                PackageVersion::V0_1 => None,
                PackageVersion::V0_2 => Some(self.function("dataset", "task-name")?),
            },
            subtasks: match self.package {
                PackageVersion::V0_1 => None,
                PackageVersion::V0_2 => Some(self.function("dataset", "subtasks")?),
            },
            sources: match self.package {
                PackageVersion::V0_1 => SourcesExport::WithoutFiles(self.function("dataset", "sources")?),
                PackageVersion::V0_2 => SourcesExport::Present(self.function("dataset", "sources")?),
            },
            labels: self.function("dataset", "labels")?,
            read: match self.package {
                PackageVersion::V0_1 => ReadExport::OfAllRows(self.function("dataset", "read")?),
                PackageVersion::V0_2 => ReadExport::Present(self.function("dataset", "read")?),
            },
            written: self.function("dataset", "written")?,
            separator: self.function("prompt", "separator")?,
            render_demonstration: self.function("prompt", "render-demonstration")?,
            render_query: self.function("prompt", "render-query")?,
            prompt_description: match self.package {
                PackageVersion::V0_1 => None,
                PackageVersion::V0_2 => Some(self.function("prompt", "description")?),
            },
            content_free: match self.package {
                PackageVersion::V0_1 => None,
                PackageVersion::V0_2 => Some(self.function("prompt", "content-free")?),
            },
        })
    }

    /// All of an optimizer.
    pub(crate) fn optimizer(&mut self) -> wasmtime::Result<OptimizerExports> {
        let step = "[method]session.step";
        Ok(OptimizerExports {
            open: self.function("meta-optimizer", "[static]session.open")?,
            step: match self.package {
                PackageVersion::V0_1 => StepExport::Handed(self.function("meta-optimizer", step)?),
                PackageVersion::V0_2 => StepExport::Asking(self.function("meta-optimizer", step)?),
            },
        })
    }

    /// A function of an exported interface, if it has these parameters and results.
    fn function<P, R>(&mut self, interface: &str, function: &str) -> wasmtime::Result<TypedFunc<P, R>>
    where
        P: ComponentNamedList + Lower,
        R: ComponentNamedList + Lift,
    {
        let name = self.package.interface(interface);
        let exports = self.instance.get_export_index(&mut *self.store, None, &name);
        let exports = exports.ok_or_else(|| wasmtime::format_err!("no exported instance named `{name}`"))?;
        let index = self.instance.get_export_index(&mut *self.store, Some(&exports), function);
        let index =
            index.ok_or_else(|| wasmtime::format_err!("instance export `{name}` does not have export `{function}`"))?;
        let typed = self.instance.get_typed_func(&mut *self.store, index);
        typed.map_err(|error| error.context(format!("failed to convert function `{function}` to given type")))
    }
}
