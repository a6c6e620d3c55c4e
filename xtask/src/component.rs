//! Core modules become components.

use anyhow::{Context, Result};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

/// A core module that says which world it is for, as a component.
///
/// # Errors
/// If the module and its world do not fit together.
pub fn encode(module: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default().validate(true).module(module)?.encode()
}

/// A core module that does not say it, as a component of a world.
///
/// # Errors
/// If the module and the world do not fit together.
pub fn encode_for(mut module: Vec<u8>, resolve: &Resolve, world: WorldId) -> Result<Vec<u8>> {
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8, false)?;
    encode(&module)
}

/// A WIT package from its text, and one of its worlds.
///
/// # Errors
/// If the text is no WIT package, or has no such world.
pub fn world(name: &str, wit: &str, world: &str) -> Result<(Resolve, WorldId)> {
    let mut resolve = Resolve::new();
    let package = resolve.push_str(name, wit)?;
    let world = resolve.select_world(&[package], Some(world)).with_context(|| format!("no world `{world}`"))?;
    Ok((resolve, world))
}

#[cfg(test)]
mod tests {
    use wit_component::DecodedWasm;

    use super::*;

    /// The interfaces with functions that a built component imports; it needs `cargo xtask plugins` before.
    fn imports(name: &str) -> Vec<String> {
        let path = format!("{}/../plugins/{name}.wasm", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}; run `cargo xtask plugins`"));
        let DecodedWasm::Component(resolve, world) = wit_component::decode(&bytes).unwrap() else {
            panic!("{path} is no component");
        };
        let imports = resolve.worlds[world].imports.iter();
        let called = imports.filter(|(_, item)| match item {
            wit_parser::WorldItem::Interface { id, .. } => !resolve.interfaces[*id].functions.is_empty(),
            wit_parser::WorldItem::Function(_) | wit_parser::WorldItem::Type { .. } => true,
        });
        called.map(|(key, _)| resolve.name_world_key(key)).collect()
    }

    #[test]
    fn guests_import_their_world_and_nothing_else() {
        let task = ["forward-tuning:plugin/log@0.1.0", "forward-tuning:plugin/table@0.1.0"];
        let optimizer = ["forward-tuning:plugin/log@0.1.0", "forward-tuning:plugin/tensor@0.1.0"];
        assert_eq!(imports("sst2"), task);
        assert_eq!(imports("hostile/task"), task);
        assert_eq!(imports("momentum"), optimizer);
        assert_eq!(imports("hostile/optimizer"), optimizer);
    }

    #[test]
    fn a_module_without_a_world_is_refused() {
        let module = wat::parse_str(r#"(module (import "env" "f" (func)))"#).unwrap();
        assert!(encode(&module).is_err());
    }
}
