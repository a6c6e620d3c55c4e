//! Every guest becomes a component at `plugins/<folder>.wasm`, the hostile ones at `plugins/hostile/<folder>.wasm`, those
//! in Python at `plugins/python/<folder>.wasm`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::compiler::{Compiler, TARGET};
use crate::workspace::{self, Workspace};
use crate::{component, fixtures, python};

/// A crate that becomes a component.
struct Guest {
    /// Its package: the folder's name, with `hostile-` before it for a hostile one.
    package: String,
    /// Where the component goes.
    component: PathBuf,
}

/// Builds all guests and fixtures. Files that are up to date are left alone.
pub fn build(workspace: &Workspace) -> Result<()> {
    let compiler = Compiler::choose(workspace)?;
    let target = workspace.target("wasm");
    let mut cargo = workspace.guest_cargo();
    cargo.args(["build", "--release", "--locked", "--target-dir"]).arg(&target);
    compiler.apply(&mut cargo);
    cargo.env("CARGO_ENCODED_RUSTFLAGS", without_paths(workspace)?);
    workspace::run(&mut cargo)?;

    let modules = target.join(TARGET).join("release");
    for guest in find(workspace)? {
        let module = modules.join(format!("{}.wasm", guest.package.replace('-', "_")));
        let bytes = fs::read(&module).with_context(|| {
            let package = &guest.package;
            format!("no module {}: is the package called `{package}`, its crate-type `cdylib`?", module.display())
        })?;
        let bytes = component::encode(&bytes).with_context(|| format!("`{}` makes no component", guest.package))?;
        write(workspace, &guest.component, &bytes)?;
    }
    for (name, bytes) in fixtures::build(workspace)? {
        write(workspace, &workspace.path(&format!("plugins/hostile/{name}.wasm")), &bytes)?;
    }
    build_python(workspace)
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
                none => match python::Tool::find_or_get(&folder, &tools) {
                    Ok(found) => none.insert(found),
                    Err(error) if std::env::var_os("CI").is_none_or(|value| value != "true") => {
                        eprintln!("warning: the guests in Python are left out: {error:#}");
                        return Ok(());
                    }
                    Err(error) => return Err(error.context("the guests in Python")),
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

/// Flags that keep this machine's folders out of the guests' panic messages: one source gives one component, and its
/// digest says the same everywhere.
fn without_paths(workspace: &Workspace) -> Result<String> {
    let cargo_home = match std::env::var_os("CARGO_HOME") {
        Some(folder) => PathBuf::from(folder),
        None => std::env::home_dir().context("no home folder")?.join(".cargo"),
    };
    // The last one that fits counts: folders within the root come after it.
    let folders = [
        (workspace.path(""), ""),
        (workspace.path("plugins"), "plugins"),
        (workspace.target("wasm-toolchain"), "rust"),
        (cargo_home, "cargo"),
    ];
    let flags = folders.map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display()));
    Ok(flags.join("\u{1f}"))
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
