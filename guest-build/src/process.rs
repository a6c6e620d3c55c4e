//! Other programs.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::BuildError;

/// What a program prints on its standard output, without the line's end; its messages go where ours go.
pub fn output(command: &mut Command) -> Result<String, BuildError> {
    let started = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let Output { status, stdout, .. } =
        started.map_err(|source| BuildError::Start { words: words(command), source })?;
    if !status.success() {
        return Err(BuildError::Ended { words: words(command), status: status.to_string() });
    }
    let text = String::from_utf8(stdout);
    let text = text.map_err(|_| BuildError::Answer { words: words(command), expected: "text" })?;
    Ok(text.trim_end().to_owned())
}

/// Runs a program to its end; all that it prints goes to our standard error.
pub fn run(command: &mut Command) -> Result<(), BuildError> {
    let status = command.stdin(Stdio::null()).stdout(std::io::stderr()).status();
    let status = status.map_err(|source| BuildError::Start { words: words(command), source })?;
    if status.success() {
        return Ok(());
    }
    Err(BuildError::Ended { words: words(command), status: status.to_string() })
}

/// Whether a program is there and answers to `--version`.
pub fn is_there(program: impl AsRef<OsStr>) -> bool {
    let mut command = Command::new(program);
    let status = command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

/// A call, as a person would type it.
pub fn words(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words: Vec<_> = std::iter::once(program).chain(command.get_args()).map(OsStr::to_string_lossy).collect();
    format!("`{}`", words.join(" "))
}
