//! The commands that are made of several steps.

use std::path::PathBuf;

use anyhow::Result;

use crate::guests;
use crate::workspace::{Workspace, run};

/// From nothing to the table: plugins, host, model, a run of SST-2 on the bundled sample.
pub fn demo(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    guests::build(workspace)?;
    run(workspace.cargo().args(["build", "--release", "--package", "ft-host"]))?;
    let host = workspace.target(&format!("release/ft-host{}", std::env::consts::EXE_SUFFIX));
    run(workspace.program(&host).args(["model", "pull"]))?;
    let mut demo = workspace.program(&host);
    demo.args(["run", "--task", "plugins/sst2.wasm", "--data", "sample"]);
    if !arguments.iter().any(|argument| argument == "--out" || argument.starts_with("--out=")) {
        demo.arg("--out").arg(fresh_folder(workspace));
    }
    run(demo.args(arguments))
}

/// Every test: the guests' own on this machine's target, then the host's with the guests as components.
pub fn test(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    guests::build(workspace)?;
    run(workspace.guest_cargo().args(["test", "--locked", "--target-dir"]).arg(workspace.target("plugins")))?;
    run(workspace.cargo().args(["test", "--release", "--workspace"]).args(arguments))
}

/// The benches, with fresh plugins.
pub fn bench(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    guests::build(workspace)?;
    run(workspace.cargo().args(["bench", "--package", "ft-host"]).args(arguments))
}

/// Type-checks the feature `cuda`, in the profile that compiles proc macros without optimising them. Its kernels are empty, so the target folder is one that is never linked from.
pub fn check_cuda(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let mut cargo = workspace.cargo();
    cargo
        .env("NVCC", workspace.path("xtask/cuda/nvcc"))
        .env("CUDA_COMPUTE_CAP", "90")
        .env("CUDARC_CUDA_VERSION", "13000");
    cargo.args(["check", "--release", "--package", "ft-host", "--features", "cuda", "--all-targets", "--target-dir"]);
    run(cargo.arg(workspace.target("cuda-check")).args(arguments))
}

/// The first of `target/demo/1`, `target/demo/2`, ... that is not there.
fn fresh_folder(workspace: &Workspace) -> PathBuf {
    let mut number = 1;
    loop {
        let folder = workspace.target(&format!("demo/{number}"));
        if !folder.exists() {
            return folder;
        }
        number += 1;
    }
}
