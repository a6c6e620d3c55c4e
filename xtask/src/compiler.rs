//! Which compiler builds guests. Whoever has rustup gets the target from it; machines that may not download toolchains
//! take Debian's WebAssembly compiler, unpacked below the target folder and never installed.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::workspace::{self, Workspace, is_there, output};

/// The target of all guests: nothing but core WebAssembly, so that a component imports the WIT package alone.
pub const TARGET: &str = "wasm32-unknown-unknown";

const SCRIPT: &str = "xtask/debian-rustc.sh";

/// A compiler for [`TARGET`].
pub enum Compiler {
    /// The active toolchain, which has the target's standard library.
    Toolchain,
    /// Debian's compiler, which builds the standard library along with the guests.
    Debian {
        /// Runs it.
        rustc: PathBuf,
        /// The active toolchain's linker.
        linker: PathBuf,
    },
}

impl Compiler {
    /// Finds one, or gets one, and says which.
    pub fn choose(workspace: &Workspace) -> Result<Self> {
        if toolchain_has_target(workspace)? {
            eprintln!("guests: built by the active toolchain");
            return Ok(Self::Toolchain);
        }
        let may_download = std::env::var_os("RUSTUP_AUTO_INSTALL").is_none_or(|value| value != "0");
        if may_download && is_there("rustup") {
            eprintln!("guests: the active toolchain lacks {TARGET}; `rustup target add {TARGET}` gets it");
            match workspace::run(workspace.program("rustup").args(["target", "add", TARGET])) {
                Ok(()) if toolchain_has_target(workspace)? => return Ok(Self::Toolchain),
                Ok(()) => eprintln!("guests: rustup has the target now, but `rustc` is not rustup's"),
                Err(error) => eprintln!("guests: {error:#}"),
            }
        }
        if is_there("apt-get") && is_there("dpkg") {
            return Self::debian(workspace);
        }
        bail!(
            "no compiler for {TARGET}: run `rustup target add {TARGET}`, or install your distribution's standard \
             library for that target"
        )
    }

    fn debian(workspace: &Workspace) -> Result<Self> {
        let folder = workspace.target("wasm-toolchain");
        let rustc = output(workspace.program("bash").arg(workspace.path(SCRIPT)).arg(&folder))
            .with_context(|| format!("no compiler for {TARGET}: `rustup target add {TARGET}` would get one"))?;
        let linker = rust_lld(workspace)?;
        eprintln!("guests: built by Debian's compiler in {}", workspace.shown(&folder));
        Ok(Self::Debian { rustc: rustc.into(), linker })
    }

    /// Sets up a cargo call for it.
    pub fn apply(&self, cargo: &mut Command) {
        cargo.args(["--target", TARGET]);
        if let Self::Debian { rustc, linker } = self {
            cargo.env("RUSTC", rustc).env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
            // Building the standard library is not stable yet; this allows it for this one call.
            cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_abort");
        }
    }
}

fn toolchain_has_target(workspace: &Workspace) -> Result<bool> {
    let folder = rustc(workspace, &["--print", "target-libdir", "--target", TARGET])?;
    Ok(Path::new(&folder).exists())
}

/// The linker that comes with the active toolchain; Debian's package has none.
fn rust_lld(workspace: &Workspace) -> Result<PathBuf> {
    let sysroot = rustc(workspace, &["--print", "sysroot"])?;
    let version = rustc(workspace, &["-vV"])?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).context("`rustc -vV` names no host")?;
    let linker = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin/rust-lld");
    if !linker.exists() {
        bail!("the active toolchain has no linker at {}: use one from rustup", linker.display());
    }
    Ok(linker)
}

fn rustc(workspace: &Workspace, arguments: &[&str]) -> Result<String> {
    output(workspace.program("rustc").args(arguments))
}
