//! Encoding of core modules as components.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

use crate::BuildError;

/// The core module of a package, which says which world it is for, as a component.
///
/// # Errors
/// If the module and its world do not fit together.
pub fn encode(package: &str, module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let mut encoder = ComponentEncoder::default();
    let encoded = encoder.validate(true).module(module).and_then(ComponentEncoder::encode);
    encoded.map_err(|error| no_component(package, &format!("{error:#}")))
}

/// A core module that does not say it, as a component of a world.
///
/// # Errors
/// If the module and the world do not fit together.
pub fn encode_for(
    package: &str,
    mut module: Vec<u8>,
    resolve: &Resolve,
    world: WorldId,
) -> Result<Vec<u8>, BuildError> {
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8, false)
        .map_err(|error| no_component(package, &format!("{error:#}")))?;
    encode(package, &module)
}

fn no_component(package: &str, reason: &str) -> BuildError {
    BuildError::NoComponent { package: package.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_without_a_world_is_refused() {
        let module = wat::parse_str(r#"(module (import "env" "f" (func)))"#).unwrap();
        let error = encode("strange", &module).unwrap_err();
        assert!(error.to_string().starts_with("cannot make a component of `strange`: "), "{error}");
    }
}
