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

type OptionSettings = Vec<types::OptionSetting>;

/// `info.describe`.
pub(crate) type Describe = TypedFunc<(), (info::Description,)>;

/// What a task exports besides `info`.
pub(crate) struct TaskExports {
    pub(crate) configure: TypedFunc<(OptionSettings,), (Result<(), types::Error>,)>,
    pub(crate) sources: TypedFunc<(), (Vec<dataset::Source>,)>,
    pub(crate) labels: TypedFunc<(), (Vec<String>,)>,
    pub(crate) read: TypedFunc<(data::Split, Resource<RowTable>, u32), (Result<dataset::Batch, types::Error>,)>,
    pub(crate) written: TypedFunc<(), (Vec<data::Example>,)>,
    pub(crate) separator: TypedFunc<(), (String,)>,
    pub(crate) render_demonstration: TypedFunc<(data::Example,), (Result<String, types::Error>,)>,
    pub(crate) render_query: TypedFunc<(data::Example,), (Result<Vec<prompt::Choice>, types::Error>,)>,
    /// None before 0.2.
    pub(crate) content_free: Option<TypedFunc<(), (Vec<data::Example>,)>>,
}

/// What an optimizer exports besides `info`.
pub(crate) struct OptimizerExports {
    pub(crate) open: TypedFunc<(OptionSettings,), (Result<ResourceAny, types::Error>,)>,
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

/// The step of 0.1.
pub(crate) type HandedStep = TypedFunc<
    (ResourceAny, u32, Vec<since_0_1::meta_optimizer::Slot>),
    (Result<since_0_1::meta_optimizer::Update, types::Error>,),
>;

/// The step of 0.2.
pub(crate) type AskingStep = TypedFunc<(ResourceAny, Resource<Step>), (Result<meta_optimizer::Update, types::Error>,)>;

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
            sources: self.function("dataset", "sources")?,
            labels: self.function("dataset", "labels")?,
            read: self.function("dataset", "read")?,
            written: self.function("dataset", "written")?,
            separator: self.function("prompt", "separator")?,
            render_demonstration: self.function("prompt", "render-demonstration")?,
            render_query: self.function("prompt", "render-query")?,
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
        let typed = self.instance.get_typed_func(&mut *self.store, &index);
        typed.map_err(|error| error.context(format!("failed to convert function `{function}` to given type")))
    }
}
