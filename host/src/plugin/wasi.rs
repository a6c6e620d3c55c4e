//! WASI, which guest toolchains link whether the guest uses it or not: every function is there, and none does anything.

use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};

use super::fault::Fault;
use super::text::harmless;

/// Links each `wasi:` import of a component to functions that end the call and name themselves.
pub fn link_refusals<T: 'static>(
    linker: &mut Linker<T>,
    engine: &Engine,
    component: &Component,
) -> wasmtime::Result<()> {
    for (name, import) in component.component_type().imports(engine) {
        if name.starts_with("wasi:") {
            refuse(&mut linker.root(), engine, "", name, &import.ty)?;
        }
    }
    Ok(())
}

fn refuse<T: 'static>(
    linker: &mut LinkerInstance<'_, T>,
    engine: &Engine,
    interface: &str,
    name: &str,
    item: &ComponentItem,
) -> wasmtime::Result<()> {
    match item {
        ComponentItem::ComponentFunc(_) => {
            let function = harmless(&format!("{interface}.{name}"), 120);
            linker.func_new(name, move |_, _, _, _| Err(Fault::System { function: function.clone() }.into()))
        }
        ComponentItem::ComponentInstance(instance) => {
            let mut inner = linker.instance(name)?;
            for (export, item) in instance.exports(engine) {
                refuse(&mut inner, engine, name, export, &item.ty)?;
            }
            Ok(())
        }
        // No value of such a type can come into being, since no function makes one.
        ComponentItem::Resource(_) => linker.resource(name, ResourceType::host::<()>(), |_, _| Ok(())),
        // Types need nothing behind them; anything else is left to wasmtime, which names what is missing.
        _ => Ok(()),
    }
}
