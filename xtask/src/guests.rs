//! Every guest becomes a component at `plugins/<folder>.wasm`, the hostile ones at `plugins/hostile/<folder>.wasm`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ft_guest_build::{Cargo, Compiler, component};

use crate::fixtures;
use crate::workspace::Workspace;

/// A crate that becomes a component.
struct Guest {
    /// Its package: the folder's name, with `hostile-` before it for a hostile one.
    package: String,
    /// Where the component goes.
    component: PathBuf,
}

/// Builds all guests and fixtures. Files that are up to date are left alone.
pub fn build(workspace: &Workspace) -> Result<()> {
    let compiler = Compiler::choose(&workspace.target("wasm-toolchain"), &|message| eprintln!("{message}"))?;
    let modules = Cargo::new(&workspace.path("plugins"), &workspace.target("wasm")).build(&compiler, true)?;
    for Guest { package, component } in find(workspace)? {
        let module = modules.iter().find(|module| module.package == package);
        let module = module.with_context(|| format!("no module of `{package}`: is its crate-type `cdylib`?"))?;
        let path = &module.path;
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        write(workspace, &component, &component::encode(&package, &bytes)?)?;
    }
    for (name, bytes) in fixtures::build(workspace)? {
        write(workspace, &workspace.path(&format!("plugins/hostile/{name}.wasm")), &bytes)?;
    }
    Ok(())
}

/// The folders with a manifest in `plugins/` and `plugins/hostile/`; all but the SDK are guests.
fn find(workspace: &Workspace) -> Result<Vec<Guest>> {
    let mut guests = Vec::new();
    for (parent, prefix) in [("plugins", ""), ("plugins/hostile", "hostile-")] {
        let parent = workspace.path(parent);
        let entries = fs::read_dir(&parent).with_context(|| format!("cannot list {}", parent.display()))?;
        for entry in entries {
            let entry = entry?;
            let folder = entry.file_name().to_string_lossy().into_owned();
            if folder != "sdk" && entry.path().join("Cargo.toml").exists() {
                let component = parent.join(format!("{folder}.wasm"));
                guests.push(Guest { package: format!("{prefix}{folder}"), component });
            }
        }
    }
    guests.sort_by(|a, b| a.component.cmp(&b.component));
    Ok(guests)
}

/// Writes a component in one go, unless the file has these very bytes.
fn write(workspace: &Workspace, path: &Path, bytes: &[u8]) -> Result<()> {
    let size = bytes.len().div_ceil(1024);
    let old = match fs::read(path) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
    };
    let state = if old.as_deref() == Some(bytes) {
        "unchanged"
    } else {
        let partial = path.with_extension(format!("{}.partial.wasm", std::process::id()));
        fs::write(&partial, bytes).with_context(|| format!("cannot write {}", partial.display()))?;
        fs::rename(&partial, path).with_context(|| format!("cannot write {}", path.display()))?;
        "written"
    };
    println!("{:<40} {size:>5} KiB  {state}", workspace.shown(path).to_string());
    Ok(())
}

#[cfg(test)]
mod tests {
    use wit_component::DecodedWasm;

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
}
