//! What a plugin can reach: the interfaces of the WIT package that its world imports, and WASI.

mod log;
mod table;
mod tensor;
mod wasi;

use wasmtime::Engine;
use wasmtime::component::{Component, HasSelf, Linker};

use crate::bindings::{self, data, types};
use crate::component::contract::PluginKind;
use crate::state::HostState;

impl types::Host for HostState {}
impl data::Host for HostState {}

/// The imports of one kind of plugin, and what there is of WASI.
pub(crate) fn linker(engine: &Engine, component: &Component, kind: PluginKind) -> wasmtime::Result<Linker<HostState>> {
    let mut linker = Linker::new(engine);
    match kind {
        PluginKind::Task => {
            bindings::task::TaskPlugin::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state)?;
        }
        PluginKind::Optimizer => {
            bindings::optimizer::OptimizerPlugin::add_to_linker::<_, HasSelf<HostState>>(&mut linker, |state| state)?;
        }
    }
    wasi::link(&mut linker, engine, component)?;
    Ok(linker)
}
