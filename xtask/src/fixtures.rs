//! Components for the sandbox's tests that no guest toolchain makes: modules written by hand, and worlds that the host
//! does not know.

use std::fs;

use anyhow::{Context, Result, ensure};
use ft_guest_build::component::encode_for;
use wit_component::dummy_module;
use wit_parser::{ManglingAndAbi, Resolve, WorldId};

use crate::workspace::Workspace;

/// A world that is none of ours.
const WRONG_WORLD: &str = "
    package elsewhere:greetings@1.0.0;
    world greeter {
        export greet: func(name: string) -> string;
    }
";

/// The fixtures' names and bytes.
///
/// # Errors
/// If the WIT package or a module cannot be read or do not fit together.
pub(crate) fn build(workspace: &Workspace) -> Result<Vec<(&'static str, Vec<u8>)>> {
    let wit = workspace.path("wit/plugin.wit");
    let wit = fs::read_to_string(&wit).with_context(|| format!("cannot read {}", wit.display()))?;
    let newer = wit.replace("@0.2.0", "@0.3.0");
    ensure!(newer != wit, "wit/plugin.wit is no longer version 0.2.0: the fixture `wrong-version` needs another one");
    Ok(vec![
        ("table-hog", by_hand(workspace, "table-hog", &wit)?),
        ("loop-describe", by_hand(workspace, "loop-describe", &wit)?),
        ("wrong-version", hollow(&newer, "task-plugin")?),
        ("wrong-world", hollow(WRONG_WORLD, "greeter")?),
    ])
}

/// The module `plugins/hostile/<name>.wat` as a task.
fn by_hand(workspace: &Workspace, name: &str, wit: &str) -> Result<Vec<u8>> {
    let module = wat::parse_file(workspace.path(&format!("plugins/hostile/{name}.wat")))?;
    let (resolve, world) = world("plugin.wit", wit, "task-plugin")?;
    Ok(encode_for(name, module, &resolve, world)?)
}

/// A component of a world, every function of which traps.
fn hollow(wit: &str, name: &str) -> Result<Vec<u8>> {
    let (resolve, world) = world("fixture.wit", wit, name)?;
    let module = dummy_module(&resolve, world, ManglingAndAbi::Standard32);
    Ok(encode_for(name, module, &resolve, world)?)
}

/// A WIT package from its text, and one of its worlds.
fn world(name: &str, wit: &str, world: &str) -> Result<(Resolve, WorldId)> {
    let mut resolve = Resolve::new();
    let package = resolve.push_str(name, wit)?;
    let world = resolve.select_world(&[package], Some(world)).with_context(|| format!("no world `{world}`"))?;
    Ok((resolve, world))
}
