//! The commands that are made of several steps.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ft_guest_build::Cargo;

use crate::guests;
use crate::licences;
use crate::workspace::{Workspace, output, run};

/// The plugins that the demo runs: its task, and the optimizer that is the default.
const DEMO_PLUGINS: [&str; 2] = ["sst2", "momentum"];

/// From nothing to the table: plugins, host, model, a run of SST-2 on the bundled sample.
///
/// # Errors
/// If a build fails, the model cannot be fetched, or the run fails.
pub(crate) fn demo(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let given = |option: &str| is_given(arguments, option);
    if given("--task") || given("--optimizer") || given("--config") {
        // Which plugins these come to is the host's to say, and it is not built yet.
        guests::build(workspace)?;
    } else {
        guests::build_only(workspace, &DEMO_PLUGINS)?;
    }
    let host = build_host(workspace)?;
    run(workspace.program(&host).args(["model", "pull"]))?;
    let mut demo = workspace.program(&host);
    demo.args(["run", "--task", "plugins/sst2.wasm", "--data", "sample"]);
    if !given("--out") {
        demo.arg("--out").arg(fresh_folder(workspace, "demo"));
    }
    if !given("--steps") && !given("--score-steps") {
        // Enough steps to see where it goes, in a third of the time.
        demo.args(["--score-steps", "5,10,15"]);
    }
    if !["--select", "--held-out", "--config"].into_iter().any(given) {
        // The paper's: held-out examples would take their time, and select the step that the table is to lead up to.
        demo.args(["--select", "last"]);
    }
    run(demo.args(arguments))
}

/// Whether an option is among the arguments, as `--option value` or `--option=value`.
fn is_given(arguments: &[String], option: &str) -> bool {
    arguments.iter().any(|argument| argument.split('=').next() == Some(option))
}

/// The program, as users have it.
///
/// # Errors
/// If it cannot be built.
pub(crate) fn build_host(workspace: &Workspace) -> Result<PathBuf> {
    // Not by its package: features are those of the whole workspace then, as in `test`, which need not compile it again.
    run(workspace.cargo().args(["build", "--release", "--bin", "ft-host"]))?;
    Ok(workspace.target(&format!("release/ft-host{}", std::env::consts::EXE_SUFFIX)))
}

/// Every test: the licences, the guests' own on this machine's target, then the host's with the guests as components.
pub(crate) fn test(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    licences::check(workspace)?;
    guests::build(workspace)?;
    run(Cargo::new(&workspace.path("plugins"), &workspace.target("plugins")).call("test").arg("--locked"))?;
    let host = build_host(workspace)?;
    if let Err(error) = run(workspace.program(&host).args(["model", "pull"])) {
        // The tests that need the model say so themselves, and fail where checks are made.
        eprintln!("warning: the default model could not be had: {error:#}");
    }
    run(workspace.cargo().args(["test", "--release", "--workspace"]).args(arguments))
}

/// A bench, with fresh plugins: the one of all figures, or another by its name behind `--bench`.
pub(crate) fn bench(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    guests::build(workspace)?;
    let (name, arguments) = match arguments {
        [flag, name, rest @ ..] if flag == "--bench" => (name.as_str(), rest),
        all => ("performance", all),
    };
    run(workspace.cargo().args(["bench", "--workspace", "--bench", name, "--"]).args(arguments))
}

/// Type-checks the feature `cuda`, in the profile that compiles proc macros without optimising them. Its kernels are
/// empty, so the target folder is one that is never linked from.
pub(crate) fn check_cuda(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo
        .env("NVCC", workspace.path("xtask/cuda/nvcc"))
        .env("CUDA_COMPUTE_CAP", "90")
        .env("CUDARC_CUDA_VERSION", "13000");
    cargo.args(["check", "--release", "--package", "ft-host", "--features", "cuda", "--all-targets", "--target-dir"]);
    run(cargo.arg(workspace.target("cuda-check")).args(arguments))
}

/// Builds the program with the feature `cuda`, without a GPU and without CUDA installed; it starts on machines of both
/// kinds. `CUDA_COMPUTE_CAP` chooses the chips, 90 (Hopper) where it is not set.
pub(crate) fn cuda(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let cudarc = cudarc_source(workspace)?;
    let mut setup = workspace.program("bash");
    setup.arg(workspace.path("xtask/cuda/setup.sh")).arg(workspace.target("cuda-13.0")).arg(cudarc);
    let home = PathBuf::from(output(&mut setup)?);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(home.join("bin")).chain(std::env::split_paths(&folders)))?;
    let mut cargo = workspace.cargo();
    if std::env::var_os("CUDA_COMPUTE_CAP").is_none() {
        cargo.env("CUDA_COMPUTE_CAP", "90");
    }
    cargo
        .env("CUDA_HOME", &home)
        .env("NVCC", home.join("bin/nvcc"))
        .env("PATH", path)
        .env("CUDARC_CUDA_VERSION", "13000")
        .env("NVCC_APPEND_FLAGS", "--compress-mode=size");
    cargo.args(["build", "--release", "--package", "ft-host", "--features", "cuda", "--target-dir"]);
    run(cargo.arg(workspace.target("cuda")).args(arguments))
}

/// The folder in which cargo keeps the source of the `cudarc` that the lock file names.
fn cudarc_source(workspace: &Workspace) -> Result<PathBuf> {
    let metadata = output(workspace.cargo().args(["metadata", "--format-version", "1", "--all-features"]))?;
    let metadata: serde_json::Value = serde_json::from_str(&metadata)?;
    let packages = metadata["packages"].as_array().into_iter().flatten();
    let manifest = packages.filter(|package| package["name"] == "cudarc").find_map(|p| p["manifest_path"].as_str());
    let folder = manifest.and_then(|manifest| Path::new(manifest).parent());
    Ok(folder.context("Cargo.lock names no cudarc")?.to_owned())
}

/// The first of `target/<name>/1`, `target/<name>/2`, ... that is not there.
pub(crate) fn fresh_folder(workspace: &Workspace, name: &str) -> PathBuf {
    let mut number = 1;
    loop {
        let folder = workspace.target(&format!("{name}/{number}"));
        if !folder.exists() {
            return folder;
        }
        number += 1;
    }
}
