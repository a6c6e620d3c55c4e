//! Components made in the test, for what the SDK does not let a guest do.

#[path = "world.rs"]
mod world;

use world::World;

pub use world::{WIT, WIT_SINCE_0_1};

/// A component of a world of `package` around a core module; without one, around a module whose functions all trap.
/// `dependencies` are the texts of packages that it refers to.
pub fn component(dependencies: &[&str], package: &str, world: &str, wat: Option<&str>) -> Vec<u8> {
    let world = World::new(dependencies, package, world);
    let module = match wat {
        Some(wat) => wat::parse_str(wat).expect("the module's text is right"),
        None => world.hollow_module(),
    };
    world.component(module).expect("the module has the world's names")
}
