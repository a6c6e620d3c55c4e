//! The functions that a plugin exports, found by the names of the package version that it was made for.
//!
//! A function that both versions have is the same in both, so that callers need not know for which one a plugin was made.

use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Instance, Lift, Lower, Resource, ResourceAny, TypedFunc};

use super::task_exports::{ExamplesExport, ReadExport, RenderExport, SourcesExport, TaskExports};
use crate::bindings::{info, meta_optimizer, since_0_1, types};
use crate::component::contract::PackageVersion;
use crate::state::HostState;
use crate::state::step::Step;

/// A function that gives one value.
pub(super) type Function<Parameters, T> = TypedFunc<Parameters, (T,)>;

/// A function that gives one value, or reports an error.
pub(super) type Fallible<Parameters, T> = Function<Parameters, Result<T, types::Error>>;

pub(super) type OptionSettings = Vec<types::OptionSetting>;

/// `info.describe`.
pub(crate) type Describe = Function<(), info::Description>;

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
            written: match self.package {
                PackageVersion::V0_1 => ExamplesExport::WithAnswers(self.function("dataset", "written")?),
                PackageVersion::V0_2 => ExamplesExport::Present(self.function("dataset", "written")?),
            },
            separator: self.function("prompt", "separator")?,
            render_demonstration: self.render("render-demonstration")?,
            render_query: self.render("render-query")?,
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

    /// A function that makes text of an example.
    fn render<T>(&mut self, function: &str) -> wasmtime::Result<RenderExport<T>>
    where
        (Result<T, types::Error>,): ComponentNamedList + Lift,
    {
        Ok(match self.package {
            PackageVersion::V0_1 => RenderExport::WithAnswer(self.function("prompt", function)?),
            PackageVersion::V0_2 => RenderExport::Present(self.function("prompt", function)?),
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
