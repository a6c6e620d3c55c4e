//! A call of cargo for guests, and what comes of it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::process::{program, words};
use crate::{BuildError, Compiler};

/// Set for the host's build by those who call this: its compiler with flags and wrappers, its target. Guests build with
/// exactly what their manifest says.
const HOST_ONLY: [&str; 10] = [
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTC",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
];

/// Cargo in the workspace of one or several guests.
pub struct Cargo {
    folder: PathBuf,
    target: PathBuf,
    /// The packages to build; empty for all that cargo builds in the folder.
    packages: Vec<String>,
}

/// A core module that cargo built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// The package that it was built from.
    pub package: String,
    /// The module's file.
    pub path: PathBuf,
}

impl Cargo {
    /// Cargo in `folder`, with what it builds below `target`.
    pub fn new(folder: &Path, target: &Path) -> Self {
        Self { folder: folder.to_owned(), target: target.to_owned(), packages: Vec::new() }
    }

    /// Restricts [`build`](Self::build) to some packages of the workspace.
    pub fn only(mut self, packages: &[&str]) -> Self {
        self.packages = packages.iter().map(|&package| package.to_owned()).collect();
        self
    }

    /// Cargo in `folder`, with what it builds where cargo itself would have it.
    pub fn in_folder(folder: &Path) -> Self {
        let named = std::env::var_os("CARGO_TARGET_DIR").filter(|name| !name.is_empty()).map(PathBuf::from);
        // From the folder that the user is in, not from the guest's.
        let named = named.and_then(|target| std::path::absolute(target).ok());
        let target = named.or_else(|| std::path::absolute(folder.join("target")).ok());
        Self::new(folder, &target.unwrap_or_else(|| folder.join("target")))
    }

    /// A call of cargo's `subcommand`, free of what is set for the host.
    pub fn call(&self, subcommand: &str) -> Command {
        let mut cargo = program(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        let profiles = std::env::vars_os().map(|(name, _)| name);
        let profiles = profiles.filter(|name| name.to_string_lossy().starts_with("CARGO_PROFILE_"));
        for name in HOST_ONLY.map(Into::into).into_iter().chain(profiles) {
            cargo.env_remove(name);
        }
        cargo.current_dir(&self.folder).arg(subcommand).arg("--target-dir").arg(&self.target);
        cargo
    }

    /// Builds the core modules of the workspace's guests, or of those that [`only`](Self::only) names.
    ///
    /// # Errors
    /// If cargo cannot be started or reports a failure.
    pub fn build(&self, compiler: &Compiler, locked: bool) -> Result<Vec<Module>, BuildError> {
        let mut cargo = self.build_call(locked);
        compiler.apply(&mut cargo);
        cargo.env("CARGO_ENCODED_RUSTFLAGS", without_paths(compiler));
        let started = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
        let output = started.map_err(|source| BuildError::Start { words: words(&cargo), source })?;
        if !output.status.success() {
            return Err(BuildError::Ended { words: "`cargo build`".into(), status: output.status.to_string() });
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().filter_map(|line| module(&serde_json::from_str(line).ok()?)).collect())
    }

    fn build_call(&self, locked: bool) -> Command {
        let mut cargo = self.call("build");
        cargo.args(["--release", "--message-format=json-render-diagnostics"]);
        if locked {
            cargo.arg("--locked");
        }
        for package in &self.packages {
            cargo.args(["--package", package]);
        }
        cargo
    }
}

/// The module that a message of cargo's tells of.
fn module(message: &Value) -> Option<Module> {
    let is_module = message["reason"] == "compiler-artifact"
        && message["target"]["kind"].as_array()?.iter().any(|kind| kind == "cdylib");
    let files = message["filenames"].as_array().filter(|_| is_module)?.iter().filter_map(Value::as_str);
    let path = files.map(PathBuf::from).find(|path| path.extension() == Some(OsStr::new("wasm")))?;
    // `path+file:///folder#name@version`, or `...name#version` where the folder is called like the package.
    let (before, after) = message["package_id"].as_str()?.rsplit_once('#')?;
    let package = match after.split_once('@') {
        Some((name, _)) => name,
        None => before.rsplit('/').next()?,
    };
    Some(Module { package: package.to_owned(), path })
}

/// Flags that keep this machine's folders out of the guests' panic messages: one source gives one component, and its
/// digest says the same everywhere. What lies in the workspace itself has relative paths already.
fn without_paths(compiler: &Compiler) -> String {
    let cargo_home = match std::env::var_os("CARGO_HOME") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => std::env::home_dir().map(|home| home.join(".cargo")),
    };
    let folders = [(compiler.folder().map(Path::to_owned), "rust"), (cargo_home, "cargo")];
    let flags = folders.into_iter().filter_map(|(folder, name)| Some((folder?, name)));
    let flags: Vec<String> =
        flags.map(|(folder, name)| format!("--remap-path-prefix={}={name}", folder.display())).collect();
    flags.join("\u{1f}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_of_all_packages_or_of_those_named() {
        let packages = |cargo: &Cargo| {
            let call = cargo.build_call(true);
            let words: Vec<_> = call.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
            let named = words.windows(2).filter(|pair| pair[0] == "--package");
            named.map(|pair| pair[1].clone()).collect::<Vec<_>>()
        };
        let cargo = Cargo::new(Path::new("guests"), Path::new("target"));
        assert!(packages(&cargo).is_empty());
        assert_eq!(packages(&cargo.only(&["sst2", "momentum"])), ["sst2", "momentum"]);
    }

    #[test]
    fn modules_are_told_from_other_artifacts() {
        let message = |id: &str, kind: &str, file: &str| {
            serde_json::json!({
                "reason": "compiler-artifact", "package_id": id, "target": {"kind": [kind]}, "filenames": [file],
            })
        };
        let found = |message: &Value| module(message).map(|module| module.package);
        let file = "/t/release/trust_ratio.wasm";
        assert_eq!(found(&message("path+file:///p/trust-ratio#0.1.0", "cdylib", file)).as_deref(), Some("trust-ratio"));
        assert_eq!(
            found(&message("path+file:///p/task#hostile-task@0.1.0", "cdylib", file)).as_deref(),
            Some("hostile-task")
        );
        assert_eq!(found(&message("path+file:///p/sdk#ft-plugin@0.1.0", "lib", "/t/libft.rlib")), None);
        assert_eq!(found(&serde_json::json!({"reason": "build-finished", "success": true})), None);
    }
}
