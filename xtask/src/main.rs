//! `cargo xtask`: what it takes to build, show and check the project, in one word each.
//!
//! - [`workspace`]: where things are, and how cargo is called.
//! - [`guests`]: guests become components at `plugins/*.wasm`.
//! - [`fixtures`]: components for the sandbox's tests that no guest toolchain makes.
//! - [`figures`]: the sources' structure in numbers.
//! - [`licences`]: what dependencies may be under, by `deny.toml`.
//! - [`recorded_runs`]: small runs written down, and compared with those of another version.
//! - [`wit_docs`]: the contract as a page.
//! - [`chores`]: the commands made of these.

mod chores;
mod figures;
mod fixtures;
mod guests;
mod licences;
mod recorded_runs;
mod wit_docs;
mod workspace;

use std::process::ExitCode;

use anyhow::{Result, bail};

use workspace::Workspace;

const HELP: &str = "\
usage: cargo xtask COMMAND [ARGUMENTS]

  plugins      build tasks, meta-optimizers and the sandbox's fixtures to plugins/*.wasm
  demo         build what it runs, fetch the model, run SST-2 on the bundled sample; ARGUMENTS go to `ft-host run`
  test         check licences, build plugins and run every test; ARGUMENTS go to the host's `cargo test`
  licences     hold every package of the lock files to the licences in deny.toml
  wit          render wit/plugin.wit to docs/wit.md
  bench        build plugins and measure: `bench [--bench NAME] [--quick] [PART...]`; docs/performance.md says what
  recorded-runs  record many small runs without their times, and compare them with an earlier recording:
               `recorded-runs [--out DIR] [--against DIR] [--host FILE] [--plugins DIR]`; docs/recorded-runs.md says how
  figures      print files, lines, public items, circles of imports, long functions and short doc comments
  cuda         build the host with the feature `cuda` to target/cuda/release; ARGUMENTS go to `cargo build`
  check-cuda   type-check the feature `cuda` without a CUDA compiler; ARGUMENTS go to `cargo check`";

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    match run(command.as_deref(), &arguments.collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Option<&str>, arguments: &[String]) -> Result<()> {
    let workspace = Workspace::find()?;
    match command {
        Some("plugins") if arguments.is_empty() => guests::build(&workspace),
        Some("plugins") => bail!("`plugins` takes no arguments: it builds all"),
        Some("demo") => chores::demo(&workspace, arguments),
        Some("test") => chores::test(&workspace, arguments),
        Some("licences") if arguments.is_empty() => licences::check(&workspace),
        Some("licences") => bail!("`licences` takes no arguments"),
        Some("wit") if arguments.is_empty() => wit_docs::write(&workspace),
        Some("wit") => bail!("`wit` takes no arguments"),
        Some("bench") => chores::bench(&workspace, arguments),
        Some("recorded-runs") => recorded_runs::record(&workspace, arguments),
        Some("figures") if arguments.is_empty() => figures::print(&workspace),
        Some("figures") => bail!("`figures` takes no arguments"),
        Some("cuda") => chores::cuda(&workspace, arguments),
        Some("check-cuda") => chores::check_cuda(&workspace, arguments),
        Some("help" | "--help" | "-h") => {
            println!("{HELP}");
            Ok(())
        }
        Some(other) => bail!("no command `{other}`\n\n{HELP}"),
        None => bail!("which command?\n\n{HELP}"),
    }
}
