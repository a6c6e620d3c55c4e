//! What a plugin can reach: the interfaces of the WIT package that its world imports, and WASI.

mod log;
mod model;
mod since_0_1;
mod table;
mod tensor;
mod wasi;

use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};

use crate::bindings::{self, data, types};
use crate::component::contract::{Contract, PackageVersion, PluginKind};
use crate::state::HostState;

impl types::Host for HostState {}
impl data::Host for HostState {}

/// The imports of one kind of plugin in the version that it was made for, and what there is of WASI.
pub(crate) fn linker(
    engine: &Engine,
    component: &Component,
    contract: &Contract,
) -> wasmtime::Result<Linker<HostState>> {
    type Own = HasSelf<HostState>;
    let mut linker = Linker::new(engine);
    match (contract.kind, contract.package) {
        (PluginKind::Task, PackageVersion::V0_1) => {
            bindings::since_0_1::task::TaskPlugin::add_to_linker::<_, Own>(&mut linker, |state| state)?;
        }
        (PluginKind::Task, PackageVersion::V0_2) => {
            bindings::task::TaskPlugin::add_to_linker::<_, Own>(&mut linker, |state| state)?;
        }
        (PluginKind::Optimizer, PackageVersion::V0_1) => {
            bindings::since_0_1::optimizer::OptimizerPlugin::add_to_linker::<_, Own>(&mut linker, |state| state)?;
        }
        (PluginKind::Optimizer, PackageVersion::V0_2) => {
            bindings::optimizer::OptimizerPlugin::add_to_linker::<_, Own>(&mut linker, |state| state)?;
        }
    }
    wasi::link(&mut linker, engine, component)?;
    Ok(linker)
}
