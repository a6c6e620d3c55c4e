//! Components made in the test, for what the SDK does not let a guest do.

use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{ManglingAndAbi, PackageId, Resolve};

/// The text of the WIT package.
pub const WIT: &str = include_str!("../../../wit/plugin.wit");

/// A component of a world of `package` around a core module; without one, around a module whose functions all trap.
/// `dependencies` are the texts of packages that it refers to.
pub fn component(dependencies: &[&str], package: &str, world: &str, wat: Option<&str>) -> Vec<u8> {
    let mut resolve = Resolve::default();
    for text in dependencies {
        parse(&mut resolve, text);
    }
    let package = parse(&mut resolve, package);
    let world = resolve.select_world(&[package], Some(world)).expect("the package has the world");
    let mut module = match wat {
        Some(wat) => wat::parse_str(wat).expect("the module's text is right"),
        None => dummy_module(&resolve, world, ManglingAndAbi::Standard32),
    };
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8, false)
        .expect("the module takes a section");
    let mut encoder = ComponentEncoder::default();
    encoder.validate(true).module(&module).expect("the module has the world's names");
    encoder.encode().expect("the module makes a component")
}

fn parse(resolve: &mut Resolve, text: &str) -> PackageId {
    resolve.push_str("test.wit", text).expect("the WIT text is right")
}
