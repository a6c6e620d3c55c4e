//! Which compiler builds guests. Whoever has rustup gets the target from it; machines that may not download toolchains
//! take Debian's WebAssembly compiler, unpacked into a folder and never installed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::BuildError;
use crate::process::{is_there, output, program, run, words};

/// The target of all Rust guests: nothing but core WebAssembly, so that a component imports the WIT package alone.
const TARGET: &str = "wasm32-unknown-unknown";

/// Unpacks Debian's compiler into a folder and prints where it is.
const SCRIPT: &str = include_str!("../debian-rustc.sh");

/// A compiler of Rust guests for the target `wasm32-unknown-unknown`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Compiler {
    /// The active toolchain, which has the target's standard library.
    Toolchain,
    /// Debian's compiler, which builds the standard library along with the guests.
    Debian {
        /// The folder that it was unpacked into.
        folder: PathBuf,
        /// The script that runs the compiler.
        rustc: PathBuf,
        /// The active toolchain's linker; Debian's package has none.
        linker: PathBuf,
    },
}

impl Compiler {
    /// Finds one, or gets one, and says which, for the guests in `guests`: rustup chooses the toolchain by the folder
    /// that it is called in. `folder` is where Debian's would be unpacked.
    ///
    /// # Errors
    /// If there is none and none can be had.
    pub fn choose(guests: &Path, folder: &Path, say: &dyn Fn(&str)) -> Result<Self, BuildError> {
        if toolchain_has_target(guests)? {
            say("guests: built by the active toolchain");
            return Ok(Self::Toolchain);
        }
        let may_download = std::env::var_os("RUSTUP_AUTO_INSTALL").is_none_or(|value| value != "0");
        let mut tried = None;
        if may_download && is_there("rustup") {
            say(&format!("guests: the active toolchain lacks {TARGET}; `rustup target add {TARGET}` gets it"));
            match run(program("rustup").args(["target", "add", TARGET]).current_dir(guests)) {
                Ok(()) if toolchain_has_target(guests)? => return Ok(Self::Toolchain),
                Ok(()) => tried = Some("rustup has the target now, but `rustc` is not rustup's".to_owned()),
                Err(error) => tried = Some(error.to_string()),
            }
        }
        if is_there("apt-get") && is_there("dpkg") {
            return Self::debian(guests, folder, say);
        }
        Err(BuildError::NoCompiler { target: TARGET, tried })
    }

    fn debian(guests: &Path, folder: &Path, say: &dyn Fn(&str)) -> Result<Self, BuildError> {
        let rustc = unpack(folder)
            .map_err(|error| BuildError::NoCompiler { target: TARGET, tried: Some(error.to_string()) })?;
        let linker = rust_lld(guests)?;
        say(&format!("guests: built by Debian's compiler in {}", folder.display()));
        Ok(Self::Debian { folder: folder.to_owned(), rustc: rustc.into(), linker })
    }

    /// Sets up a cargo call for it.
    pub(crate) fn apply(&self, cargo: &mut Command) {
        cargo.args(["--target", TARGET]);
        if let Self::Debian { rustc, linker, .. } = self {
            cargo.env("RUSTC", rustc).env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
            // Building the standard library is not stable yet; this allows it for this one call.
            cargo.env("RUSTC_BOOTSTRAP", "1").arg("-Zbuild-std=std,panic_abort");
        }
    }

    /// The folder with the sources of the standard library that it builds, if it does.
    pub(crate) fn folder(&self) -> Option<&Path> {
        match self {
            Self::Toolchain => None,
            Self::Debian { folder, .. } => Some(folder),
        }
    }
}

/// Runs the script, which is not a file of its own where this program is installed.
fn unpack(folder: &Path) -> Result<String, BuildError> {
    let mut bash = program("bash");
    bash.args(["--noprofile", "--norc", "-s", "--"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    let start = |source| BuildError::Start { words: "`bash`".into(), source };
    let mut child = bash.spawn().map_err(start)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A script that ends early has said why, and its status tells.
        let _ = stdin.write_all(SCRIPT.as_bytes());
    }
    let output = child.wait_with_output().map_err(start)?;
    if !output.status.success() {
        let words = "the script that unpacks Debian's compiler".to_owned();
        return Err(BuildError::Ended { words, status: output.status.to_string() });
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
}

fn toolchain_has_target(guests: &Path) -> Result<bool, BuildError> {
    let folder = rustc(guests, &["--print", "target-libdir", "--target", TARGET])?;
    Ok(Path::new(&folder).exists())
}

/// The linker that comes with the active toolchain.
fn rust_lld(guests: &Path) -> Result<PathBuf, BuildError> {
    let sysroot = rustc(guests, &["--print", "sysroot"])?;
    let version = ["-vV"];
    let answer = rustc(guests, &version)?;
    let host = answer.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| BuildError::Answer {
        words: words(program("rustc").args(version)),
        expected: "the name of this machine's target",
    })?;
    let linker = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin/rust-lld");
    if !linker.exists() {
        return Err(BuildError::NoLinker { linker });
    }
    Ok(linker)
}

fn rustc(guests: &Path, arguments: &[&str]) -> Result<String, BuildError> {
    output(program("rustc").current_dir(guests).args(arguments))
}
