//! Components of a world, made of core modules.

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, PackageId, Resolve, WorldId};

/// The text of the WIT package.
pub const WIT: &str = include_str!("../../../wit/plugin.wit");

/// The text of the package's version 0.1.0.
pub const WIT_SINCE_0_1: &str = include_str!("../../../wit/since-0.1/plugin.wit");

/// A world of a package.
pub struct World {
    resolve: Resolve,
    world: WorldId,
}

impl World {
    /// The world `name` of `package`; `dependencies` are the texts of packages that it refers to.
    ///
    /// # Panics
    /// If a text is wrong, or the package has no such world.
    pub fn new(dependencies: &[&str], package: &str, name: &str) -> Self {
        let mut resolve = Resolve::default();
        for text in dependencies {
            parse(&mut resolve, text);
        }
        let package = parse(&mut resolve, package);
        let world = resolve.select_world(&[package], Some(name)).expect("the package has the world");
        Self { resolve, world }
    }

    /// A module with the world's imports and exports whose functions all trap.
    pub fn hollow_module(&self) -> Vec<u8> {
        dummy_module(&self.resolve, self.world, ManglingAndAbi::Standard32)
    }

    /// A component around a core module.
    ///
    /// # Errors
    /// What keeps the module from being one of the world.
    pub fn component(&self, mut module: Vec<u8>) -> Result<Vec<u8>, String> {
        embed_component_metadata(&mut module, &self.resolve, self.world, StringEncoding::UTF8, false).map_err(told)?;
        let mut encoder = ComponentEncoder::default();
        encoder.validate(true).module(&module).map_err(told)?;
        encoder.encode().map_err(told)
    }
}

/// An error with its causes.
fn told(error: impl std::fmt::Display) -> String {
    format!("{error:#}")
}

fn parse(resolve: &mut Resolve, text: &str) -> PackageId {
    resolve.push_str("test.wit", text).expect("the WIT text is right")
}
