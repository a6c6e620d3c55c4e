//! `cargo xtask recorded-runs`: many small runs of the program, written down without their times, so that what two
//! versions of it leave can be compared byte by byte.
//!
//! - [`cases`]: the runs.
//! - [`place`]: a temporary folder with plugins, models and rows, in which they are done and recorded.
//! - [`times`]: what differs between two runs of one configuration, taken out.
//! - [`difference`]: two recordings held to each other.

mod cases;
mod difference;
mod place;
mod times;

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use crate::chores;
use crate::guests;
use crate::workspace::Workspace;
use place::Place;

/// What is asked on the command line.
#[derive(Debug, Default, PartialEq)]
struct Settings {
    out: Option<PathBuf>,
    against: Option<PathBuf>,
    host: Option<PathBuf>,
    plugins: Option<PathBuf>,
}

impl Settings {
    fn read(arguments: &[String]) -> Result<Self> {
        let mut settings = Self::default();
        let mut arguments = arguments.iter();
        while let Some(flag) = arguments.next() {
            let setting = match flag.as_str() {
                "--out" => &mut settings.out,
                "--against" => &mut settings.against,
                "--host" => &mut settings.host,
                "--plugins" => &mut settings.plugins,
                other => bail!("expected --out, --against, --host or --plugins, got `{other}`"),
            };
            let path = arguments.next().with_context(|| format!("expected a path behind `{flag}`, got nothing"))?;
            ensure!(setting.replace(std::path::absolute(path)?).is_none(), "expected `{flag}` once, got it twice");
        }
        Ok(settings)
    }
}

/// Does all runs and records them, and compares them with an earlier recording.
///
/// # Errors
/// If anything cannot be built, called, read or written, if a run ends otherwise than it should, or if the recordings
/// differ.
pub fn record(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let settings = Settings::read(arguments)?;
    let out = settings.out.unwrap_or_else(|| chores::fresh_folder(workspace, "recorded-runs"));
    ensure!(!out.exists(), "expected a new folder for `--out`, got {}: remove it or name another", out.display());
    if let Some(against) = &settings.against {
        ensure!(against.is_dir(), "expected an earlier recording for `--against`, got {}", against.display());
    }
    let plugins = match settings.plugins {
        Some(plugins) => plugins,
        None => {
            guests::build(workspace)?;
            workspace.path("plugins")
        }
    };
    let host = match settings.host {
        Some(host) => host,
        None => chores::build_host(workspace)?,
    };

    let place = Place::new(workspace, &host, &plugins)?;
    let mut otherwise = Vec::new();
    let cases = cases::all(&place.stock);
    for case in &cases {
        let status = place.record(case)?;
        if status != Some(case.status) {
            otherwise.push(format!("{}: expected exit status {}, got {status:?}", case.name, case.status));
        }
    }
    place.hand_over(&out)?;
    println!("{} runs are recorded in {}", cases.len(), workspace.shown(&out));

    let differences = match &settings.against {
        Some(against) => difference::between(against, &out)?,
        None => Vec::new(),
    };
    otherwise.iter().chain(&differences).for_each(|line| println!("{line}"));
    ensure!(otherwise.is_empty(), "{} runs ended otherwise than they should; their `stderr` says why", otherwise.len());
    if let Some(against) = &settings.against {
        ensure!(differences.is_empty(), "{} files differ from {}", differences.len(), against.display());
        println!("no difference from {}", workspace.shown(against));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Settings> {
        Settings::read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn flags_are_read_in_any_order() {
        let settings = read("--against /old --plugins /p --out /new --host /h").unwrap();
        let path = |path: &str| Some(std::path::absolute(path).unwrap());
        let expected = Settings { out: path("/new"), against: path("/old"), host: path("/h"), plugins: path("/p") };
        assert_eq!(settings, expected);
        assert_eq!(read("").unwrap(), Settings::default());
    }

    #[test]
    fn faulty_flags_are_told() {
        let error = |line| read(line).unwrap_err().to_string();
        assert_eq!(error("--outt x"), "expected --out, --against, --host or --plugins, got `--outt`");
        assert_eq!(error("--out"), "expected a path behind `--out`, got nothing");
        assert_eq!(error("--out a --out b"), "expected `--out` once, got it twice");
    }
}
