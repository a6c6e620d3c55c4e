//! WASI, which guest toolchains link whether the guest uses it or not.
//!
//! What a guest's runtime asks when it starts gets an answer that is the same for everybody, everywhere: no arguments,
//! no environment, no folders, a clock that stands still, random numbers from a fixed seed, output that goes to the
//! log. Every other function is there, and ends the call by its name.

mod stubs;

use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};

use self::stubs::Nothing;
use crate::state::HostState;
use crate::state::system::streams::{InputStream, OutputStream};
use crate::trap::HostTrap;
use ft_engine::text::harmless_within;

/// The versions whose functions are known here: what was in 0.2.0 is the same in all of them.
const KNOWN: &str = "0.2.";

/// Links each `wasi:` import of a component: to an answer, or to a function that ends the call and names itself.
pub(crate) fn link(linker: &mut Linker<HostState>, engine: &Engine, component: &Component) -> wasmtime::Result<()> {
    for (name, import) in component.component_type().imports(engine) {
        if name.starts_with("wasi:") {
            provide(&mut linker.root(), engine, "", name, &import.ty)?;
        }
    }
    Ok(())
}

fn provide(
    linker: &mut LinkerInstance<'_, HostState>,
    engine: &Engine,
    interface: &str,
    name: &str,
    item: &ComponentItem,
) -> wasmtime::Result<()> {
    match item {
        ComponentItem::ComponentFunc(_) => {
            let is_stub = match known(interface) {
                Some(interface) => stubs::link(linker, interface, name)?,
                None => false,
            };
            if is_stub {
                return Ok(());
            }
            let function = harmless_within(&format!("{interface}.{name}"), 120);
            linker.func_new(name, move |_, _, _, _| Err(HostTrap::SystemAccess { function: function.clone() }.into()))
        }
        ComponentItem::ComponentInstance(instance) => {
            let mut inner = linker.instance(name)?;
            for (export, item) in instance.exports(engine) {
                provide(&mut inner, engine, name, export, &item.ty)?;
            }
            Ok(())
        }
        ComponentItem::Resource(_) => {
            // The streams alone come into being, and there is nothing behind them that would have to go.
            let resource = match name {
                "output-stream" => ResourceType::host::<OutputStream>(),
                "input-stream" => ResourceType::host::<InputStream>(),
                _ => ResourceType::host::<Nothing>(),
            };
            linker.resource(name, resource, |_, _| Ok(()))
        }
        // Types need nothing behind them; anything else is left to wasmtime, which names what is missing.
        _ => Ok(()),
    }
}

/// An interface of WASI without its version, like `cli/environment`, if the version is one that is known here.
fn known(interface: &str) -> Option<&str> {
    let (path, version) = interface.strip_prefix("wasi:")?.split_once('@')?;
    version.starts_with(KNOWN).then_some(path)
}
