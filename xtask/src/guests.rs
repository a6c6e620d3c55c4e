//! Every guest becomes a component at `plugins/<folder>.wasm`, the hostile ones at `plugins/hostile/<folder>.wasm`,
//! those in Python at `plugins/python/<folder>.wasm`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use ft_guest_build::{Cargo, Compiler, component, python};

use crate::fixtures;
use crate::workspace::Workspace;

/// A crate that becomes a component.
struct Guest {
    /// The guest's package: the folder's name, with `hostile-` before it for a hostile one.
    package: String,
    /// The file that the component is written to.
    component: PathBuf,
}

/// Builds all guests and fixtures. Files that are up to date are left alone.
///
/// # Errors
/// If there is no compiler, a build fails, or a component cannot be written.
pub(crate) fn build(workspace: &Workspace) -> Result<()> {
    build_rust(workspace, &find(workspace)?, &[])?;
    for (name, bytes) in fixtures::build(workspace)? {
        write(workspace, &workspace.path(&format!("plugins/hostile/{name}.wasm")), &bytes)?;
    }
    build_python(workspace)
}

/// Builds the guests in Rust of these packages, and no others. Files that are up to date are left alone.
///
/// # Errors
/// If there is no compiler, a package is no guest, a build fails, or a component cannot be written.
pub(crate) fn build_only(workspace: &Workspace, packages: &[&str]) -> Result<()> {
    let mut guests = find(workspace)?;
    guests.retain(|guest| packages.contains(&guest.package.as_str()));
    ensure!(guests.len() == packages.len(), "expected guests, got {}", packages.join(", "));
    build_rust(workspace, &guests, packages)
}

/// Builds guests in Rust: `packages` names those that cargo compiles, and is empty for all.
fn build_rust(workspace: &Workspace, guests: &[Guest], packages: &[&str]) -> Result<()> {
    let folder = workspace.path("plugins");
    let compiler = Compiler::choose(&folder, &workspace.target("wasm-toolchain"), &|message| eprintln!("{message}"))?;
    let modules = Cargo::new(&folder, &workspace.target("wasm")).only(packages).build(&compiler, true)?;
    for Guest { package, component } in guests {
        let module = modules.iter().find(|module| module.package == *package);
        let module = module.with_context(|| format!("no module of `{package}`: is its crate-type `cdylib`?"))?;
        let path = &module.path;
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        write(workspace, component, &component::encode(package, &bytes)?)?;
    }
    Ok(())
}

/// Builds the guests in Python. Without componentize-py they are left out, which is an error where checks are made.
fn build_python(workspace: &Workspace) -> Result<()> {
    let parent = workspace.path("plugins/python");
    let tools = workspace.target(&format!("componentize-py-{}", python::VERSION));
    let kept = workspace.target("python");
    let mut tool = None;
    for folder in sorted_folders(&parent)? {
        if !folder.join(python::APP).is_file() {
            continue;
        }
        let name = folder.file_name().context("a folder in plugins/python has no name")?.to_string_lossy().into_owned();
        let (component, built_from) = (kept.join(format!("{name}.wasm")), kept.join(format!("{name}.sources")));
        let sources = python::Sources { folder: &folder, sdk: &parent, wit: &workspace.path("wit") };
        let fingerprint = sources.fingerprint()?;
        // One source does not give the same bytes twice, so what is there stays: its digest and what was compiled of it.
        if !(component.is_file() && fs::read(&built_from).is_ok_and(|last| last == fingerprint)) {
            let tool = match &mut tool {
                Some(tool) => tool,
                none => match python::Tool::find_or_get(&folder, &tools, &|message| eprintln!("{message}")) {
                    Ok(found) => none.insert(found),
                    Err(error) if std::env::var_os("CI").is_none_or(|value| value != "true") => {
                        eprintln!("warning: the guests in Python are left out: {error}");
                        return Ok(());
                    }
                    Err(error) => return Err(error).context("the guests in Python"),
                },
            };
            tool.build(&sources, &component)?;
            fs::write(&built_from, fingerprint).with_context(|| format!("cannot write {}", built_from.display()))?;
        }
        let bytes = fs::read(&component).with_context(|| format!("cannot read {}", component.display()))?;
        write(workspace, &parent.join(format!("{name}.wasm")), &bytes)?;
    }
    Ok(())
}

fn sorted_folders(parent: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(parent).with_context(|| format!("cannot list {}", parent.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    paths.retain(|path| path.is_dir());
    paths.sort();
    Ok(paths)
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
        let mut names: Vec<String> = called.map(|(key, _)| resolve.name_world_key(key)).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn guests_import_their_world_and_nothing_else() {
        let task = ["log", "table"].map(|name| format!("forward-tuning:plugin/{name}@0.2.0"));
        let optimizer = ["log", "model", "tensor"].map(|name| format!("forward-tuning:plugin/{name}@0.2.0"));
        assert_eq!(imports("sst2"), task);
        assert_eq!(imports("hostile/task"), task);
        assert_eq!(imports("momentum"), optimizer);
        assert_eq!(imports("hostile/optimizer"), optimizer);
    }
}
